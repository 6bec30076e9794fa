//! Requests and answers of `RoomService`, as far as they matter here, in protobuf's JSON: unknown fields are ignored,
//! what is absent has its default.

use serde::{Deserialize, Serialize};

/// Number of a microphone among protobuf's sources.
const MICROPHONE: i64 = 2;

/// The `video` claim of a token for the service.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Grant<'a> {
    #[serde(rename_all = "camelCase")]
    Admin { room: &'a str, room_admin: bool },
    #[serde(rename_all = "camelCase")]
    Create { room_create: bool },
}

#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    pub iss: &'a str,
    pub nbf: u64,
    pub exp: u64,
    pub video: Grant<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct OfRoom<'a> {
    pub room: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct OfParticipant<'a> {
    pub room: &'a str,
    pub identity: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct OfTrack<'a> {
    pub room: &'a str,
    pub identity: &'a str,
    pub track_sid: &'a str,
    pub muted: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Update<'a> {
    pub room: &'a str,
    pub identity: &'a str,
    pub permission: &'a Permission,
}

/// What a participant may do.
#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub can_subscribe: bool,
    pub can_publish: bool,
    pub can_publish_data: bool,
    pub can_publish_sources: Vec<&'static str>,
    pub hidden: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Participants {
    #[serde(default)]
    pub participants: Vec<Participant>,
}

#[derive(Debug, Deserialize)]
pub struct Participant {
    pub identity: String,
    #[serde(default)]
    pub tracks: Vec<Track>,
}

/// A published track.
#[derive(Debug, Deserialize)]
pub struct Track {
    pub sid: String,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    muted: bool,
}

/// The name of what a track comes from. A number stands for a source that LiveKit itself has no name for: a client can
/// publish one, and that must not make the answer unreadable.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Name(String),
    Number(i64),
}

impl Default for Source {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Track {
    /// Whether it is a microphone that can be heard.
    #[must_use]
    pub fn is_live_microphone(&self) -> bool {
        let is_microphone = match &self.source {
            Source::Name(name) => name == "MICROPHONE",
            Source::Number(number) => *number == MICROPHONE,
        };
        is_microphone && !self.muted
    }
}

/// An answer that says nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

/// Twirp's error.
#[derive(Debug, Deserialize)]
pub(super) struct ApiRefusal {
    pub code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_microphone_is_told_from_other_tracks() {
        for (track, is_live) in [
            (
                r#"{"sid":"TR_1","source":"MICROPHONE","muted":false,"mimeType":"audio/red"}"#,
                true,
            ),
            (
                r#"{"sid":"TR_1","source":"MICROPHONE","mime_type":"audio/red"}"#,
                true,
            ),
            (r#"{"sid":"TR_1","source":2}"#, true),
            (r#"{"sid":"TR_1","source":"MICROPHONE","muted":true}"#, false),
            (r#"{"sid":"TR_1","source":"CAMERA"}"#, false),
            (r#"{"sid":"TR_1","source":77}"#, false),
            (r#"{"sid":"TR_1"}"#, false),
        ] {
            let track: Track = serde_json::from_str(track).unwrap();
            assert_eq!(track.is_live_microphone(), is_live, "{track:?}");
        }
    }

    #[test]
    fn a_grant_is_for_one_room_or_for_rooms_as_such() {
        let room = "r";
        for (grant, json) in [
            (
                Grant::Admin {
                    room,
                    room_admin: true,
                },
                r#"{"room":"r","roomAdmin":true}"#,
            ),
            (Grant::Create { room_create: true }, r#"{"roomCreate":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&grant).unwrap(), json);
        }
    }
}
