//! The description of the API compared with what it must say, `tests/spec/expected.json`. What differs is printed; what is
//! meant to differ stands with its reason in `tests/spec/reasons.toml`.

mod shape;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use serde_json::Value;

use self::shape::{Fields, Operation, operations};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasons {
    not_served_yet: BTreeSet<String>,
    reason: Vec<Reason>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    difference: String,
    why: String,
}

impl Reason {
    fn is_of(&self, difference: &str) -> bool {
        match self.difference.strip_suffix('*') {
            Some(beginning) => difference.starts_with(beginning),
            None => difference == self.difference,
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect(name)
}

fn expected() -> BTreeMap<String, Operation> {
    serde_json::from_str(&text("expected.json")).expect("operations")
}

fn described() -> BTreeMap<String, Operation> {
    let document = serde_json::to_value(colloquy::http::api::document()).expect("JSON");
    operations(&document)
}

/// Lines that say what is missing, what is too much and what is otherwise, each with the operation.
fn differences(expected: &BTreeMap<String, Operation>, found: &BTreeMap<String, Operation>) -> Vec<String> {
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let of_operation = match (expected.get(name), found.get(name)) {
            (Some(expected), Some(found)) => compare(expected, found),
            (Some(_), None) => vec!["not described".to_owned()],
            _ => vec!["not in the specification".to_owned()],
        };
        lines.extend(of_operation.into_iter().map(|line| format!("{name}: {line}")));
    }
    lines
}

fn compare(expected: &Operation, found: &Operation) -> Vec<String> {
    let mut lines = Vec::new();
    if expected.auth != found.auth {
        lines.push(format!("auth {:?} instead of {:?}", found.auth, expected.auth));
    }
    compare_fields(
        &mut lines,
        "parameter",
        &expected.parameters,
        &found.parameters,
        Side::Input,
    );
    match (&expected.body, &found.body) {
        (Some(expected), Some(found)) => {
            if expected.content_type != found.content_type {
                lines.push(format!(
                    "body as {} instead of {}",
                    found.content_type, expected.content_type
                ));
            }
            compare_fields(&mut lines, "body", &expected.fields, &found.fields, Side::Input);
        }
        (None, Some(_)) => lines.push("has a body".to_owned()),
        (Some(_), None) => lines.push("has no body".to_owned()),
        (None, None) => {}
    }
    let statuses: BTreeSet<_> = expected.responses.keys().chain(found.responses.keys()).collect();
    for status in statuses {
        match (expected.responses.get(status), found.responses.get(status)) {
            (Some(_), None) => lines.push(format!("{status} is missing")),
            (None, Some(_)) => lines.push(format!("{status} is not in the specification")),
            // The bodies of errors are the same everywhere; the specification does not repeat them.
            (Some(expected), Some(found)) if status.starts_with('2') => {
                compare_fields(&mut lines, status, expected, found, Side::Output);
            }
            _ => {}
        }
    }
    lines
}

/// Which way fields go: whoever sends may always send more than is required of it.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Input,
    Output,
}

fn compare_fields(lines: &mut Vec<String>, place: &str, expected: &Fields, found: &Fields, side: Side) {
    let names = |fields: &Fields| -> BTreeMap<String, (bool, String)> {
        let entry = |(name, kind): (&String, &String)| match name.strip_suffix('?') {
            Some(name) => (name.to_owned(), (false, kind.clone())),
            None => (name.clone(), (true, kind.clone())),
        };
        fields.iter().map(entry).collect()
    };
    let (expected, found) = (names(expected), names(found));
    let all: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for name in all {
        match (expected.get(name), found.get(name)) {
            (Some(_), None) => lines.push(format!("{place} {name} is missing")),
            (None, Some(_)) => lines.push(format!("{place} {name} is not in the specification")),
            (Some((must, kind)), Some((does, is))) => {
                if kind != is {
                    lines.push(format!("{place} {name} is {is} instead of {kind}"));
                }
                if *does && !*must && side == Side::Input {
                    lines.push(format!("{place} {name} is required"));
                } else if *must && !*does {
                    lines.push(format!("{place} {name} is optional"));
                }
            }
            (None, None) => {}
        }
    }
}

#[test]
fn the_description_is_what_the_specification_says() {
    let reasons: Reasons = toml::from_str(&text("reasons.toml")).expect("reasons");
    let (expected, described) = (expected(), described());
    let mut complaints = Vec::new();
    let mut differences = differences(&expected, &described);
    for operation in &reasons.not_served_yet {
        if !expected.contains_key(operation) || described.contains_key(operation) {
            complaints.push(format!(
                "{operation} is served, or unknown, but listed as not served yet"
            ));
        }
        differences.retain(|line| *line != format!("{operation}: not described"));
    }
    for reason in &reasons.reason {
        assert!(!reason.why.trim().is_empty(), "{}: why?", reason.difference);
        if !differences.iter().any(|line| reason.is_of(line)) {
            complaints.push(format!(
                "there is no such difference any more: {}",
                reason.difference
            ));
        }
    }
    differences.retain(|line| !reasons.reason.iter().any(|reason| reason.is_of(line)));
    complaints.extend(differences);
    assert!(
        complaints.is_empty(),
        "{} differences:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

/// The file is made by a script from what both lines of the API say.
#[test]
fn the_expectation_is_made_from_the_surface() {
    let python = std::env::var("COLLOQUY_TEST_PYTHON")
        .expect("COLLOQUY_TEST_PYTHON: run the tests by ./test, which installs it");
    let script = folder().join("expected.py");
    let checked = Command::new(python).arg(script).arg("--check").status();
    assert!(checked.expect("Python").success(), "run tests/spec/expected.py");
}

#[test]
fn every_kind_of_difference_is_found() {
    let text = text("expected.json");
    let mut spoilt: Value = serde_json::from_str(&text).expect("JSON");
    let room = &mut spoilt["POST /v1/rooms"];
    room["auth"] = Value::Array(Vec::new());
    room["body"]["fields"]["waiting_room"] = "boolean".into();
    room["body"]["fields"]["colour?"] = "string".into();
    room["responses"]["201"]["id"] = "integer".into();
    room["responses"]["418"] = Value::Object(serde_json::Map::new());
    let fields = room["body"]["fields"].as_object_mut().expect("fields");
    fields.remove("waiting_room?");
    let list = &mut spoilt["GET /v1/rooms"]["parameters"];
    list["query page"] = list["query page?"].take();
    list.as_object_mut().expect("parameters").remove("query page?");
    spoilt.as_object_mut().expect("operations").remove("GET /v1/turn");
    let spoilt = serde_json::from_value(spoilt).expect("operations");
    let found = differences(&expected(), &spoilt);
    assert_eq!(
        found,
        [
            "GET /v1/rooms: parameter query page is required",
            "GET /v1/turn: not described",
            "POST /v1/rooms: auth [] instead of [\"BearerAuth\"]",
            "POST /v1/rooms: body colour is not in the specification",
            "POST /v1/rooms: body waiting_room is required",
            "POST /v1/rooms: 201 id is integer instead of string",
            "POST /v1/rooms: 418 is not in the specification",
        ]
    );
}
