//! Whiteboards at Spacedeck: what rooms want done there.

use serde::{Deserialize, Serialize};

use crate::ids::{SpaceName, Timestamp};

/// Something that a room wants of Spacedeck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardCall {
    /// Makes a whiteboard, and deletes those of the same name: an earlier meeting has left them, or a process that died while it made one.
    Create { name: SpaceName },
    /// Deletes a whiteboard; without an id, all of this name.
    Delete {
        name: SpaceName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Stores a whiteboard as a PDF, named after the time of the command.
    Pdf {
        name: SpaceName,
        id: String,
        at: Timestamp,
    },
}

impl BoardCall {
    /// Whose whiteboard it is about.
    #[must_use]
    pub const fn name(&self) -> SpaceName {
        match self {
            Self::Create { name } | Self::Delete { name, .. } | Self::Pdf { name, .. } => *name,
        }
    }
}

/// A whiteboard as Spacedeck knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    pub id: String,
    /// Where people draw; whoever knows it may.
    pub url: String,
}
