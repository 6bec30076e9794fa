//! Identifiers and times as the wire and the journal carry them.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

uuid_id! {
    /// A room, as REST and the database know it.
    RoomId,
    /// One participation; a resumed session keeps it.
    ParticipantId,
    /// A registered user.
    UserId,
    /// The secret of a guest link.
    InviteCode,
    /// A room beside the main room of a meeting.
    BreakoutRoomId,
    /// A chat message.
    MessageId,
    /// A group of users, as the identity provider names it.
    GroupId,
    /// A running timer.
    TimerId,
    /// A poll.
    PollId,
    /// A formal vote.
    LegalVoteId,
    /// A whisper group.
    WhisperId,
    /// Something that a meeting may be recorded or streamed to.
    StreamingTargetId,
    /// Something that a room wants done outside. What comes of it, e.g. an asset, has the same id.
    TaskId,
    /// A file of a room.
    AssetId,
}

impl From<TaskId> for AssetId {
    fn from(made_by: TaskId) -> Self {
        Self(made_by.0)
    }
}

/// One of the rooms of a meeting: the main room, or a breakout room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(pub Option<BreakoutRoomId>);

impl Space {
    /// Where everybody comes together.
    pub const MAIN: Self = Self(None);
}

/// A room of a meeting as services outside are told of it: `<room id>` for the main room, `<room id>:<breakout id>` for a breakout room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceName {
    pub room: RoomId,
    pub space: Space,
}

impl fmt::Display for SpaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.space.0 {
            None => self.room.fmt(f),
            Some(breakout) => write!(f, "{}:{breakout}", self.room),
        }
    }
}

/// The number of a WebSocket session within its room. Its high half is drawn anew in each life of the room, so that none is used twice,
/// whatever a disk has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionNo(pub u64);

macro_rules! hash {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&hex::encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let digits = String::deserialize(deserializer)?;
                let mut bytes = [0; 32];
                hex::decode_to_slice(&digits, &mut bytes)
                    .map_err(|_| D::Error::custom("a hash has 64 hexadecimal digits"))?;
                Ok(Self(bytes))
            }
        }
    )+};
}

hash! {
    /// SHA-256 of a resumption token: the state of a room never holds the token itself.
    TokenHash,
    /// HMAC-SHA-256, by a key of the installation, of where somebody comes from: a client's network, or a caller's number.
    /// Rooms compare origins; neither state nor journal holds an address or a number.
    OriginHash,
}

impl TokenHash {
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl OriginHash {
    /// The origin with these 32 bytes of MAC.
    #[must_use]
    pub const fn new(mac: [u8; 32]) -> Self {
        Self(mac)
    }
}

/// Microseconds since 1970, UTC. The wire shows RFC 3339 with six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(description = "RFC 3339 in UTC, with six decimals.", extend("format" = "date-time"))]
pub struct Timestamp(#[schemars(with = "String")] i64);

impl Timestamp {
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The last second of the year 9999: what every client can read.
    pub const END: Self = Self(253_402_300_799_000_000);

    /// This time plus whole seconds, at most [`Timestamp::END`].
    #[must_use]
    pub fn plus_secs(self, secs: u64) -> Self {
        let micros = i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self(self.0.saturating_add(micros)).min(Self::END)
    }

    /// This time less whole seconds.
    #[must_use]
    pub const fn minus_secs(self, secs: u64) -> Self {
        Self(
            self.0
                .saturating_sub(secs.saturating_mul(1_000_000).cast_signed()),
        )
    }

    /// This time plus milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }

    /// Whole seconds since 1970, as tokens (RFC 7519) count them.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The next representable time.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::<Utc>::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH);
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = Self::from(DateTime::<Utc>::deserialize(deserializer)?);
        let readable = Self(0)..=Self::END;
        readable
            .contains(&time)
            .then_some(time)
            .ok_or_else(|| D::Error::custom("a time between 1970 and 9999"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_show_six_decimals_and_survive_a_round_trip() {
        let time = Timestamp::from_micros(1_767_225_600_000_001);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2026-01-01T00:00:00.000001Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn token_hashes_survive_a_round_trip_and_refuse_other_text() {
        let hash = TokenHash::of("secret");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<TokenHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<TokenHash>("\"abc\"").is_err());
        assert!(serde_json::from_str::<TokenHash>(&format!("\"{}\"", "x".repeat(64))).is_err());
    }
}
