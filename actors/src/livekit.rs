//! LiveKit: access tokens, which are signed when they leave the room, and the calls that it wants made.

mod look;

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

pub use self::look::{Brief, Differences, Expected, MediaIdentity, NotOurs, Permission, Seen, Track};
use crate::{
    encoding::{self, EncodeError},
    ids::{ParticipantId, RoomId, Space, Timestamp},
    protocol::limits::{LIVEKIT_TOKEN_SECS, POPOUTS_PER_PARTICIPANT_MAX},
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
    /// The identity of its bearer in LiveKit, see [`MediaIdentity`].
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

/// A room of LiveKit: `<room id>~<second>` for the main room of a meeting that began then, so that no token of an earlier meeting opens
/// it, `<room id>:<breakout id>` for a breakout room, and `<room id>:<whisper id>` for a whisper group, whose id is the space then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MediaRoom {
    pub room: RoomId,
    pub space: Space,
    /// Seconds; none for a main room of a meeting that an earlier version has begun, and for breakout rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<i64>,
}

impl MediaRoom {
    /// The counterpart of a room of the meeting that began then.
    #[must_use]
    pub fn new(room: RoomId, space: Space, began: Option<Timestamp>) -> Self {
        Self {
            room,
            space,
            began: began.filter(|_| space == Space::MAIN).map(Timestamp::as_secs),
        }
    }
}

impl fmt::Display for MediaRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.space.0, self.began) {
            (None, None) => self.room.fmt(f),
            (None, Some(second)) => write!(f, "{}~{second}", self.room),
            (Some(breakout), _) => write!(f, "{}:{breakout}", self.room),
        }
    }
}

impl FromStr for MediaRoom {
    type Err = NotOurs;

    /// Exactly what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let (room, rest) = text
            .split_at_checked(uuid::fmt::Hyphenated::LENGTH)
            .ok_or(NotOurs)?;
        let (mut space, mut began) = (Space::MAIN, None);
        match rest.split_at_checked(1) {
            Some(("~", second)) => began = Some(second.parse().map_err(|_| NotOurs)?),
            Some((":", id)) => space = Space(Some(id.parse::<uuid::Uuid>().map_err(|_| NotOurs)?.into())),
            Some(_) => return Err(NotOurs),
            None => {}
        }
        let room = Self {
            room: RoomId(room.parse().map_err(|_| NotOurs)?),
            space,
            began,
        };
        (room.to_string() == text).then_some(room).ok_or(NotOurs)
    }
}

/// Something that a room wants of LiveKit's `RoomService`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Mutes all that these participants can be heard by, but the sound of their screens.
    Mute {
        room: MediaRoom,
        participants: Vec<ParticipantId>,
    },
    /// Changes what these participants may publish, those of them who are there.
    Permit {
        room: MediaRoom,
        participants: Vec<(ParticipantId, Vec<Source>)>,
    },
    /// Removes these, if they are there.
    Remove(Removal),
    /// Makes a room. One that is there stays as it is.
    Create { room: MediaRoom },
    /// Deletes a room that nobody is in.
    Delete { room: MediaRoom },
    /// Says how who is there differs from who should be.
    Look {
        room: MediaRoom,
        /// Something is known not to be as it should be: it comes before looks at others.
        #[serde(default)]
        urgent: bool,
        #[serde(skip)]
        brief: Arc<Brief>,
    },
}

/// Whom to remove from a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredRemoval")]
pub struct Removal {
    pub room: MediaRoom,
    pub who: Vec<MediaIdentity>,
    /// Whether an operator should hear that somebody who was removed has come back, for the first time in this meeting.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warn: bool,
}

/// A removal as it is read: also as earlier versions wrote it, of a participant and its popout windows.
#[derive(Deserialize)]
struct StoredRemoval {
    room: MediaRoom,
    #[serde(default)]
    who: Vec<MediaIdentity>,
    #[serde(default)]
    warn: bool,
    #[serde(default)]
    participant: Option<ParticipantId>,
    #[serde(default)]
    popouts: u32,
}

impl From<StoredRemoval> for Removal {
    fn from(stored: StoredRemoval) -> Self {
        let StoredRemoval {
            room,
            mut who,
            warn,
            participant,
            popouts,
        } = stored;
        if let Some(participant) = participant {
            let popouts = popouts.min(POPOUTS_PER_PARTICIPANT_MAX);
            who.extend(MediaIdentity::with_popouts(participant, popouts));
        }
        Self { room, who, warn }
    }
}

impl Call {
    /// Where it does something.
    #[must_use]
    pub const fn room(&self) -> MediaRoom {
        match self {
            Self::Mute { room, .. }
            | Self::Permit { room, .. }
            | Self::Remove(Removal { room, .. })
            | Self::Create { room }
            | Self::Delete { room }
            | Self::Look { room, .. } => *room,
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
    fn rooms_have_names_that_are_read_as_they_are_written() {
        let (room, breakout) = (RoomId(uuid::Uuid::from_u128(1)), uuid::Uuid::from_u128(2));
        let began = Some(Timestamp::from_micros(1_764_000_000_999_999));
        let id = "00000000-0000-0000-0000-000000000001";
        for (space, began, name) in [
            (Space::MAIN, None, id.to_owned()),
            (Space::MAIN, began, format!("{id}~1764000000")),
            (
                Space(Some(breakout.into())),
                began,
                format!("{id}:00000000-0000-0000-0000-000000000002"),
            ),
        ] {
            let media_room = MediaRoom::new(room, space, began);
            assert_eq!(media_room.to_string(), name);
            assert_eq!(name.parse(), Ok(media_room));
        }
        for other in [
            "",
            "meeting",
            "00000000-0000-0000-0000-00000000000A",
            "00000000-0000-0000-0000-000000000001~",
            "00000000-0000-0000-0000-000000000001~01",
            "00000000-0000-0000-0000-000000000001~+1",
            "00000000-0000-0000-0000-000000000001:1",
            "00000000-0000-0000-0000-000000000001/x",
            "0000000000000000000000000000000000\u{e9}\u{e9}",
        ] {
            assert_eq!(other.parse::<MediaRoom>(), Err(NotOurs), "{other}");
        }
    }

    #[test]
    fn removals_of_earlier_versions_are_read() {
        let stored = serde_json::json!({
            "remove": {"room": {"room": uuid::Uuid::nil(), "space": null}, "participant": uuid::Uuid::nil(), "popouts": 2}
        });
        let Call::Remove(removal) = serde_json::from_value(stored).unwrap() else {
            panic!("it is a removal");
        };
        let popouts: Vec<_> = removal.who.iter().map(|one| one.popout).collect();
        assert_eq!(popouts, [None, Some(1), Some(2)]);
        let again = serde_json::to_value(Call::Remove(removal.clone())).unwrap();
        assert_eq!(
            serde_json::from_value::<Call>(again).unwrap(),
            Call::Remove(removal)
        );
    }
}
