//! Namespace `control`: joining, leaving, roles, raised hands.

use serde::{Deserialize, Serialize};

use super::{Event, Namespace, limits::DISPLAY_NAME_CHARS_MAX, meeting::Role, names::Sent};
use crate::ids::{OriginHash, ParticipantId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ControlCommand {
    /// Enters the meeting, or its waiting room. Answered by `join_success` or `moderation/in_waiting_room`.
    Join {
        /// As given; checked by the room, which answers `invalid_username`.
        #[serde(default)]
        display_name: Option<Sent<DISPLAY_NAME_CHARS_MAX>>,
        /// The origin of a caller by telephone: its number. Set by the session, never by a client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(skip)]
        number: Option<OriginHash>,
    },
    /// Enters the meeting after `moderation/accepted`. Answered by `join_success`.
    EnterRoom,
    /// Answered by `hand_raised`.
    RaiseHand,
    /// Answered by `hand_lowered`.
    LowerHand,
    /// Makes a participant a moderator. For moderators.
    GrantModeratorRole { target: ParticipantId },
    /// Takes the role of a moderator away. For moderators.
    RevokeModeratorRole { target: ParticipantId },
    /// Makes the rule panic: only in builds with the feature `fault-injection`.
    #[cfg(feature = "fault-injection")]
    #[schemars(skip)]
    Panic,
}

impl ControlCommand {
    /// The command without what only the server may say.
    #[must_use]
    pub fn from_client(self) -> Self {
        match self {
            Self::Join { display_name, .. } => Self::Join {
                display_name,
                number: None,
            },
            other => other,
        }
    }
}

/// Events but `join_success`, which is put together from encoded pieces.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ControlEvent<'a> {
    /// Somebody else entered the room.
    Joined(PeerEntry<'a>),
    /// Name, role or hand of somebody changed.
    Update(PeerEntry<'a>),
    /// Somebody else left the room.
    Left { id: ParticipantId, reason: LeaveReason },
    /// Nobody can join at the moment; the socket stays open, and a later `join` may succeed.
    JoinBlocked(JoinBlockedReason),
    /// The time of the meeting is over; then close 1000.
    TimeLimitQuotaElapsed,
    /// The own hand is up.
    HandRaised,
    /// The own hand is down.
    HandLowered,
    /// The own role changed.
    RoleUpdated { new_role: Role },
    /// The room is gone; then close 1000.
    RoomDeleted,
    /// The answer to `grant_moderator_role`.
    ModeratorRoleGranted { target: ParticipantId },
    /// The answer to `revoke_moderator_role`.
    ModeratorRoleRevoked { target: ParticipantId },
    /// The message was dropped, there are too many.
    RateLimitExceeded,
    /// Ours, only for clients that asked to resume from a number: the events after it follow.
    Resumed { from: u64 },
    /// Ours, only for clients that asked to resume from a number: `join_success` follows.
    NotResumed,
    /// A message was refused.
    Error(ControlError),
}

/// Why somebody can't join at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum JoinBlockedReason {
    /// As many participants are inside as the tariff allows.
    ParticipantLimitReached,
}

impl Event for ControlEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Control;

    fn shown(&self) -> Option<(&'static str, PeerEntry<'_>)> {
        match self {
            Self::Joined(entry) => Some(("joined", *entry)),
            Self::Update(entry) => Some(("update", *entry)),
            _ => None,
        }
    }
}

/// A participant's entry: a JSON object that was encoded when the participant last changed. Events that show one are
/// put together from it ([`Event::shown`]).
#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
#[schemars(transparent, inline)]
pub struct PeerEntry<'a>(#[schemars(with = "super::shapes::ParticipantShape")] pub &'a str);

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    Quit,
    Timeout,
    SentToWaitingRoom,
    Kicked,
    Banned,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
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
