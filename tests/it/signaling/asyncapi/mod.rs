//! The description of the protocol: committed as it is generated, and true.

mod conformity;
mod served;
mod shape;

use std::{fs, path::Path};

use colloquy::asyncapi;

/// `UPDATE=1` writes the file anew.
#[test]
fn the_committed_description_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol/asyncapi.json");
    let text = serde_json::to_string_pretty(&asyncapi::document()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&file, &text).expect("a file");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "{} is not current: run this test with UPDATE=1",
        file.display()
    );
}
