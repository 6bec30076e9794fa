//! LiveKit: access tokens, which are signed when they leave the room, and the calls that it wants made.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    encoding::{self, EncodeError},
    ids::{ParticipantId, RoomId, Space, Timestamp},
    protocol::limits::LIVEKIT_TOKEN_SECS,
};

/// Where LiveKit is, and the key that signs for it. The defaults are those of `livekit-server --dev`.
#[derive(Clone)]
pub struct Livekit {
    /// As browsers reach it: a WebSocket URL.
    pub public_url: String,
    /// As callers and recorders reach it: a WebSocket URL.
    pub service_url: String,
    api_key: String,
    key: Hmac<Sha256>,
    /// By how many microseconds a room's time is ahead of the wall clock, which LiveKit goes by.
    ahead: Arc<AtomicI64>,
}

impl Livekit {
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "HMAC takes keys of any length"
    )]
    #[must_use]
    pub fn new(public_url: String, service_url: String, api_key: String, api_secret: &str) -> Self {
        Self {
            public_url,
            service_url,
            api_key,
            key: Hmac::new_from_slice(api_secret.as_bytes()).expect("any length"),
            ahead: Arc::default(),
        }
    }

    /// The same, for one room: each has its own time.
    #[must_use]
    pub fn for_room(&self) -> Arc<Self> {
        Arc::new(Self {
            ahead: Arc::default(),
            ..self.clone()
        })
    }

    /// The wall clock was set back: tokens must be valid by it nevertheless.
    pub fn set_ahead(&self, micros: i64) {
        self.ahead.store(micros.max(0), Ordering::Relaxed);
    }

    /// An access token: a JWT (RFC 7519) with HS256, valid from `at` for [`LIVEKIT_TOKEN_SECS`].
    #[must_use]
    pub fn access_token(&self, access: &MediaAccess, at: Timestamp) -> String {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            sub: &'a str,
            name: &'a str,
            nbf: i64,
            exp: i64,
            video: &'a VideoGrant,
        }
        let ahead = self.ahead.load(Ordering::Relaxed);
        let at = Timestamp::from_micros(at.as_micros().saturating_sub(ahead));
        self.sign(&Claims {
            iss: &self.api_key,
            sub: &access.identity,
            name: &access.identity,
            nbf: at.as_secs(),
            exp: at.plus_secs(LIVEKIT_TOKEN_SECS).as_secs(),
            video: &access.grant,
        })
    }

    fn sign<T: Serialize>(&self, claims: &T) -> String {
        let mut token = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        token.push('.');
        let claims = encoding::encode(claims).unwrap_or_else(EncodeError::undo);
        token.push_str(&URL_SAFE_NO_PAD.encode(claims));
        let mac = self.key.clone().chain_update(&token);
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        token
    }
}

impl Default for Livekit {
    fn default() -> Self {
        let url = || "ws://localhost:7880".to_owned();
        Self::new(url(), url(), "devkey".to_owned(), "secret")
    }
}

impl fmt::Debug for Livekit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Livekit")
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

/// What an access token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaAccess {
    /// The identity of its bearer in LiveKit, see [`identity`].
    pub identity: String,
    pub grant: VideoGrant,
}

/// The `video` claim: what the bearer may do in one room of LiveKit.
#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoGrant {
    pub room_join: bool,
    pub room: String,
    pub can_publish: bool,
    pub can_subscribe: bool,
    pub can_publish_data: bool,
    pub can_publish_sources: Vec<Source>,
    pub hidden: bool,
}

/// What can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Camera,
    Microphone,
    ScreenShare,
    ScreenShareAudio,
}

/// A room of LiveKit: `<room id>` for the main room, `<room id>:<breakout id>` for a breakout room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MediaRoom {
    pub room: RoomId,
    pub space: Space,
}

impl fmt::Display for MediaRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.space.0 {
            None => self.room.fmt(f),
            Some(breakout) => write!(f, "{}:{breakout}", self.room),
        }
    }
}

/// The identity of a participant in LiveKit, or of its n-th popout window.
#[must_use]
pub fn identity(participant: ParticipantId, popout: Option<u32>) -> String {
    match popout {
        None => participant.to_string(),
        Some(number) => format!("{participant}-popout{number}"),
    }
}

/// Something that a room wants of LiveKit's `RoomService`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Mutes the microphone tracks of these participants.
    Mute {
        room: MediaRoom,
        participants: Vec<ParticipantId>,
    },
    /// Changes what these participants may publish, those of them who are there.
    Permit {
        room: MediaRoom,
        participants: Vec<(ParticipantId, Vec<Source>)>,
    },
    /// Removes a participant and its popouts, numbered from 1.
    Remove {
        room: MediaRoom,
        participant: ParticipantId,
        popouts: u32,
    },
    /// Deletes a room that nobody is in.
    Delete { room: MediaRoom },
}

impl Call {
    /// Where it does something.
    #[must_use]
    pub const fn room(&self) -> MediaRoom {
        match self {
            Self::Mute { room, .. }
            | Self::Permit { room, .. }
            | Self::Remove { room, .. }
            | Self::Delete { room } => *room,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header, claims and signature; the signature was computed by another program (`openssl dgst -sha256 -hmac`).
    #[test]
    fn a_token_is_signed_with_hs256() {
        let keys = Livekit::default();
        let token = keys.sign(&serde_json::json!({"a": 1}));
        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.57TF7smP9XDhIexBqPC-F1toZReYZLWb_YRU5tv0sxM"
        );
    }

    #[test]
    fn rooms_and_identities_have_the_names_that_clients_expect() {
        let room = RoomId(uuid::Uuid::from_u128(1));
        let breakout = Space(Some(uuid::Uuid::from_u128(2).into()));
        let main = MediaRoom {
            room,
            space: Space::MAIN,
        };
        assert_eq!(main.to_string(), "00000000-0000-0000-0000-000000000001");
        assert_eq!(
            MediaRoom {
                room,
                space: breakout
            }
            .to_string(),
            "00000000-0000-0000-0000-000000000001:00000000-0000-0000-0000-000000000002"
        );
        let id = ParticipantId(uuid::Uuid::from_u128(3));
        assert_eq!(
            identity(id, Some(2)),
            "00000000-0000-0000-0000-000000000003-popout2"
        );
    }
}
