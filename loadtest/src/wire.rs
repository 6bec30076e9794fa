//! The few frames of the signaling protocol that the load test understands, read without copying what it does not need.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a frame from the server means to a participant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    JoinSuccess {
        id: String,
    },
    /// Any refusal, as `<namespace>/<name>`.
    Error(String),
    /// The participant was sent to the waiting room.
    Waiting,
    Message {
        source: String,
        content: String,
    },
    /// The answer to one's own raised hand.
    HandRaised,
    /// Somebody else changed name, role or hand.
    Update,
    Echo,
    Other,
}

/// A frame's event and its number in the room's order, where it has one.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub seq: Option<u64>,
    pub event: Event,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    seq: Option<u64>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

/// Reads one frame from the server.
pub fn read(text: &str) -> Result<Frame, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_str(text)?;
    let event = match envelope.namespace.as_ref() {
        "echo" => Event::Echo,
        "control" | "chat" | "moderation" => {
            event(&envelope.namespace, serde_json::from_str(envelope.payload.get())?)
        }
        _ => Event::Other,
    };
    Ok(Frame {
        seq: envelope.seq,
        event,
    })
}

fn event(namespace: &str, payload: Payload<'_>) -> Event {
    let own = |text: Option<Cow<'_, str>>| text.unwrap_or_default().into_owned();
    match (namespace, payload.message.as_deref().unwrap_or_default()) {
        ("control", "join_success") => Event::JoinSuccess { id: own(payload.id) },
        ("control", "join_blocked") => Event::Error(format!("join_blocked/{}", own(payload.reason))),
        ("control", "rate_limit_exceeded") => Event::Error("control/rate_limit_exceeded".to_owned()),
        ("control", "hand_raised") => Event::HandRaised,
        ("control", "update") => Event::Update,
        ("moderation", "in_waiting_room") => Event::Waiting,
        ("chat", "message_sent") => Event::Message {
            source: own(payload.source),
            content: own(payload.content),
        },
        (_, "error") => Event::Error(format!("{namespace}/{}", own(payload.error))),
        _ => Event::Other,
    }
}

#[derive(Serialize)]
struct Command<'a> {
    namespace: &'static str,
    payload: Action<'a>,
}

#[derive(Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action<'a> {
    Join { display_name: &'a str },
    SendMessage { content: &'a str, scope: &'static str },
}

pub fn join(display_name: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Command {
        namespace: "control",
        payload: Action::Join { display_name },
    })
}

pub fn send_message(content: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Command {
        namespace: "chat",
        payload: Action::SendMessage {
            content,
            scope: "global",
        },
    })
}

pub const RAISE_HAND: &str = r#"{"namespace":"control","payload":{"action":"raise_hand"}}"#;
pub const HEARTBEAT: &str = r#"{"namespace":"echo","payload":{"action":"ping"}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn event_of(text: &str) -> Event {
        read(text).unwrap().event
    }

    #[test]
    fn frames_the_load_test_lives_by() {
        let own = str::to_owned;
        for (text, event) in [
            (
                r#"{"namespace":"control","timestamp":"t","payload":{"message":"join_success","id":"a","participants":[{"id":"b"}],"chat":{"enabled":true}}}"#,
                Event::JoinSuccess { id: own("a") },
            ),
            (
                r#"{"namespace":"chat","payload":{"message":"message_sent","id":"m","source":"a","content":"l\u0074 \"x\"","scope":"global"}}"#,
                Event::Message {
                    source: own("a"),
                    content: own("lt \"x\""),
                },
            ),
            (
                r#"{"namespace":"chat","payload":{"message":"error","error":"chat_disabled"}}"#,
                Event::Error(own("chat/chat_disabled")),
            ),
            (
                r#"{"namespace":"control","payload":{"message":"join_blocked","reason":"participant_limit_reached"}}"#,
                Event::Error(own("join_blocked/participant_limit_reached")),
            ),
            (
                r#"{"namespace":"control","payload":{"message":"rate_limit_exceeded"}}"#,
                Event::Error(own("control/rate_limit_exceeded")),
            ),
            (
                r#"{"namespace":"moderation","payload":{"message":"in_waiting_room"}}"#,
                Event::Waiting,
            ),
            (
                r#"{"namespace":"control","payload":{"message":"update","id":"b","control":{}}}"#,
                Event::Update,
            ),
            (
                r#"{"namespace":"control","payload":{"message":"hand_raised"}}"#,
                Event::HandRaised,
            ),
            (r#"{"namespace":"echo","payload":{"action":"ping"}}"#, Event::Echo),
            (r#"{"namespace":"polls","payload":[1]}"#, Event::Other),
        ] {
            assert_eq!(event_of(text), event, "{text}");
        }
    }

    #[test]
    fn the_number_of_an_event_is_kept() {
        let text = r#"{"namespace":"control","seq":4294967296,"payload":{"message":"left","id":"a"}}"#;
        assert_eq!(read(text).unwrap().seq, Some(4_294_967_296));
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for text in ["", "[]", "{}", r#"{"namespace":"control","payload":7}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn commands_look_as_documented() {
        assert_eq!(
            join("Zoë \"Z\"").unwrap(),
            r#"{"namespace":"control","payload":{"action":"join","display_name":"Zoë \"Z\""}}"#
        );
        assert_eq!(
            send_message("hi").unwrap(),
            r#"{"namespace":"chat","payload":{"action":"send_message","content":"hi","scope":"global"}}"#
        );
    }
}
