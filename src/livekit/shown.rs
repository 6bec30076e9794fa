//! A participant as LiveKit shows it, in lists and webhooks: protobuf's JSON in both of its spellings, what is absent has its default.

use colloquy_actors::livekit::{Permission, Seen, Source, Track};
use serde::Deserialize;

/// LiveKit's `ParticipantInfo`, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Participant {
    #[serde(default)]
    pub identity: String,
    #[serde(default)]
    sid: String,
    #[serde(default)]
    kind: Enum,
    #[serde(default)]
    permission: Option<ShownPermission>,
    #[serde(default)]
    tracks: Vec<ShownTrack>,
}

/// The name or the number of an enum's value. A client can make LiveKit show numbers that it has no name for; that must not make the
/// answer unreadable.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Enum {
    Name(String),
    Number(i64),
}

impl Default for Enum {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Enum {
    fn is(&self, name: &str, number: i64) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Number(own) => *own == number,
        }
    }

    /// As LiveKit's `TrackSource`.
    fn source(&self) -> Option<Source> {
        let known = [
            ("CAMERA", 1, Source::Camera),
            ("MICROPHONE", 2, Source::Microphone),
            ("SCREEN_SHARE", 3, Source::ScreenShare),
            ("SCREEN_SHARE_AUDIO", 4, Source::ScreenShareAudio),
        ];
        let found = known.into_iter().find(|(name, number, _)| self.is(name, *number));
        found.map(|(_, _, source)| source)
    }
}

#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShownPermission {
    #[serde(alias = "canSubscribe")]
    can_subscribe: bool,
    #[serde(alias = "canPublish")]
    can_publish: bool,
    #[serde(alias = "canPublishData")]
    can_publish_data: bool,
    #[serde(alias = "canPublishSources")]
    can_publish_sources: Vec<Enum>,
    hidden: bool,
}

#[derive(Debug, Deserialize)]
struct ShownTrack {
    #[serde(default)]
    sid: String,
    #[serde(default, rename = "type")]
    kind: Enum,
    #[serde(default)]
    source: Enum,
    #[serde(default)]
    muted: bool,
}

impl From<Participant> for Seen {
    fn from(shown: Participant) -> Self {
        let permission = shown.permission.map(|shown| Permission {
            can_subscribe: shown.can_subscribe,
            can_publish: shown.can_publish,
            can_publish_data: shown.can_publish_data,
            sources: shown.can_publish_sources.iter().map(Enum::source).collect(),
            is_hidden: shown.hidden,
        });
        let track = |track: ShownTrack| Track {
            sid: track.sid,
            is_audio: track.kind.is("AUDIO", 0),
            source: track.source.source(),
            is_muted: track.muted,
        };
        Self {
            identity: shown.identity,
            sid: shown.sid,
            is_standard: shown.kind.is("STANDARD", 0),
            permission,
            tracks: shown.tracks.into_iter().map(track).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(json: &str) -> Seen {
        serde_json::from_str::<Participant>(json).unwrap().into()
    }

    #[test]
    fn both_spellings_and_all_defaults_are_read() {
        let one = seen(
            r#"{"identity":"a","sid":"PA_1","kind":"STANDARD","permission":{"can_subscribe":true,"can_publish":true,
                "can_publish_sources":["CAMERA","SCREEN_SHARE_AUDIO"]},"tracks":[{"sid":"TR_1","type":"VIDEO","source":"CAMERA"}]}"#,
        );
        let other = seen(
            r#"{"identity":"a","sid":"PA_1","permission":{"canSubscribe":true,"canPublish":true,
                "canPublishSources":[1,4]},"tracks":[{"sid":"TR_1","type":1,"source":1}],"joinedAtMs":"1764"}"#,
        );
        assert_eq!(one, other);
        let permission = one.permission.unwrap();
        assert_eq!(
            permission.sources,
            Some(vec![Source::Camera, Source::ScreenShareAudio])
        );
        assert!(!one.tracks[0].is_audio);
        let bare = seen(r#"{"tracks":[{}]}"#);
        assert!(bare.is_standard && bare.permission.is_none() && bare.tracks[0].is_live_voice());
    }

    #[test]
    fn what_is_not_known_is_no_reason_to_fail() {
        let one = seen(r#"{"identity":"a","kind":"AGENT","tracks":[{"source":77}]}"#);
        assert!(!one.is_standard && one.tracks[0].source.is_none());
        let one = seen(r#"{"kind":7,"permission":{"can_publish_sources":["CAMERA","NEW"]}}"#);
        assert!(!one.is_standard && one.permission.unwrap().sources.is_none());
    }

    #[test]
    fn a_live_voice_is_told_from_other_tracks() {
        for (track, is_live) in [
            (
                r#"{"sid":"TR_1","source":"MICROPHONE","muted":false,"mimeType":"audio/red"}"#,
                true,
            ),
            (r#"{"sid":"TR_1","source":2}"#, true),
            (r#"{"sid":"TR_1","source":"MICROPHONE","muted":true}"#, false),
            (r#"{"sid":"TR_1","type":"VIDEO","source":"CAMERA"}"#, false),
            (r#"{"sid":"TR_1","type":"AUDIO","source":"CAMERA"}"#, true),
            (r#"{"sid":"TR_1","source":"SCREEN_SHARE_AUDIO"}"#, false),
            (r#"{"sid":"TR_1","source":77}"#, true),
        ] {
            let shown = format!(r#"{{"tracks":[{track}]}}"#);
            assert_eq!(seen(&shown).tracks[0].is_live_voice(), is_live, "{track}");
        }
    }
}
