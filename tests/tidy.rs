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

use serde_json::Value;

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

/// What can't be written as JSON must not become an empty text in silence (`actors/src/encoding.rs`).
#[test]
fn no_json_is_left_out_in_silence() {
    let tree = Tree::read();
    let calls = [
        concat!("serde_json::", "to_"),
        "serde_json::value::to_",
        "encoding::",
        "RawValue::from_string",
    ];
    let mut silent = Vec::new();
    for path in tree.rust() {
        let source = tree.text(path);
        for (at, _) in calls.iter().flat_map(|call| source.match_indices(call)) {
            let statement = source[at..].split(';').next().unwrap_or_default();
            let ends = [".unwrap_or_default()", ".ok()"];
            if ends.iter().any(|end| statement.contains(end)) {
                silent.push(format!("{}:{}", path.display(), source[..at].lines().count()));
            }
        }
    }
    assert_none(&silent, "hand the error on, see actors/src/encoding.rs");
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

/// The names that a client sees, and where the pages about them must name them.
const SIGNALING: &str = "docs/protocol/signaling.md";
const ASYNCAPI: &str = "docs/protocol/asyncapi.json";
const PROTOCOL: &str = "actors/src/protocol";

/// The namespace in which the server gives orders and is sent reports.
const OF_RECORDERS: &str = "recording_service";

/// Under what the messages of a side name themselves, of clients or of the server.
fn tag(namespace: &str, is_client: bool) -> &'static str {
    if is_client == (namespace == OF_RECORDERS) {
        "message"
    } else {
        "action"
    }
}

/// Names of an enum's variants as the wire spells them, without those that only tests have, or that are never sent.
fn wire_names(source: &str, name_ends_with: &str) -> Vec<String> {
    let (mut names, mut inside, mut only_in_tests) = (Vec::new(), false, false);
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("pub enum ") {
            let name = rest.split([' ', '<']).next().unwrap_or_default();
            inside = name.ends_with(name_ends_with);
        } else if line == "}" {
            inside = false;
        } else if inside
            && ["#[cfg(", "#[serde(skip)]", "#[schemars(skip)]"]
                .iter()
                .any(|left_out| line.trim_start().starts_with(left_out))
        {
            only_in_tests = true;
        } else if let Some(variant) = line.strip_prefix("    ").filter(|_| inside)
            && variant.starts_with(|first: char| first.is_ascii_uppercase())
            && !std::mem::take(&mut only_in_tests)
        {
            let variant = variant.split([' ', '(', ',']).next().unwrap_or_default();
            names.push(snake_case(variant));
        }
    }
    names
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The section of a page under `## title`.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let heading = format!("\n## {title}\n");
    let start = page.find(&heading).map_or(page.len(), |at| at + heading.len());
    let rest = &page[start..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn every_name_of_the_protocol_is_documented() {
    let tree = Tree::read();
    let page = tree.text(Path::new(SIGNALING));
    let (mut seen, mut missing) = (0, Vec::new());
    let files = tree
        .rust()
        .filter(|path| path.parent() == Some(Path::new(PROTOCOL)));
    for path in files {
        let (source, about) = (tree.text(path), section(&page, stem(path)));
        let commands = wire_names(&source, "Command").into_iter();
        let commands = commands.map(|name| format!(r#""{}":"{name}""#, tag(stem(path), true)));
        let events = wire_names(&source, "Event").into_iter();
        let errors = wire_names(&source, "Error").into_iter();
        let told = events.chain(errors).map(|name| format!("`{name}`"));
        for name in commands.chain(told) {
            seen += 1;
            // The enum of all namespaces names no actions.
            if stem(path) != "mod" && !about.contains(&name) {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(seen > 40, "only {seen} names were found");
    assert_none(
        &missing,
        &format!("tell of it in {SIGNALING}, under its namespace"),
    );
}

/// Errors that a room never sends: its sessions answer what they can't read, its actor a rule that panicked.
const NOT_OF_THE_ROOM: &[(&str, &str)] = &[
    ("control", "invalid_json"),
    ("control", "invalid_namespace"),
    ("control", "internal"),
];

#[test]
fn every_event_and_error_is_told_by_a_transcript() {
    let tree = Tree::read();
    let in_folder = |folder: &'static str| {
        let paths = tree.files.iter().map(PathBuf::as_path);
        paths.filter(move |path| path.parent() == Some(Path::new(folder)))
    };
    let transcripts: String = in_folder(TRANSCRIPTS).map(|path| tree.text(path)).collect();
    let (mut seen, mut untold, mut exceptions) = (0, Vec::new(), 0);
    for path in in_folder(PROTOCOL) {
        let (source, namespace) = (tree.text(path), stem(path));
        let events = wire_names(&source, "Event").into_iter();
        let tag = tag(namespace, false);
        let events = events.map(|name| (format!(r#"{{"{tag}":"{name}""#), name));
        let errors = wire_names(&source, "Error").into_iter();
        let errors = errors.map(|name| (format!(r#"{{"message":"error","error":"{name}""#), name));
        for (payload, name) in events.chain(errors) {
            seen += 1;
            let is_told =
                transcripts.contains(&format!(r#"{{"namespace":"{namespace}","payload":{payload}"#));
            let is_exception = NOT_OF_THE_ROOM.contains(&(namespace, name.as_str()));
            exceptions += usize::from(is_exception);
            if is_told == is_exception {
                untold.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(seen > 80, "only {seen} names were found");
    assert_eq!(
        exceptions,
        NOT_OF_THE_ROOM.len(),
        "an exception is no error any more"
    );
    let rule = format!("show it in a transcript of {TRANSCRIPTS}, or name it in NOT_OF_THE_ROOM, not both");
    assert_none(&untold, &rule);
}

/// The names in the table of namespaces: a line of each has its name, and its types with that of its commands first.
fn in_the_table(source: &str) -> Vec<String> {
    let name = |line: &str| {
        let (name, rest) = line.trim_start().split_once(' ')?;
        let (_, types) = rest.split_once('(')?;
        let commands = types.split(',').next()?;
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (is_name && commands.ends_with("Command") && !commands.contains('$')).then(|| name.to_owned())
    };
    source.lines().filter_map(name).collect()
}

/// The description for tools is generated: whatever is missing there was forgotten in the generator's list.
#[test]
fn every_name_of_the_protocol_is_in_the_description_for_tools() {
    let tree = Tree::read();
    let description: Value = serde_json::from_str(&tree.text(Path::new(ASYNCAPI))).expect("JSON");
    let messages = &description["components"]["messages"];
    let (mut seen, mut missing) = (0, Vec::new());
    let files = tree
        .rust()
        .filter(|path| path.parent() == Some(Path::new(PROTOCOL)));
    for path in files {
        let (source, namespace) = (tree.text(path), stem(path));
        if namespace == "namespaces" {
            let table = in_the_table(&source);
            assert!(table.contains(&"control".to_owned()), "the table was not found");
            let unknown = table.iter().filter(|name| {
                let operations = ["commands", "events"].map(|what| format!("{name}.{what}"));
                operations
                    .iter()
                    .any(|name| description["operations"][name].is_null())
            });
            missing.extend(unknown.map(|name| format!("{}: namespace {name}", path.display())));
            continue;
        }
        let commands = wire_names(&source, "Command");
        let errors: Vec<_> = description["x-error-codes"][namespace]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        let commands = commands.iter().map(|name| format!("command.{namespace}.{name}"));
        let events = wire_names(&source, "Event");
        let events = events.iter().map(|name| format!("event.{namespace}.{name}"));
        let mut lacking: Vec<_> = commands.chain(events).collect();
        seen += lacking.len();
        lacking.retain(|key| messages[key].is_null());
        for name in wire_names(&source, "Error") {
            seen += 1;
            if !errors.iter().any(|row| row["error"] == name) {
                lacking.push(format!("error.{namespace}.{name}"));
            }
        }
        missing.extend(lacking.iter().map(|key| format!("{}: {key}", path.display())));
    }
    assert!(seen > 100, "only {seen} names were found");
    assert_none(
        &missing,
        &format!("add it to src/asyncapi, and write {ASYNCAPI} anew"),
    );
}

#[test]
fn every_close_code_is_documented() {
    let tree = Tree::read();
    let codes = tree.text(&Path::new(PROTOCOL).join("codes.rs"));
    let (numbers, reconnecting) = codes
        .split_once("fn client_reconnects")
        .expect("who reconnects stands below the numbers");
    let page = tree.text(Path::new(SIGNALING));
    let rows: Vec<_> = section(&page, "Close codes").lines().collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    for line in numbers.lines() {
        let Some((variant, number)) = line.trim().strip_prefix("Self::").and_then(|arm| {
            let (variant, number) = arm.split_once(" => ")?;
            Some((variant, number.trim_end_matches(',')))
        }) else {
            continue;
        };
        seen += 1;
        let names_it = |part: &str| part.trim() == format!("Self::{variant}");
        let reconnects = reconnecting
            .lines()
            .flat_map(|line| line.split('|'))
            .any(names_it);
        let end = if reconnects { "| yes |" } else { "| no |" };
        let is_row = |row: &&str| row.starts_with(&format!("| {number} |")) && row.ends_with(end);
        if !rows.iter().any(is_row) {
            wrong.push(format!("{number}: expected a row that ends with {end}"));
        }
    }
    assert!(seen > 5, "only {seen} codes were found");
    assert_none(&wrong, &format!("tell of it in {SIGNALING}, under Close codes"));
}

/// The value of a constant that is a product of numbers.
fn product(expression: &str) -> Option<u64> {
    let factors = expression.split('*').map(|factor| factor.trim().replace('_', ""));
    factors.map(|factor| factor.parse::<u64>().ok()).product()
}

#[test]
fn every_limit_is_documented_with_its_value() {
    let tree = Tree::read();
    let limits = tree.text(&Path::new(PROTOCOL).join("limits.rs"));
    let page = tree.text(Path::new(SIGNALING));
    let rows: Vec<_> = section(&page, "Limits").lines().collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    let constants = limits.lines().filter_map(|line| line.strip_prefix("pub const "));
    for (name, rest) in constants.filter_map(|constant| constant.split_once(": ")) {
        seen += 1;
        let value = rest
            .split_once(" = ")
            .map(|(_, value)| value.trim_end_matches(';'));
        let value = value.and_then(product).expect("a limit is a product of numbers");
        let says_so = rows.iter().any(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            cells
                .get(1)
                .is_some_and(|cell| cell.starts_with(&format!("`{name}`")))
                && cells
                    .get(2)
                    .is_some_and(|cell| cell.replace(',', "") == value.to_string())
        });
        if !says_so {
            wrong.push(format!("{name} = {value}"));
        }
    }
    assert!(seen > 30, "only {seen} limits were found");
    assert_none(
        &wrong,
        &format!("give name and value in {SIGNALING}, under Limits"),
    );
}
