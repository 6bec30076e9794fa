//! Namespace `breakout`: rooms beside the main room, for a time.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::{
    Event, Namespace,
    limits::{BREAKOUT_ASSIGNMENTS_MAX, BREAKOUT_MINUTES_MAX, BREAKOUT_NAME_CHARS_MAX, BREAKOUT_ROOMS_MAX},
    meeting::{ParticipationKind, Role},
    names::{DisplayName, Line},
};
use crate::ids::{BreakoutRoomId, ParticipantId, Timestamp};

/// The name of a breakout room.
pub type BreakoutName = Line<BREAKOUT_NAME_CHARS_MAX>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum BreakoutCommand {
    /// Opens breakout rooms in place of those that run. For moderators.
    Start {
        rooms: Plan,
        #[serde(flatten)]
        lasting: Lasting,
    },
    /// Closes them. For moderators.
    Stop,
}

/// How long breakout rooms shall be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "SentLasting")]
#[schemars(!from)]
pub struct Lasting {
    /// Seconds; without end when absent or 0. Minutes up to 59, beside a field `strategy`: only web clients send that, and
    /// they mean minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
}

/// [`Lasting`] as clients say it.
#[derive(Deserialize)]
struct SentLasting {
    #[serde(default)]
    duration: Option<u64>,
    #[serde(default, deserialize_with = "is_there")]
    strategy: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl From<SentLasting> for Lasting {
    fn from(sent: SentLasting) -> Self {
        let seconds = |duration| {
            if sent.strategy && duration <= BREAKOUT_MINUTES_MAX {
                duration * 60
            } else {
                duration
            }
        };
        Self {
            duration: sent.duration.filter(|duration| *duration > 0).map(seconds),
        }
    }
}

/// The rooms that a start asks for: at most [`BREAKOUT_ROOMS_MAX`], with [`BREAKOUT_ASSIGNMENTS_MAX`] assignments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<PlannedRoom>")]
#[schemars(!try_from, inline, description = "", extend("maxItems" = BREAKOUT_ROOMS_MAX))]
pub struct Plan(Vec<PlannedRoom>);

/// A breakout room to be, and who shall go there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlannedRoom {
    pub name: BreakoutName,
    pub assignments: Vec<ParticipantId>,
}

/// More rooms or assignments than a meeting can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {BREAKOUT_ROOMS_MAX} rooms with {BREAKOUT_ASSIGNMENTS_MAX} assignments")]
pub struct TooManyRooms;

impl Plan {
    #[must_use]
    pub fn rooms(&self) -> &[PlannedRoom] {
        &self.0
    }
}

impl TryFrom<Vec<PlannedRoom>> for Plan {
    type Error = TooManyRooms;

    fn try_from(rooms: Vec<PlannedRoom>) -> Result<Self, TooManyRooms> {
        let assignments: usize = rooms.iter().map(|room| room.assignments.len()).sum();
        if rooms.len() > BREAKOUT_ROOMS_MAX || assignments > BREAKOUT_ASSIGNMENTS_MAX {
            return Err(TooManyRooms);
        }
        Ok(Self(rooms))
    }
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum BreakoutEvent<'a> {
    /// There are breakout rooms: a client moves by a new `start` with `breakout_room`.
    Started {
        rooms: &'a [BreakoutRoom],
        expires: Option<Timestamp>,
        /// The receiver's own room.
        assignment: Option<BreakoutRoomId>,
    },
    /// A moderator closed them: back to the main room.
    Stopped,
    /// Their time is over: back to the main room.
    Expired,
    /// Somebody entered another room.
    Joined(InOtherRoom<'a>),
    /// Somebody left another room.
    Left {
        breakout_room: Option<BreakoutRoomId>,
        id: ParticipantId,
    },
    /// A command was refused.
    Error(BreakoutError),
}

impl Event for BreakoutEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Breakout;
}

/// A breakout room as clients know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BreakoutRoom {
    pub id: BreakoutRoomId,
    #[schemars(with = "BreakoutName")]
    pub name: Arc<str>,
}

/// A participant as those in the other rooms see it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InOtherRoom<'a> {
    /// Null in the main room.
    pub breakout_room: Option<BreakoutRoomId>,
    pub id: ParticipantId,
    pub display_name: &'a DisplayName,
    pub role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<&'a str>,
    pub participation_kind: ParticipationKind,
    pub joined_at: Timestamp,
    /// Null while present: clients compare with null.
    pub left_at: Option<Timestamp>,
}

/// `breakout` in `join_success`, while breakout rooms run.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct BreakoutState<'a> {
    /// Where the receiver is; null in the main room.
    pub current: Option<BreakoutRoomId>,
    pub expires: Option<Timestamp>,
    pub rooms: &'a [BreakoutRoom],
    /// Those in other rooms.
    pub participants: Vec<InOtherRoom<'a>>,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum BreakoutError {
    #[error("no breakout rooms are running")]
    Inactive,
    #[error("moderators only")]
    InsufficientPermissions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rooms_can_be_seen_or_are_refused() {
        let name = |text: &str| serde_json::from_value::<BreakoutName>(text.into()).ok();
        for text in ["", " ", "\u{200b}", &"x".repeat(101)] {
            assert_eq!(name(text), None, "{text:?}");
        }
        assert_eq!(&*name(" Room\t1\0").unwrap().shared(), "Room 1");
        // What older rules let in is read back from a snapshot.
        let room = serde_json::json!({"id": uuid::Uuid::nil(), "name": ""});
        assert!(serde_json::from_value::<BreakoutRoom>(room).is_ok());
    }

    #[test]
    fn web_clients_mean_minutes() {
        for (sent, seconds) in [
            ("{}", None),
            (r#"{"duration":null}"#, None),
            (r#"{"duration":0}"#, None),
            (r#"{"duration":0,"strategy":"manual"}"#, None),
            (r#"{"duration":5}"#, Some(5)),
            (r#"{"duration":5,"strategy":"manual"}"#, Some(300)),
            (r#"{"duration":1,"strategy":null}"#, Some(60)),
            (r#"{"duration":59,"strategy":{"a":[]}}"#, Some(3_540)),
            (r#"{"duration":60,"strategy":"manual"}"#, Some(60)),
            (r#"{"duration":600,"strategy":"manual"}"#, Some(600)),
        ] {
            let lasting: Lasting = serde_json::from_str(sent).unwrap();
            assert_eq!(lasting.duration, seconds, "{sent}");
            // As a journal keeps it.
            let kept = serde_json::to_string(&lasting).unwrap();
            assert_eq!(serde_json::from_str::<Lasting>(&kept).unwrap(), lasting, "{kept}");
        }
    }
}
