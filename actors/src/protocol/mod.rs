//! The wire: `opentalk-signaling-json-v1.0`. Shapes follow `wire-types.md`, rules `semantics.md` of the specification.

pub mod automod;
pub mod ballot;
pub mod breakout;
pub mod chat;
pub mod codes;
pub mod control;
pub mod legal_vote;
pub mod limits;
pub mod livekit;
pub mod meeting;
pub mod meeting_notes;
pub mod meeting_report;
pub mod moderation;
pub mod names;
mod namespaces;
pub mod plain;
pub mod polls;
pub mod recording;
pub mod recording_service;
pub mod shapes;
pub mod shared_folder;
pub mod subroom_audio;
pub mod timer;
pub mod training_participation_report;
pub mod vote_parameters;
pub mod vote_token;
pub mod whiteboard;

use std::{borrow::Cow, fmt::Write as _};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

pub(crate) use self::namespaces::with_namespaces;
pub use self::namespaces::{Command, Describe, Namespace, Namespaces, describe};
use crate::{
    encoding::{self, EncodeError},
    ids::Timestamp,
};

/// The subprotocol that a client must offer and the server selects.
pub const SUBPROTOCOL: &str = "opentalk-signaling-json-v1.0";

/// Prefix of the subprotocol that carries the ticket, which is offered beside it.
pub const TICKET_PREFIX: &str = "ticket#";

/// An event of one namespace, without its envelope.
pub trait Event: Serialize {
    /// The namespace that the envelope names.
    const NAMESPACE: Namespace;

    /// Name and entry of an event that shows a participant: its payload is put together from what is encoded already.
    fn shown(&self) -> Option<(&'static str, control::PeerEntry<'_>)> {
        None
    }
}

/// What a client's message turned out to be.
#[derive(Debug)]
pub enum Incoming<'a> {
    Command(Command),
    /// To be answered unchanged, by the session itself.
    Echo(&'a RawValue),
    /// A namespace that exists, with a payload that does not parse.
    InvalidPayload {
        namespace: Namespace,
    },
    UnknownNamespace,
    NotJson,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Parses a client's message. Everything in the result but an echo is owned: the socket's buffer is not kept alive.
#[must_use]
pub fn parse(text: &str) -> Incoming<'_> {
    let Some(envelope) = object::<Envelope<'_>>(text) else {
        return Incoming::NotJson;
    };
    let payload = envelope.payload;
    if envelope.namespace == "echo" {
        return Incoming::Echo(payload);
    }
    let Some(namespace) = Namespace::named(&envelope.namespace) else {
        return Incoming::UnknownNamespace;
    };
    Command::parse(namespace, payload).map_or(Incoming::InvalidPayload { namespace }, Incoming::Command)
}

/// Parses an object. Derived implementations would take a list for it, field by field.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let is_object = text.trim_start().starts_with('{');
    serde_json::from_str(text).ok().filter(|_| is_object)
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    namespace: &'static str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    payload: &'a T,
}

/// Encodes an event with its envelope. `seq` is the room's number, absent for answers that a session gives itself.
pub fn encode<T: Event>(event: &T, timestamp: Timestamp, seq: Option<u64>) -> Result<Utf8Bytes, EncodeError> {
    let Some((message, control::PeerEntry(entry))) = event.shown() else {
        return encode_payload(T::NAMESPACE.name(), event, timestamp, seq);
    };
    let mut text = begin_envelope(T::NAMESPACE.name(), timestamp, seq, entry.len() + message.len());
    text.push_str(r#"{"message":""#);
    text.push_str(message);
    // The entry is an object with fields, and has its own closing brace.
    text.push_str("\",");
    text.push_str(entry.strip_prefix('{').unwrap_or(entry));
    text.push('}');
    Ok(text.into())
}

/// The envelope up to its payload, with room for so many more bytes; a brace ends it.
pub(crate) fn begin_envelope(
    namespace: &str,
    timestamp: Timestamp,
    seq: Option<u64>,
    payload_bytes: usize,
) -> String {
    let mut text = String::with_capacity(payload_bytes + 128);
    // Writing to a string does not fail.
    let _ = write!(text, r#"{{"namespace":"{namespace}","timestamp":"{timestamp}""#);
    if let Some(seq) = seq {
        let _ = write!(text, r#","seq":{seq}"#);
    }
    text.push_str(r#","payload":"#);
    text
}

/// Encodes the answer to an `echo`: the payload as it came.
pub fn encode_echo(payload: &RawValue, timestamp: Timestamp) -> Result<Utf8Bytes, EncodeError> {
    encode_payload("echo", &payload, timestamp, None)
}

fn encode_payload<T: Serialize>(
    namespace: &'static str,
    payload: &T,
    timestamp: Timestamp,
    seq: Option<u64>,
) -> Result<Utf8Bytes, EncodeError> {
    encoding::encode(&Outgoing {
        namespace,
        timestamp,
        seq,
        payload,
    })
    .map(|mut text| {
        // It grew by doubling, and may wait for many slow clients.
        if text.len() >= limits::SOCKET_LONG_FRAME_BYTES {
            text.shrink_to_fit();
        }
        text.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_answers_the_payload_unchanged() {
        let Incoming::Echo(payload) = parse(r#"{"namespace":"echo","payload":{"action":"ping"}}"#) else {
            panic!("not an echo");
        };
        assert_eq!(
            encode_echo(payload, Timestamp::from_micros(1_767_225_600_000_001))
                .unwrap()
                .as_str(),
            r#"{"namespace":"echo","timestamp":"2026-01-01T00:00:00.000001Z","payload":{"action":"ping"}}"#
        );
    }

    #[test]
    fn what_is_wrong_with_a_message_is_told_apart() {
        assert!(matches!(parse("nonsense"), Incoming::NotJson));
        assert!(matches!(parse("{}"), Incoming::NotJson));
        assert!(matches!(
            parse(r#"["control",{"action":"raise_hand"}]"#),
            Incoming::NotJson
        ));
        assert!(matches!(
            parse(r#"{"namespace":"control","payload":["raise_hand"]}"#),
            Incoming::InvalidPayload {
                namespace: Namespace::Control
            }
        ));
        assert!(matches!(
            parse(r#"{"namespace":"nope","payload":{}}"#),
            Incoming::UnknownNamespace
        ));
        assert!(matches!(
            parse(r#"{"namespace":"control","payload":{"action":"fly"}}"#),
            Incoming::InvalidPayload {
                namespace: Namespace::Control
            }
        ));
        assert!(matches!(
            parse(r#"{"namespace":"chat","payload":{"action":"send_message"}}"#),
            Incoming::InvalidPayload {
                namespace: Namespace::Chat
            }
        ));
    }

    #[test]
    fn unknown_fields_and_escaped_namespaces_are_accepted() {
        let text =
            r#"{"namespace":"contr\u006fl","x":1,"payload":{"action":"join","display_name":null,"y":2}}"#;
        assert!(matches!(
            parse(text),
            Incoming::Command(Command::Control(control::ControlCommand::Join { .. }))
        ));
    }
}
