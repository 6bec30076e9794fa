//! What a package asks for, it uses: each dependency costs everybody who builds this.

use std::fs;

use crate::sources::sources;

/// Each package with the folders of what the others are built with, and of what its tests are.
const PACKAGES: [(&str, &[&str]); 5] = [
    ("", &["tests"]),
    ("actors", &["actors/tests", "actors/benches"]),
    ("calendar", &["calendar/tests"]),
    ("loadtest", &["loadtest/tests"]),
    ("report", &[]),
];

/// Packages whose library has another name.
const NAMES: [(&str, &str); 2] = [("md-5", "md5"), ("tz-rs", "tz")];

#[test]
fn dependencies_are_used() {
    let mut unused = Vec::new();
    for (package, tests) in PACKAGES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(package);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let own = texts(&format!("{package}/src"));
        let of_tests = tests.iter().flat_map(|folder| texts(folder));
        let in_tests: Vec<_> = own.iter().cloned().chain(of_tests).collect();
        let build = vec![fs::read_to_string(folder.join("build.rs")).unwrap_or_default()];
        for (section, texts) in [
            ("dependencies", own),
            ("dev-dependencies", in_tests),
            ("build-dependencies", build),
        ] {
            let names = manifest.get(section).and_then(toml::Value::as_table);
            for name in names.into_iter().flat_map(toml::Table::keys) {
                if !texts.iter().any(|text| names_it(text, name)) {
                    unused.push(format!("{package}: {name} in [{section}]"));
                }
            }
        }
    }
    assert!(unused.is_empty(), "{unused:#?}");
}

fn texts(folder: &str) -> Vec<String> {
    let sources = sources(folder.trim_start_matches('/'));
    assert!(!sources.is_empty(), "{folder} has sources");
    sources.into_iter().map(|(_, text)| text).collect()
}

/// Whether a text has the library of this package as a word.
fn names_it(text: &str, package: &str) -> bool {
    let other = NAMES.iter().find(|(known, _)| *known == package);
    let library = other.map_or_else(|| package.replace('-', "_"), |(_, name)| (*name).to_owned());
    let is_part =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(&library).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + library.len()..].chars().next())
    })
}

#[test]
fn names_are_whole_words() {
    assert!(names_it("use tokio_util::sync;", "tokio-util"));
    assert!(names_it("md5::Md5", "md-5"));
    assert!(!names_it("use tokio_util::sync;", "tokio"));
}
