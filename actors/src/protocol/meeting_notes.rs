//! Namespace `meeting_notes`: a pad at Etherpad in which those write whom a moderator chooses.

use serde::{Deserialize, Serialize};

use super::{Event, Namespace, names::Named};
use crate::ids::TaskId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum MeetingNotesCommand {
    /// Lets these write; the first time the pad is made, and all others read. For moderators.
    SelectWriter { participant_ids: Named },
    /// Lets these only read, if they write. For moderators.
    DeselectWriter { participant_ids: Named },
    /// Stores the pad as a PDF among the room's assets. For moderators.
    GeneratePdf,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum MeetingNotesEvent<'a> {
    /// The receiver may write, by this URL alone.
    WriteUrl { url: &'a str },
    /// The receiver may read, by this URL alone.
    ReadUrl { url: &'a str },
    /// A PDF of the pad is among the room's assets.
    PdfAsset { filename: &'a str, asset_id: TaskId },
    /// A command was refused, or what it asked for failed.
    Error(MeetingNotesError),
}

impl Event for MeetingNotesEvent<'_> {
    const NAMESPACE: Namespace = Namespace::MeetingNotes;
}

/// `meeting_notes` of a participant who has access to the pad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MeetingNotesPeerState {
    pub readonly: bool,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum MeetingNotesError {
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("somebody is named who is not there")]
    InvalidParticipantSelection,
    #[error("the pad is being made")]
    CurrentlyInitializing,
    #[error("the pad or its PDF could not be made")]
    FailedInitialization,
    #[error("there is no pad")]
    NotInitialized,
    #[error("the room's owner has no storage left")]
    StorageExceeded,
}
