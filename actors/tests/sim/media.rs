//! LiveKit: answers late, not at all, or with a failure; and what it is asked must make sense when it does it.

use colloquy_actors::livekit::{Call, Outcome};
use serde_json::Value;

use super::chance::Chance;

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
    let is_inside = |person: &Value, space: &Value| person["place"] == "inside" && person["space"] == *space;
    let harm = match call {
        Call::Remove {
            room, participant, ..
        } => {
            let space = serde_json::to_value(room.space).unwrap_or_default();
            people
                .get(&participant.to_string())
                .is_some_and(|person| is_inside(person, &space))
        }
        Call::Delete { room } => {
            let space = serde_json::to_value(room.space).unwrap_or_default();
            people.values().any(|person| is_inside(person, &space))
        }
        Call::Mute { .. } | Call::Permit { .. } => false,
    };
    if harm {
        Err(format!("LiveKit does {call:?} while people are: {people:?}"))
    } else {
        Ok(())
    }
}
