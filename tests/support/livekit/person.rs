//! Who is in a room of LiveKit, and what LiveKit shows of it.

use serde_json::{Value, json};

/// Somebody in a room of LiveKit.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub tracks: Vec<Track>,
    /// What it may do, by its token or the last `UpdateParticipant`.
    pub permission: Value,
    /// As LiveKit spells it, such as `STANDARD`.
    pub kind: &'static str,
    /// The number of its connection; LiveKit gives it a new one whenever it comes.
    pub sid: String,
    /// It was on a node that is dead: it is shown, and nothing can be done about it.
    pub is_ghost: bool,
    /// So often it is there again as soon as it was removed, with the token that LiveKit itself has given it.
    pub comebacks: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    pub sid: String,
    /// `AUDIO` or `VIDEO`.
    pub kind: &'static str,
    /// What it says that it comes from, as LiveKit spells it, such as `MICROPHONE`.
    pub source: &'static str,
    pub muted: bool,
}

/// What somebody visible may do who publishes these sources, such as `camera`.
pub fn permission(sources: &[&str]) -> Value {
    let sources: Vec<_> = sources.iter().map(|source| source.to_uppercase()).collect();
    json!({
        "can_subscribe": true, "can_publish": !sources.is_empty(), "can_publish_data": false,
        "can_publish_sources": sources, "hidden": false,
    })
}

/// What a recorder or a second window may do.
pub fn unseen_and_mute() -> Value {
    let mut permission = permission(&[]);
    permission["hidden"] = json!(true);
    permission
}

impl Person {
    /// With a token of a participant without restrictions, or of a second window of one.
    pub fn of(identity: &str, tracks: &[Track]) -> Self {
        Self {
            tracks: tracks.to_vec(),
            permission: if identity.contains("-popout") {
                unseen_and_mute()
            } else {
                permission(&["camera", "microphone", "screen_share", "screen_share_audio"])
            },
            kind: "STANDARD",
            sid: String::new(),
            is_ghost: false,
            comebacks: 0,
        }
    }

    /// LiveKit ends tracks that are not allowed any more. It takes an empty list of sources for all of them.
    pub(super) fn permit(&mut self, permission: &Value) {
        self.permission = permission.clone();
        let may_publish = permission["can_publish"] == true;
        let sources = permission["can_publish_sources"].as_array();
        let sources: Vec<_> = sources.into_iter().flatten().filter_map(Value::as_str).collect();
        self.tracks
            .retain(|track| may_publish && (sources.is_empty() || sources.contains(&track.source)));
    }

    /// As calls answer it: every field of protobuf's JSON. With more of them than anybody here needs, as LiveKit has them too.
    pub(super) fn entry(&self, identity: &str) -> Value {
        let tracks: Vec<_> = self.tracks.iter().map(Track::entry).collect();
        let mut permission = self.permission.clone();
        for more in ["recorder", "can_update_metadata", "agent"] {
            permission[more] = json!(false);
        }
        json!({
            "sid": self.sid, "identity": identity, "state": "ACTIVE", "tracks": tracks, "metadata": "", "name": "",
            "joined_at": "1764000000", "permission": permission, "is_publisher": true, "kind": self.kind, "attributes": {},
        })
    }

    /// As webhooks tell it: protobuf's JSON in its other spelling, without what has its default.
    pub(super) fn told(&self, identity: &str) -> Value {
        brief(&self.entry(identity))
    }
}

impl Track {
    /// Of the kind that the source should have.
    pub fn live(sid: &str, source: &'static str) -> Self {
        let is_audio = matches!(source, "MICROPHONE" | "SCREEN_SHARE_AUDIO");
        Self {
            sid: sid.to_owned(),
            kind: if is_audio { "AUDIO" } else { "VIDEO" },
            source,
            muted: false,
        }
    }

    /// Sound that says that it comes from this source.
    pub fn sound(sid: &str, source: &'static str) -> Self {
        Self {
            kind: "AUDIO",
            ..Self::live(sid, source)
        }
    }

    pub(super) fn entry(&self) -> Value {
        json!({
            "sid": self.sid, "type": self.kind, "name": "", "muted": self.muted, "source": self.source, "layers": [],
            "mime_type": "", "simulcast": false,
        })
    }
}

/// Values that protobuf's JSON may leave out: zeros, and the first names of enums.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => ["", "STANDARD", "AUDIO", "UNKNOWN"].contains(&&**text),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// `can_publish` becomes `canPublish`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        camel += &first.to_uppercase();
        camel += rest;
    }
    camel
}

fn brief(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(brief).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !is_default(value))
            .map(|(name, value)| (camel_case(name), brief(value)))
            .collect(),
        other => other.clone(),
    }
}
