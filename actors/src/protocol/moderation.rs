//! Namespace `moderation`: the waiting room, removing participants, names and raised hands.

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    control::PeerEntry,
    limits::DISPLAY_NAME_CHARS_MAX,
    names::{DisplayName, Named, Sent},
};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ModerationCommand {
    /// Sends somebody out, also out of the waiting room.
    Kick { target: ParticipantId },
    /// Sends a registered user out, who can't come back during this meeting.
    Ban { target: ParticipantId },
    /// Sends somebody to the waiting room, and turns it on.
    SendToWaitingRoom { target: ParticipantId },
    /// Sends many out at once, and turns the waiting room on.
    Debrief { kick_scope: KickScope },
    /// Gives a guest or caller another name.
    ChangeDisplayName {
        /// As given; checked by the room, which answers `invalid_display_name`.
        new_name: Sent<DISPLAY_NAME_CHARS_MAX>,
        target: ParticipantId,
    },
    /// From now on everybody but moderators waits.
    EnableWaitingRoom,
    /// Nobody waits any more; who waits already goes on waiting.
    DisableWaitingRoom,
    /// Hands can be raised again.
    EnableRaiseHands,
    /// No hand can be raised; raised ones go down.
    DisableRaiseHands,
    /// Lets somebody in who waits.
    Accept { target: ParticipantId },
    /// Lowers hands.
    ResetRaisedHands {
        /// Everybody when absent.
        #[serde(default, with = "one_or_many")]
        #[schemars(with = "Option<one_or_many::OneOrMany>")]
        target: Option<Named>,
    },
}

/// Who is sent out by a debriefing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KickScope {
    Guests,
    UsersAndGuests,
    All,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ModerationEvent<'a> {
    /// The receiver is sent out; then close 1000.
    Kicked,
    /// The receiver is sent out and can't come back; then close 1000.
    Banned,
    /// The receiver is sent to the waiting room.
    SentToWaitingRoom,
    /// The receiver is sent out by a debriefing; then close 1000.
    SessionEnded { issued_by: ParticipantId },
    /// Others were sent out by a debriefing.
    DebriefingStarted { issued_by: ParticipantId },
    /// The receiver waits until `accepted`.
    InWaitingRoom,
    /// Somebody waits.
    JoinedWaitingRoom(PeerEntry<'a>),
    /// Somebody waits no longer.
    LeftWaitingRoom { id: ParticipantId },
    /// From now on everybody but moderators waits.
    WaitingRoomEnabled,
    /// Nobody has to wait from now on.
    WaitingRoomDisabled,
    /// Hands can be raised.
    RaiseHandsEnabled { issued_by: ParticipantId },
    /// No hand can be raised.
    RaiseHandsDisabled { issued_by: ParticipantId },
    /// The receiver may send `control/enter_room`.
    Accepted,
    /// A moderator gave somebody another name.
    DisplayNameChanged {
        target: ParticipantId,
        issued_by: ParticipantId,
        old_name: &'a DisplayName,
        new_name: &'a DisplayName,
    },
    /// The own hand was lowered by a moderator.
    RaisedHandResetByModerator { issued_by: ParticipantId },
    /// A command was refused.
    Error(ModerationError),
}

impl Event for ModerationEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Moderation;

    fn shown(&self) -> Option<(&'static str, PeerEntry<'_>)> {
        match self {
            Self::JoinedWaitingRoom(entry) => Some(("joined_waiting_room", *entry)),
            _ => None,
        }
    }
}

/// Whether a waiting participant may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingRoomState {
    Waiting,
    Accepted,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ModerationError {
    #[error("only registered users can be banned")]
    CannotBanGuest,
    #[error("the room's owner can't be sent to the waiting room")]
    CannotSendRoomOwnerToWaitingRoom,
    #[error("only guests and callers can be renamed")]
    CannotChangeNameOfRegisteredUsers,
    #[error("a display name has 1 to 100 characters")]
    InvalidDisplayName,
    #[error("moderators only")]
    InsufficientPermissions,
}

/// One id, a list of ids, or none.
mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Named;
    use crate::ids::ParticipantId;

    #[derive(Deserialize, schemars::JsonSchema)]
    #[serde(untagged)]
    #[schemars(inline)]
    pub enum OneOrMany {
        One(ParticipantId),
        Many(Named),
    }

    #[expect(clippy::ref_option, reason = "the signature that serde's `with` asks for")]
    pub fn serialize<S: Serializer>(named: &Option<Named>, serializer: S) -> Result<S::Ok, S::Error> {
        named.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Named>, D::Error> {
        let given = Option::<OneOrMany>::deserialize(deserializer)?;
        Ok(given.map(|given| match given {
            OneOrMany::One(id) => id.into(),
            OneOrMany::Many(named) => named,
        }))
    }
}
