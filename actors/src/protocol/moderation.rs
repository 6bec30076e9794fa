//! Namespace `moderation`: the waiting room and removing participants.

use serde::{Deserialize, Serialize};

use super::{Event, control::Entry};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ModerationCommand {
    Kick { target: ParticipantId },
    EnableWaitingRoom,
    DisableWaitingRoom,
    Accept { target: ParticipantId },
}

#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ModerationEvent<'a> {
    Kicked,
    InWaitingRoom,
    JoinedWaitingRoom(Entry<'a>),
    LeftWaitingRoom { id: ParticipantId },
    WaitingRoomEnabled,
    WaitingRoomDisabled,
    Accepted,
    Error(ModerationError),
}

impl Event for ModerationEvent<'_> {
    const NAMESPACE: &'static str = "moderation";
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
    #[error("moderators only")]
    InsufficientPermissions,
}
