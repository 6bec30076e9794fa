//! A public type's name stands for one thing in its crate: who reads it need not ask which of two is meant.

use std::{collections::BTreeMap, path::PathBuf};

use crate::sources::{sources, without_tests};

/// The crates of which this holds.
const CRATES: [&str; 4] = ["src", "actors/src", "calendar/src", "loadtest/src"];

#[test]
fn a_public_name_is_one_thing() {
    for folder in CRATES {
        let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (path, text) in sources(folder) {
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

/// The names of types that a file makes public, without those of its tests.
fn public_types(text: &str) -> Vec<String> {
    let declared = |line: &str| {
        let rest = line.trim_start().strip_prefix("pub ")?;
        let (kind, rest) = rest.split_once(' ')?;
        let is_type = matches!(kind, "struct" | "enum" | "trait" | "type");
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        // The name in a macro is a variable.
        (is_type && end > 0).then(|| rest[..end].to_owned())
    };
    without_tests(text).lines().filter_map(declared).collect()
}
