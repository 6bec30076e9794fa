//! The habits of this project, held by looking at its files.
#![expect(
    clippy::expect_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const LINES_MAX: usize = 500;

/// Names that say nothing about what is inside.
const VAGUE: &[&str] = &[
    "util", "utils", "helper", "helpers", "manager", "common", "service", "services",
];

/// What is not finished, or not meant to stay. Split, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("FIX", "ME"),
    concat!("#[", "ignore]"),
    concat!("#[", "ignore ="),
];

/// A clone stands alone: nothing beside it is there.
const OUTSIDE: &str = concat!("../", "shared");

const TRANSCRIPTS: &str = "actors/tests/rooms";

struct Tree {
    root: PathBuf,
    /// Files relative to the root, without build output and what git keeps.
    files: Vec<PathBuf>,
}

impl Tree {
    fn read() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).expect("a readable folder") {
                let entry = entry.expect("an entry");
                let path = folder.join(entry.file_name());
                let kind = entry.file_type().expect("a kind of file");
                let is_ours = !path.starts_with("target") && !path.starts_with(".git");
                if kind.is_dir() && is_ours {
                    folders.push(path);
                } else if kind.is_file() && is_ours {
                    files.push(path);
                }
            }
        }
        files.sort();
        Self { root, files }
    }

    fn rust(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.iter().map(PathBuf::as_path);
        files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
    }

    /// The text of a file; empty when it is none.
    fn text(&self, path: &Path) -> String {
        let bytes = fs::read(self.root.join(path)).expect("a readable file");
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// `path:line` of every line in these files that holds one of these words.
    fn lines_with<'a>(&self, files: impl Iterator<Item = &'a Path>, words: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for path in files {
            for (line, number) in self.text(path).lines().zip(1..) {
                if words.iter().any(|word| line.contains(word)) {
                    found.push(format!("{}:{number}: {}", path.display(), line.trim()));
                }
            }
        }
        found
    }
}

#[track_caller]
fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default()
}

#[test]
fn the_tree_is_seen() {
    let tree = Tree::read();
    for path in [
        "tests/tidy.rs",
        "Cargo.toml",
        "actors/src/lib.rs",
        "loadtest/src/main.rs",
    ] {
        assert!(
            tree.files.contains(&PathBuf::from(path)),
            "{path} was not looked at"
        );
    }
}

#[test]
fn files_are_short() {
    let tree = Tree::read();
    let long = tree.rust().filter_map(|path| {
        let lines = tree.text(path).lines().count();
        (lines > LINES_MAX).then(|| format!("{}:{}: {lines} lines", path.display(), LINES_MAX + 1))
    });
    assert_none(&long.collect::<Vec<_>>(), "one idea per file, at most 500 lines");
}

#[test]
fn names_say_what_is_inside() {
    let tree = Tree::read();
    let is_vague = |path: &Path| VAGUE.contains(&stem(path));
    let vague = tree.rust().filter(|path| path.ancestors().any(is_vague));
    let vague: Vec<_> = vague.map(|path| format!("{}:1", path.display())).collect();
    assert_none(&vague, "name files and folders after what they hold");
}

#[test]
fn nothing_is_unfinished() {
    let tree = Tree::read();
    assert_none(
        &tree.lines_with(tree.rust(), UNFINISHED),
        "finish it, or leave it out",
    );
}

#[test]
fn a_clone_stands_alone() {
    let tree = Tree::read();
    let outside_docs = tree
        .files
        .iter()
        .map(PathBuf::as_path)
        .filter(|path| !path.starts_with("docs"));
    assert_none(
        &tree.lines_with(outside_docs, &[OUTSIDE]),
        "copy what is needed into the tree",
    );
}

/// A namespace is a file of the protocol that defines commands; its rules are told by transcripts named after it.
#[test]
fn every_namespace_has_a_transcript() {
    let tree = Tree::read();
    if !tree.root.join(TRANSCRIPTS).is_dir() {
        return;
    }
    let in_folder = |folder: &'static str| {
        tree.files
            .iter()
            .filter(move |path| path.parent() == Some(Path::new(folder)))
    };
    let transcripts: BTreeSet<_> = in_folder(TRANSCRIPTS).map(|path| stem(path)).collect();
    let silent = in_folder("actors/src/protocol").filter_map(|path| {
        let (line, number) = tree.text(path).lines().zip(1..).find_map(|(line, number)| {
            let name = line.strip_prefix("pub enum ")?.split([' ', '<']).next()?;
            let defines_commands = name.len() > "Command".len() && name.ends_with("Command");
            defines_commands.then(|| (line.to_owned(), number))
        })?;
        let is_told = transcripts
            .iter()
            .any(|transcript| transcript.starts_with(stem(path)));
        (!is_told).then(|| format!("{}:{number}: {line}", path.display()))
    });
    let rule = format!("write a transcript {TRANSCRIPTS}/<namespace>….txt");
    assert_none(&silent.collect::<Vec<_>>(), &rule);
}
