//! A public type's name stands for one thing in its crate: who reads it need not ask which of two is meant.
#![expect(clippy::expect_used, reason = "what can't be read ends the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The crates of which this holds.
const CRATES: [&str; 3] = ["src", "calendar/src", "loadtest/src"];

#[test]
fn a_public_name_is_one_thing() {
    for folder in CRATES {
        let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = fs::read_to_string(&path).expect("a text");
            for name in public_types(&text) {
                places.entry(name).or_default().push(path.clone());
            }
        }
        assert!(places.len() > 10, "the types of {folder} are seen");
        places.retain(|_, places| places.len() > 1);
        assert!(places.is_empty(), "{places:#?}");
    }
}

#[test]
fn public_types_are_seen() {
    let text = "pub struct One {}\n    pub enum Two { A }\npub(super) struct Three;\npub trait Four: Send {}\npub type Five<T> = T;\n\
                // pub struct Six;\nstruct Seven;\n#[cfg(test)]\nmod tests {\n    pub struct Eight;\n}\n";
    assert_eq!(public_types(text), ["One", "Two", "Four", "Five"]);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources
}

/// The names of types that a file makes public, without those of its tests.
fn public_types(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let declared = |line: &str| {
        let rest = line.trim_start().strip_prefix("pub ")?;
        let (kind, rest) = rest.split_once(' ')?;
        let is_type = matches!(kind, "struct" | "enum" | "trait" | "type");
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        is_type.then(|| rest[..end].to_owned())
    };
    code.lines().filter_map(declared).collect()
}
