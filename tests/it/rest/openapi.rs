//! The description of the API: committed as it is generated, and complete.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

fn generated() -> Value {
    serde_json::to_value(colloquy::http::api::document()).expect("JSON")
}

/// `UPDATE=1` writes the file anew.
#[test]
fn the_committed_description_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol/openapi.json");
    let text = serde_json::to_string_pretty(&generated()).expect("JSON") + "\n";
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

#[test]
fn every_operation_describes_its_answers() {
    let document = generated();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        assert!(path.starts_with("/v1/"), "{path}");
        for (method, operation) in item.as_object().expect("operations") {
            let at = format!("{method} {path}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                responses.contains_key("500") && responses.contains_key("503"),
                "{at}"
            );
            let secured = operation["security"].is_array();
            let open = ["/v1/auth/", "/v1/invite/", "/v1/mail/"]
                .iter()
                .any(|start| path.starts_with(start))
                || path.ends_with("/start_invited")
                || path.ends_with("/calendar.ics");
            assert_eq!(secured, !open, "{at}");
            assert!(!secured || responses.contains_key("401"), "{at}");
            let has_body = operation["requestBody"]["content"]["application/json"].is_object();
            assert_eq!(has_body, responses.contains_key("415"), "{at}");
            // Clients try a 422 of `start` again for ever: it knows only 400.
            let starts = path.contains("/start");
            assert_eq!(has_body && !starts, responses.contains_key("422"), "{at}");
            assert!(
                !path.contains('{') || responses.contains_key("404") && responses.contains_key("400"),
                "{at}"
            );
            assert!(
                operation["summary"].is_string() && operation["tags"].is_array(),
                "{at}"
            );
            assert!(
                names.insert(operation["operationId"].to_string()),
                "{at}: operationId is not unique"
            );
        }
    }
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .expect("schemes");
    assert!(schemes.contains_key("BearerAuth") && schemes.contains_key("InviteCode"));
}
