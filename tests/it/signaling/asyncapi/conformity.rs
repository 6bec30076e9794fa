//! What really goes over the wire has the shape that the description gives it.

use std::{collections::BTreeSet, fs, path::Path};

use colloquy::asyncapi;
use colloquy_actors::protocol::{Incoming, parse, timer::TimerPeerState};
use serde_json::{Value, json};

use super::shape::{ANYTHING, Shapes};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

const TRANSCRIPTS: &str = "actors/tests/rooms";

/// An id where transcripts show a short name.
const SOME_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The JSON of a transcript's line, with what it abbreviates replaced.
fn json_of(line: &str, short_name: &str) -> Option<Value> {
    let text = &line[line.find(r#"{"namespace""#)?..];
    let (mut json, mut in_text, mut rest) = (String::new(), false, text.chars());
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => {
                json.push(letter);
                json.extend(rest.next());
                continue;
            }
            '"' => in_text = !in_text,
            '<' if !in_text => {
                rest.by_ref().find(|letter| *letter == '>');
                json.extend(["\"", ANYTHING, "\""]);
                continue;
            }
            '<' if json.ends_with('"') && !short_name.is_empty() => {
                rest.by_ref().find(|letter| *letter == '>');
                json.push_str(short_name);
                continue;
            }
            _ => {}
        }
        json.push(letter);
    }
    serde_json::from_str(&json).ok()
}

/// Every line of the transcripts, with the name of its file.
fn lines() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRANSCRIPTS);
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).expect("transcripts") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a text");
        lines.extend(text.lines().map(|line| (name.clone(), line.to_owned())));
    }
    lines
}

fn event_key(frame: &Value) -> String {
    let field = |value: &Value| value.as_str().unwrap_or("ping").to_owned();
    format!(
        "event.{}.{}",
        field(&frame["namespace"]),
        // Recorders get orders.
        field(
            frame["payload"]
                .get("message")
                .unwrap_or(&frame["payload"]["action"])
        )
    )
}

#[test]
fn every_event_of_the_transcripts_is_described() {
    let document = asyncapi::document();
    let shapes = Shapes(&document);
    let mut seen = BTreeSet::new();
    for (file, line) in lines().iter().filter(|(_, line)| line.starts_with("-> ")) {
        if !line.contains(r#"{"namespace""#) {
            continue;
        }
        let frame = json_of(line, "").unwrap_or_else(|| panic!("{file}: no JSON in {line}"));
        let key = event_key(&frame);
        let schema = shapes
            .payload(&key)
            .unwrap_or_else(|| panic!("{file}: {key} is not described"));
        if let Err(why) = shapes.exactly(schema, &frame["payload"]) {
            panic!("{file}: {why}\n{line}");
        }
        seen.insert(key);
    }
    assert!(seen.len() > 25, "the transcripts show only {seen:?}");
}

#[test]
fn every_command_that_the_server_reads_is_described() {
    let document = asyncapi::document();
    let shapes = Shapes(&document);
    let mut seen = BTreeSet::new();
    for (file, line) in lines().iter().filter(|(_, line)| !line.starts_with("-> ")) {
        let Some(frame) = json_of(line, SOME_ID) else {
            continue;
        };
        let text = frame.to_string();
        if !matches!(parse(&text), Incoming::Command(_)) {
            continue;
        }
        // Recorders report.
        let payload = &frame["payload"];
        let action = payload.get("action").unwrap_or(&payload["message"]);
        let action = action.as_str().expect("an action");
        let key = format!(
            "command.{}.{action}",
            frame["namespace"].as_str().expect("a namespace")
        );
        let schema = shapes
            .payload(&key)
            .unwrap_or_else(|| panic!("{file}: {key} is not described"));
        // Fields that nobody knows are ignored.
        if let Err(why) = shapes.at_least(schema, &frame["payload"]) {
            panic!("{file}: {why}\n{line}");
        }
        seen.insert(key);
    }
    assert!(seen.len() > 15, "the transcripts show only {seen:?}");
}

#[test]
fn every_example_is_what_it_is_an_example_of() {
    let document = asyncapi::document();
    let shapes = Shapes(&document);
    for (key, message) in document["components"]["messages"].as_object().expect("messages") {
        let example = &message["examples"][0]["payload"];
        if let Err(why) = shapes.exactly(&message["payload"], example) {
            panic!("{key}: {why}\n{example}");
        }
        if key.starts_with("command.") {
            let text = example.to_string();
            let read = matches!(parse(&text), Incoming::Command(_) | Incoming::Echo(_));
            assert!(read, "{key} is not read: {text}");
        }
    }
}

/// Serde writes the name of this type into it, which the derived schema would not tell.
#[test]
fn a_ready_check_is_described_as_it_is_written() {
    let document = asyncapi::document();
    let written = serde_json::to_value(TimerPeerState { ready_status: true }).expect("JSON");
    let described = &document["components"]["schemas"]["TimerPeer"];
    assert_eq!(Shapes(&document).exactly(described, &written), Ok(()));
}

#[tokio::test]
async fn everything_in_a_meeting_is_described() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.waiting_guest("Gus", &mut alice).await;
    alice
        .send(
            "chat",
            json!({"action": "send_message", "content": "Hello!", "scope": "global"}),
        )
        .await;
    alice.expect("chat", "message_sent").await;
    alice.act_on("moderation", "accept", &gus.id).await;
    gus.expect("moderation", "accepted").await;
    gus.enter_room().await;
    gus.send("chat", json!({"action": "enable_chat"})).await;
    gus.expect("chat", "error").await;
    gus.send_text("nonsense").await;
    gus.expect("control", "error").await;
    gus.send(
        "chat",
        json!({"action": "get_history_chunk", "message_index": 0, "scope": "global"}),
    )
    .await;
    gus.expect("chat", "room_chat_history_chunk").await;
    gus.expect_nothing().await;

    let document = asyncapi::document();
    let shapes = Shapes(&document);
    let frames: Vec<_> = alice
        .everything_seen()
        .iter()
        .chain(gus.everything_seen())
        .cloned()
        .collect();
    for frame in &frames {
        let key = event_key(frame);
        let schema = shapes
            .message(&key)
            .unwrap_or_else(|| panic!("{key} is not described"));
        if let Err(why) = shapes.exactly(schema, frame) {
            panic!("{key}: {why}\n{frame}");
        }
    }
    let seen: BTreeSet<_> = frames.iter().map(event_key).collect();
    for key in [
        "event.control.join_success",
        "event.echo.ping",
        "event.moderation.in_waiting_room",
    ] {
        assert!(seen.contains(key), "{key} is not among {seen:?}");
    }
    alice.leave().await;
    gus.leave().await;
    server.finish().await;
}
