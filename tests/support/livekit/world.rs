//! What LiveKit knows and does: rooms, participants, tracks, and the calls that came in.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Call, Mood, Person};

/// Everything that a test may look at.
pub struct World {
    pub(super) mood: Mood,
    /// How calls of some methods are answered whatever the mood is.
    pub(super) moods: BTreeMap<&'static str, Mood>,
    pub(super) habits: Habits,
    pub rooms: BTreeMap<String, BTreeMap<String, Person>>,
    pub calls: Vec<Call>,
    /// Calls that a test has asked for, by their place in `calls`.
    pub(super) expected: BTreeSet<usize>,
    /// The order in which calls ended.
    pub ended: Vec<usize>,
    /// The most calls that were ever under way at the same time.
    pub at_once_max: usize,
    /// Connections that there ever were.
    connections: usize,
    /// Calls to remove somebody who was there.
    removals: usize,
}

/// What an honest LiveKit does that one would not wish for.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Of whom it should tell something that is not there, it thinks for a while and says that it can't: so do versions before 1.9.
    pub is_old: bool,
    /// How long it thinks before it says that it can't.
    pub unavailable_after: Duration,
    /// It says that it has removed somebody, and has every second time only.
    pub drops_every_second_removal: bool,
}

/// An error of Twirp, LiveKit's protocol for calls.
pub type Refusal = (StatusCode, &'static str, &'static str);

const NOT_FOUND: Refusal = (
    StatusCode::NOT_FOUND,
    "not_found",
    "participant or room does not exist",
);
const MALFORMED: Refusal = (
    StatusCode::BAD_REQUEST,
    "malformed",
    "the json request could not be decoded",
);
/// It waits for a node that does not answer, or for one that has somebody who is nowhere.
pub const UNAVAILABLE: Refusal = (
    StatusCode::SERVICE_UNAVAILABLE,
    "unavailable",
    "no response from servers",
);

impl World {
    pub(super) fn new() -> Self {
        Self {
            mood: Mood::Honest,
            moods: BTreeMap::new(),
            habits: Habits {
                is_old: false,
                unavailable_after: Duration::from_secs(3),
                drops_every_second_removal: false,
            },
            rooms: BTreeMap::new(),
            calls: Vec::new(),
            expected: BTreeSet::new(),
            ended: Vec::new(),
            at_once_max: 0,
            connections: 0,
            removals: 0,
        }
    }

    pub(super) fn mood_about(&self, method: &str) -> Mood {
        self.moods.get(method).copied().unwrap_or(self.mood)
    }

    /// Who comes with an identity that is there takes its place.
    pub(super) fn enter(&mut self, room: &str, identity: &str, person: Person) {
        self.connections += 1;
        let person = Person {
            sid: format!("PA_{}", self.connections),
            ..person
        };
        let room = self.rooms.entry(room.to_owned()).or_default();
        room.insert(identity.to_owned(), person);
    }

    pub(super) fn perform(&mut self, method: &str, body: &Value) -> Result<Value, Refusal> {
        let fields: &[&str] = match method {
            "ListRooms" => &[],
            "CreateRoom" => &["name"],
            "ListParticipants" | "DeleteRoom" => &["room"],
            "GetParticipant" | "RemoveParticipant" => &["identity", "room"],
            "MutePublishedTrack" => &["identity", "muted", "room", "track_sid"],
            "UpdateParticipant" => &["identity", "permission", "room"],
            _ => return Err((StatusCode::NOT_FOUND, "bad_route", "no handler for path")),
        };
        // LiveKit would overlook a misspelt field; here it must not stay hidden.
        let given: BTreeSet<_> = body.as_object().ok_or(MALFORMED)?.keys().collect();
        if !given.iter().copied().eq(fields) {
            return Err(MALFORMED);
        }
        if method == "ListRooms" {
            let entry =
                |name: &String| json!({"sid": format!("RM_{name}"), "name": name, "empty_timeout": 300});
            return Ok(json!({"rooms": self.rooms.keys().map(entry).collect::<Vec<_>>()}));
        }
        if method == "CreateRoom" {
            let name = body["name"].as_str().ok_or(MALFORMED)?;
            self.rooms.entry(name.to_owned()).or_default();
            return Ok(json!({"sid": format!("RM_{name}"), "name": name, "empty_timeout": 300}));
        }
        let room = body["room"].as_str().ok_or(MALFORMED)?;
        match method {
            "DeleteRoom" => self.delete(room),
            "ListParticipants" => Ok(self.list(room)),
            _ => self.about_one(method, room, body),
        }
    }

    fn delete(&mut self, name: &str) -> Result<Value, Refusal> {
        let room = self.rooms.get(name).ok_or(NOT_FOUND)?;
        if room.values().any(|person| person.is_ghost) {
            return Err(UNAVAILABLE);
        }
        self.rooms.remove(name);
        Ok(json!({}))
    }

    /// Nobody is in a room that does not exist.
    fn list(&self, name: &str) -> Value {
        let people = self.rooms.get(name).into_iter().flatten();
        let list: Vec<_> = people.map(|(identity, one)| one.entry(identity)).collect();
        json!({"participants": list})
    }

    fn about_one(&mut self, method: &str, room: &str, body: &Value) -> Result<Value, Refusal> {
        let identity = body["identity"].as_str().ok_or(MALFORMED)?;
        let absent = match method {
            "MutePublishedTrack" => UNAVAILABLE,
            "UpdateParticipant" if self.habits.is_old => UNAVAILABLE,
            _ => NOT_FOUND,
        };
        let people = self.rooms.get_mut(room).ok_or(absent)?;
        let person = people.get_mut(identity).ok_or(absent)?;
        if person.is_ghost && method != "GetParticipant" {
            return Err(UNAVAILABLE);
        }
        match method {
            "RemoveParticipant" => {
                self.remove(room, identity);
                return Ok(json!({}));
            }
            "UpdateParticipant" => person.permit(&body["permission"]),
            "MutePublishedTrack" => {
                let track = person
                    .tracks
                    .iter_mut()
                    .find(|track| body["track_sid"] == track.sid);
                // LiveKit minds no track that it does not know.
                let Some(track) = track else {
                    return Ok(json!({"track": null}));
                };
                track.muted = body["muted"].as_bool().ok_or(MALFORMED)?;
                return Ok(json!({"track": track.entry()}));
            }
            _ => {}
        }
        Ok(person.entry(identity))
    }

    /// Somebody who is there.
    fn remove(&mut self, room: &str, identity: &str) {
        self.removals += 1;
        if self.habits.drops_every_second_removal && self.removals.is_multiple_of(2) {
            return;
        }
        let removed = self
            .rooms
            .get_mut(room)
            .and_then(|people| people.remove(identity));
        if let Some(person) = removed
            && let Some(comebacks) = person.comebacks.checked_sub(1)
        {
            self.enter(room, identity, Person { comebacks, ..person });
        }
    }
}
