//! The few frames of the signaling protocol that the load test understands, read without copying what it does not need.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// What a frame from the server means to a participant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    JoinSuccess(Entrance),
    /// Somebody else joined.
    Joined,
    /// Any refusal, as `<namespace>/<name>`.
    Error(String),
    /// The participant was sent to the waiting room.
    Waiting,
    WaitingRoomEnabled,
    /// Somebody else came to the waiting room.
    Arrived {
        id: String,
    },
    /// The participant may enter.
    Accepted,
    /// Breakout rooms are open; the assignment is the receiver's own.
    BreakoutStarted {
        assignment: Option<String>,
    },
    BreakoutStopped,
    /// The talking stick went to somebody.
    Speaker {
        id: String,
    },
    /// The talking stick has gone round.
    StickStopped,
    /// A vote runs; who may vote has a token.
    VoteStarted {
        id: String,
        token: Option<String>,
    },
    /// The answer to one's own vote.
    Voted {
        counts: bool,
    },
    /// The votes so far.
    VoteUpdated,
    VoteStopped {
        yes: u64,
    },
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

/// What a `join_success` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    pub id: String,
    /// Participants on its list.
    pub others: usize,
    /// The breakout room that was entered; none in the main room.
    pub breakout_room: Option<String>,
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
    #[serde(borrow)]
    assignment: Option<Cow<'a, str>>,
    #[serde(borrow)]
    speaker: Option<Cow<'a, str>>,
    #[serde(borrow)]
    legal_vote_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response: Option<Cow<'a, str>>,
    yes: Option<u64>,
    participants: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    breakout: Option<Breakout<'a>>,
}

#[derive(Deserialize)]
struct Breakout<'a> {
    #[serde(borrow)]
    current: Option<Cow<'a, str>>,
}

/// Reads one frame from the server.
pub fn read(text: &str) -> Result<Frame, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_str(text)?;
    let event = match envelope.namespace.as_ref() {
        "echo" => Event::Echo,
        "control" | "chat" | "moderation" | "breakout" | "automod" | "legal_vote" => {
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
        ("control", "join_success") => Event::JoinSuccess(Entrance {
            id: own(payload.id),
            others: payload.participants.map_or(0, |others| others.len()),
            breakout_room: current_room(payload.breakout),
        }),
        ("control", "joined") => Event::Joined,
        ("control", "join_blocked") => Event::Error(format!("join_blocked/{}", own(payload.reason))),
        ("control", "rate_limit_exceeded") => Event::Error("control/rate_limit_exceeded".to_owned()),
        ("control", "hand_raised") => Event::HandRaised,
        ("control", "update") => Event::Update,
        ("moderation", "in_waiting_room") => Event::Waiting,
        ("moderation", "waiting_room_enabled") => Event::WaitingRoomEnabled,
        ("moderation", "joined_waiting_room") => Event::Arrived { id: own(payload.id) },
        ("moderation", "accepted") => Event::Accepted,
        ("breakout", "started") => Event::BreakoutStarted {
            assignment: payload.assignment.map(Cow::into_owned),
        },
        ("breakout", "stopped") => Event::BreakoutStopped,
        ("automod", "speaker_updated") => Event::Speaker {
            id: own(payload.speaker),
        },
        ("automod", "stopped") => Event::StickStopped,
        ("legal_vote", "started") => Event::VoteStarted {
            id: own(payload.legal_vote_id),
            token: payload.token.map(Cow::into_owned),
        },
        ("legal_vote", "voted") => Event::Voted {
            counts: payload.response.as_deref() == Some("success"),
        },
        ("legal_vote", "updated") => Event::VoteUpdated,
        ("legal_vote", "stopped") => Event::VoteStopped {
            yes: payload.yes.unwrap_or_default(),
        },
        ("chat", "message_sent") => Event::Message {
            source: own(payload.source),
            content: own(payload.content),
        },
        (_, "error") => Event::Error(format!("{namespace}/{}", own(payload.error))),
        _ => Event::Other,
    }
}

fn current_room(breakout: Option<Breakout<'_>>) -> Option<String> {
    breakout?.current.map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_in(namespace: &str, payload: &str) -> Event {
        let text = format!(r#"{{"namespace":"{namespace}","timestamp":"t","payload":{payload}}}"#);
        read(&text).unwrap().event
    }

    #[test]
    fn joins() {
        let own = str::to_owned;
        let joined = |others, breakout_room| {
            Event::JoinSuccess(Entrance {
                id: own("a"),
                others,
                breakout_room,
            })
        };
        for (payload, event) in [
            (
                r#"{"message":"join_success","id":"a","participants":[{"id":"b"}],"chat":{"enabled":true}}"#,
                joined(1, None),
            ),
            (
                r#"{"message":"join_success","id":"a","participants":[],"breakout":{"current":"r","expires":null,"participants":[{"id":"b"}]}}"#,
                joined(0, Some(own("r"))),
            ),
            (
                r#"{"message":"join_success","id":"a","participants":[],"breakout":{"current":null,"expires":null}}"#,
                joined(0, None),
            ),
            (r#"{"message":"joined","id":"b","control":{}}"#, Event::Joined),
            (
                r#"{"message":"join_blocked","reason":"participant_limit_reached"}"#,
                Event::Error(own("join_blocked/participant_limit_reached")),
            ),
            (
                r#"{"message":"rate_limit_exceeded"}"#,
                Event::Error(own("control/rate_limit_exceeded")),
            ),
            (r#"{"message":"update","id":"b","control":{}}"#, Event::Update),
            (r#"{"message":"hand_raised"}"#, Event::HandRaised),
        ] {
            assert_eq!(event_in("control", payload), event, "{payload}");
        }
    }

    #[test]
    fn events_of_modules() {
        let own = str::to_owned;
        for (namespace, payload, event) in [
            (
                "legal_vote",
                r#"{"message":"started","legal_vote_id":"v","token":"t","max_votes":1}"#,
                Event::VoteStarted {
                    id: own("v"),
                    token: Some(own("t")),
                },
            ),
            (
                "legal_vote",
                r#"{"message":"voted","response":"success","vote_option":"yes"}"#,
                Event::Voted { counts: true },
            ),
            (
                "legal_vote",
                r#"{"message":"stopped","kind":"auto","yes":3,"no":0}"#,
                Event::VoteStopped { yes: 3 },
            ),
            (
                "chat",
                r#"{"message":"message_sent","id":"m","source":"a","content":"l\u0074 \"x\"","scope":"global"}"#,
                Event::Message {
                    source: own("a"),
                    content: own("lt \"x\""),
                },
            ),
            (
                "chat",
                r#"{"message":"error","error":"chat_disabled"}"#,
                Event::Error(own("chat/chat_disabled")),
            ),
            (
                "automod",
                r#"{"message":"speaker_updated","speaker":"a","history":["a"],"remaining":["b"]}"#,
                Event::Speaker { id: own("a") },
            ),
            (
                "automod",
                r#"{"message":"stopped","reason":"session_finished"}"#,
                Event::StickStopped,
            ),
            ("echo", r#"{"action":"ping"}"#, Event::Echo),
            ("polls", "[1]", Event::Other),
        ] {
            assert_eq!(event_in(namespace, payload), event, "{payload}");
        }
    }

    #[test]
    fn events_of_the_waiting_room() {
        let id = "b".to_owned();
        for (payload, event) in [
            (r#"{"message":"in_waiting_room"}"#, Event::Waiting),
            (r#"{"message":"waiting_room_enabled"}"#, Event::WaitingRoomEnabled),
            (
                r#"{"message":"joined_waiting_room","id":"b","control":{}}"#,
                Event::Arrived { id },
            ),
            (r#"{"message":"accepted"}"#, Event::Accepted),
        ] {
            assert_eq!(event_in("moderation", payload), event, "{payload}");
        }
    }

    #[test]
    fn events_of_breakout_rooms() {
        let assigned = |room: Option<&str>| Event::BreakoutStarted {
            assignment: room.map(str::to_owned),
        };
        for (payload, event) in [
            (
                r#"{"message":"started","rooms":[{"id":"r","name":"n"}],"expires":null,"assignment":"r"}"#,
                assigned(Some("r")),
            ),
            (
                r#"{"message":"started","rooms":[],"expires":null,"assignment":null}"#,
                assigned(None),
            ),
            (r#"{"message":"stopped"}"#, Event::BreakoutStopped),
            (
                r#"{"message":"joined","id":"b","breakout_room":null}"#,
                Event::Other,
            ),
            (
                r#"{"message":"error","error":"inactive"}"#,
                Event::Error("breakout/inactive".to_owned()),
            ),
        ] {
            assert_eq!(event_in("breakout", payload), event, "{payload}");
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
}
