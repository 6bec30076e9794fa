//! Pads at Etherpad: what rooms want done there.
//!
//! A room names what it is given by the task that made it. Ids of pads and sessions, and the URLs that are made of them, are secrets:
//! whoever does the tasks keeps them, and they are put into events when these leave the room.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, SpaceName, TaskId, Timestamp},
    protocol::names::DisplayName,
};

/// Something that a room wants of Etherpad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotesCall {
    /// Makes an empty pad. One that an earlier meeting has left goes.
    Open { name: SpaceName },
    /// Lets somebody into the pad. Its id names the session from then on.
    Admit(Admittance),
    /// Ends a session.
    Dismiss { name: SpaceName, session: TaskId },
    /// Ends all sessions: those whom they were for are let in anew.
    Clear { name: SpaceName },
    /// Deletes the pad with all that belongs to it.
    Delete { name: SpaceName },
    /// Stores the pad as a PDF, as this session sees it, named after the time of the command.
    Pdf {
        name: SpaceName,
        session: TaskId,
        at: Timestamp,
    },
}

/// Who is let into a pad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admittance {
    pub name: SpaceName,
    pub participant: ParticipantId,
    /// Under which its words stand in the pad.
    pub display_name: DisplayName,
    pub readonly: bool,
    /// The session that it takes the place of, which ends first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<TaskId>,
}

impl NotesCall {
    /// Whose pad it is about.
    #[must_use]
    pub const fn name(&self) -> SpaceName {
        match self {
            Self::Open { name }
            | Self::Admit(Admittance { name, .. })
            | Self::Dismiss { name, .. }
            | Self::Clear { name }
            | Self::Delete { name }
            | Self::Pdf { name, .. } => *name,
        }
    }
}
