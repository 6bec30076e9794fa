//! The source files that are looked at.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The Rust files below a folder of the project, with their texts.
pub fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a text");
                sources.push((path, text));
            }
        }
    }
    sources
}

/// A file without the tests at its end.
pub fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}
