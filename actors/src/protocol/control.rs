//! Namespace `control`: joining, leaving, roles, raised hands.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Event, meeting::Role};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ControlCommand {
    Join {
        /// As given; checked by the room, which answers `invalid_username`.
        #[serde(default)]
        display_name: Option<String>,
    },
    EnterRoom,
    RaiseHand,
    LowerHand,
    GrantModeratorRole {
        target: ParticipantId,
    },
    RevokeModeratorRole {
        target: ParticipantId,
    },
    /// Makes the rule panic: only in builds with the feature `fault-injection`.
    #[cfg(feature = "fault-injection")]
    Panic,
}

/// Events but `join_success`, which is put together from encoded pieces.
#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ControlEvent<'a> {
    Joined(Entry<'a>),
    Update(Entry<'a>),
    Left { id: ParticipantId, reason: LeaveReason },
    HandRaised,
    HandLowered,
    RoleUpdated { new_role: Role },
    RoomDeleted,
    ModeratorRoleGranted { target: ParticipantId },
    ModeratorRoleRevoked { target: ParticipantId },
    RateLimitExceeded,
    Error(ControlError),
}

impl Event for ControlEvent<'_> {
    const NAMESPACE: &'static str = "control";
}

/// A participant's entry: an object that was encoded when the participant last changed.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a>(pub &'a RawValue);

impl Serialize for Entry<'_> {
    /// A tagged enum merges its tag into a map, so the entry's fields are given one by one; the values stay as encoded.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let fields: std::collections::BTreeMap<&str, &RawValue> =
            serde_json::from_str(self.0.get()).map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (name, value) in fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    Quit,
    Timeout,
    SentToWaitingRoom,
    Kicked,
    Banned,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ControlError {
    #[error("the message is not JSON of the protocol")]
    InvalidJson,
    #[error("no such namespace here")]
    InvalidNamespace,
    #[error("a display name has 1 to 100 characters")]
    InvalidUsername,
    #[error("joined already")]
    AlreadyJoined,
    #[error("not joined yet")]
    NotYetJoined,
    #[error("not in the waiting room, or not accepted")]
    NotAcceptedOrNotInWaitingRoom,
    #[error("raising hands is disabled")]
    RaiseHandsDisabled,
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("the room's owner keeps the role")]
    TargetIsRoomOwner,
    #[error("it is so already")]
    NothingToDo,
    /// A rule panicked; the room was rebuilt without the command.
    #[error("the command could not be handled")]
    Internal,
}
