//! Namespace `moderation`: the waiting room, removing participants, names and raised hands.

use serde::{Deserialize, Serialize};

use super::{
    Event,
    control::Entry,
    names::{DisplayName, Named},
};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ModerationCommand {
    Kick {
        target: ParticipantId,
    },
    Ban {
        target: ParticipantId,
    },
    SendToWaitingRoom {
        target: ParticipantId,
    },
    Debrief {
        kick_scope: KickScope,
    },
    ChangeDisplayName {
        /// As given; checked by the room, which answers `invalid_display_name`.
        new_name: String,
        target: ParticipantId,
    },
    EnableWaitingRoom,
    DisableWaitingRoom,
    EnableRaiseHands,
    DisableRaiseHands,
    Accept {
        target: ParticipantId,
    },
    ResetRaisedHands {
        /// Everybody when absent.
        #[serde(default, with = "one_or_many")]
        target: Option<Named>,
    },
}

/// Who is sent out by a debriefing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KickScope {
    Guests,
    UsersAndGuests,
    All,
}

#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ModerationEvent<'a> {
    Kicked,
    Banned,
    SentToWaitingRoom,
    SessionEnded {
        issued_by: ParticipantId,
    },
    DebriefingStarted {
        issued_by: ParticipantId,
    },
    InWaitingRoom,
    JoinedWaitingRoom(Entry<'a>),
    LeftWaitingRoom {
        id: ParticipantId,
    },
    WaitingRoomEnabled,
    WaitingRoomDisabled,
    RaiseHandsEnabled {
        issued_by: ParticipantId,
    },
    RaiseHandsDisabled {
        issued_by: ParticipantId,
    },
    Accepted,
    DisplayNameChanged {
        target: ParticipantId,
        issued_by: ParticipantId,
        old_name: &'a DisplayName,
        new_name: &'a DisplayName,
    },
    RaisedHandResetByModerator {
        issued_by: ParticipantId,
    },
    Error(ModerationError),
}

impl Event for ModerationEvent<'_> {
    const NAMESPACE: &'static str = "moderation";

    fn shown(&self) -> Option<(&'static str, Entry<'_>)> {
        match self {
            Self::JoinedWaitingRoom(entry) => Some(("joined_waiting_room", *entry)),
            _ => None,
        }
    }
}

/// Whether a waiting participant may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingRoomState {
    Waiting,
    Accepted,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
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

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
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
