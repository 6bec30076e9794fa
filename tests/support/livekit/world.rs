//! What LiveKit knows and does: rooms, participants, tracks, and the calls that came in.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Call, Mood};

/// Somebody in a room of LiveKit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Person {
    pub tracks: Vec<Track>,
    /// As the last `UpdateParticipant` gave it.
    pub permission: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    pub sid: String,
    /// As LiveKit spells it, such as `MICROPHONE`.
    pub source: &'static str,
    pub muted: bool,
}

impl Track {
    pub fn live(sid: &str, source: &'static str) -> Self {
        Self {
            sid: sid.to_owned(),
            source,
            muted: false,
        }
    }
}

/// Everything that a test may look at.
pub struct World {
    pub(super) mood: Mood,
    pub(super) rooms: BTreeMap<String, BTreeMap<String, Person>>,
    pub(super) calls: Vec<Call>,
    /// Calls that a test has asked for, by their place in `calls`.
    pub(super) expected: BTreeSet<usize>,
    /// The order in which calls ended.
    pub ended: Vec<usize>,
    /// The most calls that were ever under way at the same time.
    pub at_once_max: usize,
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

impl World {
    pub(super) fn new() -> Self {
        Self {
            mood: Mood::Honest,
            rooms: BTreeMap::new(),
            calls: Vec::new(),
            expected: BTreeSet::new(),
            ended: Vec::new(),
            at_once_max: 0,
        }
    }

    pub(super) fn perform(&mut self, method: &str, body: &Value) -> Result<Value, Refusal> {
        let fields: &[&str] = match method {
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
        let name = body["room"].as_str().ok_or(MALFORMED)?;
        if method == "DeleteRoom" {
            return self.rooms.remove(name).map(|_| json!({})).ok_or(NOT_FOUND);
        }
        let room = self.rooms.get_mut(name).ok_or(NOT_FOUND)?;
        if method == "ListParticipants" {
            let list: Vec<_> = room.iter().map(|(identity, one)| one.entry(identity)).collect();
            return Ok(json!({"participants": list}));
        }
        let identity = body["identity"].as_str().ok_or(MALFORMED)?;
        if method == "RemoveParticipant" {
            return room.remove(identity).map(|_| json!({})).ok_or(NOT_FOUND);
        }
        let person = room.get_mut(identity).ok_or(NOT_FOUND)?;
        match method {
            "UpdateParticipant" => person.permission = body["permission"].clone(),
            "MutePublishedTrack" => {
                let track = person
                    .tracks
                    .iter_mut()
                    .find(|track| body["track_sid"] == track.sid);
                let track = track.ok_or(NOT_FOUND)?;
                track.muted = body["muted"].as_bool().ok_or(MALFORMED)?;
                return Ok(json!({"track": track.entry()}));
            }
            _ => {}
        }
        Ok(person.entry(identity))
    }
}

impl Person {
    /// With more fields than anybody here needs, as LiveKit has them too.
    fn entry(&self, identity: &str) -> Value {
        let tracks: Vec<_> = self.tracks.iter().map(Track::entry).collect();
        json!({
            "sid": format!("PA_{identity}"), "identity": identity, "state": "ACTIVE", "tracks": tracks,
            "metadata": "", "joined_at": "1764000000", "permission": self.permission, "is_publisher": true,
        })
    }
}

impl Track {
    fn entry(&self) -> Value {
        let kind = if self.source.ends_with("AUDIO") || self.source == "MICROPHONE" {
            "AUDIO"
        } else {
            "VIDEO"
        };
        json!({"sid": self.sid, "type": kind, "name": "", "muted": self.muted, "source": self.source, "layers": []})
    }
}
