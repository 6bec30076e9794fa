//! LiveKit: answers late, not at all, or with a failure; and what it is asked must make sense when it does it.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use colloquy_actors::{livekit::Call, task::Outcome};
use serde_json::{Value, json};

use super::chance::Chance;

/// What LiveKit lets people publish, by room and participant: what their token said, or what it was told since.
#[derive(Debug)]
pub struct Media {
    grants: BTreeMap<(String, String), Value>,
    /// Every word of the room has reached it so far, and the room has not forgotten any.
    pub is_told_all: bool,
}

impl Media {
    pub fn new() -> Self {
        Self {
            grants: BTreeMap::new(),
            is_told_all: true,
        }
    }

    /// Somebody connects with the token of a `join_success`.
    pub fn connect(&mut self, join_success: &Value) {
        let credentials = &join_success["livekit"];
        if let Some(grant) = grant(credentials) {
            let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let key = (name(&credentials["room"]), name(&join_success["id"]));
            self.grants.insert(key, grant);
        }
    }

    /// Does a call.
    pub fn obey(&mut self, call: &Call, outcome: &Outcome) {
        if *outcome == Outcome::Unavailable {
            self.is_told_all = false;
        } else if let Call::Permit { room, participants } = call {
            for (id, sources) in participants {
                self.grants
                    .insert((room.to_string(), id.to_string()), json!(sources));
            }
        }
    }

    pub fn granted(&self, room: &Value, id: &str) -> Option<&Value> {
        let room = room.as_str().unwrap_or_default();
        self.grants.get(&(room.to_owned(), id.to_owned()))
    }
}

/// What a token lets its bearer publish.
pub fn grant(credentials: &Value) -> Option<Value> {
    claims(&credentials["token"]).map(|claims| claims["video"]["canPublishSources"].clone())
}

/// What a token says.
pub fn claims(token: &Value) -> Option<Value> {
    let body = token.as_str()?.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

/// What becomes of a call. `fails`: LiveKit may be unreachable.
pub fn outcome(call: &Call, fails: bool, chance: &mut Chance) -> Outcome {
    if fails && chance.one_in(3) {
        return Outcome::Unavailable;
    }
    match call {
        Call::Mute { participants, .. } => {
            let muted = participants.iter().copied().filter(|_| !chance.one_in(4));
            Outcome::Muted(muted.collect())
        }
        _ => Outcome::Done,
    }
}

/// Somebody who is there must not be removed, nor a room deleted in which somebody is.
pub fn check(call: &Call, room: &Value) -> Result<(), String> {
    let empty = serde_json::Map::new();
    let people = room["meeting"]["people"].as_object().unwrap_or(&empty);
    let is_in = |person: &Value, space| {
        person["place"] == "inside" && serde_json::to_value(space).is_ok_and(|space| person["space"] == space)
    };
    let harm = match call {
        Call::Remove {
            room, participant, ..
        } => {
            let person = people.get(&participant.to_string());
            person.is_some_and(|person| is_in(person, room.space))
        }
        Call::Delete { room } => people.values().any(|person| is_in(person, room.space)),
        Call::Mute { .. } | Call::Permit { .. } => false,
    };
    if harm {
        Err(format!("LiveKit does {call:?} while people are: {people:?}"))
    } else {
        Ok(())
    }
}
