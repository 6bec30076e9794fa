//! Namespace `control`: joining, leaving, roles, raised hands.

use serde::{Deserialize, Serialize};

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
    Left {
        id: ParticipantId,
        reason: LeaveReason,
    },
    JoinBlocked(JoinBlockedReason),
    TimeLimitQuotaElapsed,
    HandRaised,
    HandLowered,
    RoleUpdated {
        new_role: Role,
    },
    RoomDeleted,
    ModeratorRoleGranted {
        target: ParticipantId,
    },
    ModeratorRoleRevoked {
        target: ParticipantId,
    },
    RateLimitExceeded,
    /// Ours, only for clients that asked to resume from a number: the events after it follow.
    Resumed {
        from: u64,
    },
    /// Ours, only for clients that asked to resume from a number: `join_success` follows.
    NotResumed,
    Error(ControlError),
}

/// Why somebody can't join at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum JoinBlockedReason {
    ParticipantLimitReached,
}

impl Event for ControlEvent<'_> {
    const NAMESPACE: &'static str = "control";

    fn shown(&self) -> Option<(&'static str, Entry<'_>)> {
        match self {
            Self::Joined(entry) => Some(("joined", *entry)),
            Self::Update(entry) => Some(("update", *entry)),
            _ => None,
        }
    }
}

/// A participant's entry: a JSON object that was encoded when the participant last changed. Events that show one are
/// put together from it ([`Event::shown`]).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Entry<'a>(pub &'a str);

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
