//! Work outside of a room that takes time: what it is, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, TaskId},
    livekit,
    meeting_notes::NotesCall,
    protocol::{
        Namespace,
        limits::{
            LIVEKIT_LOOK_SECS, LIVEKIT_TASK_SECS, NOTES_PDF_SECS, NOTES_TASK_SECS, WHITEBOARD_CREATE_SECS,
            WHITEBOARD_DELETE_SECS, WHITEBOARD_PDF_SECS,
        },
    },
    whiteboard::{Board, BoardCall},
};

/// Something that a room wants done. It is asked for again when its process died before it was known to be done: who does it
/// takes what is there already under its id for done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    pub work: Work,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Livekit(livekit::Call),
    Whiteboard(BoardCall),
    MeetingNotes(NotesCall),
}

impl Work {
    /// A call to LiveKit, if it is one.
    #[must_use]
    pub const fn livekit(&self) -> Option<&livekit::Call> {
        match self {
            Self::Livekit(call) => Some(call),
            Self::Whiteboard(_) | Self::MeetingNotes(_) => None,
        }
    }

    /// The namespace whose rules asked for it, and hear of its end.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        match self {
            Self::Livekit(_) => Namespace::Livekit,
            Self::Whiteboard(_) => Namespace::Whiteboard,
            Self::MeetingNotes(_) => Namespace::MeetingNotes,
        }
    }

    /// Whether it still makes sense when the meeting is over.
    #[must_use]
    pub const fn outlives_meeting(&self) -> bool {
        match self {
            Self::Livekit(call) => {
                matches!(call, livekit::Call::Delete { .. })
            }
            Self::Whiteboard(call) => matches!(call, BoardCall::Delete { .. }),
            Self::MeetingNotes(call) => matches!(call, NotesCall::Delete { .. }),
        }
    }

    /// How long it may take; then it counts as [`Outcome::Unavailable`].
    #[must_use]
    pub const fn time_limit(&self) -> Duration {
        match self {
            // After a start all rooms are looked at, ten in a second.
            Self::Livekit(livekit::Call::Look { .. }) => Duration::from_secs(LIVEKIT_LOOK_SECS),
            Self::Livekit(_) => Duration::from_secs(LIVEKIT_TASK_SECS),
            Self::Whiteboard(call) => Duration::from_secs(match call {
                BoardCall::Create { .. } => WHITEBOARD_CREATE_SECS,
                BoardCall::Delete { .. } => WHITEBOARD_DELETE_SECS,
                BoardCall::Pdf { .. } => WHITEBOARD_PDF_SECS,
            }),
            Self::MeetingNotes(NotesCall::Pdf { .. }) => Duration::from_secs(NOTES_PDF_SECS),
            Self::MeetingNotes(_) => Duration::from_secs(NOTES_TASK_SECS),
        }
    }
}

/// What became of a [`Task`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// These had a microphone and are muted.
    Muted(Vec<ParticipantId>),
    /// All but these are gone; of each, whether the answer was that it can't be done now.
    Removed {
        stayed: Vec<(livekit::MediaIdentity, bool)>,
    },
    /// What a look has found, and whether LiveKit tells us itself who comes.
    Seen {
        found: livekit::Differences,
        #[serde(default)]
        webhooks: bool,
    },
    /// The whiteboard is there.
    BoardMade(Board),
    /// The document is an asset with this file's name; its id is that of the task.
    Stored {
        filename: String,
    },
    /// The room's owner has no storage left for the document.
    StorageExceeded,
    /// The document could not be made.
    NotMade,
    /// The document was made, and could not be stored.
    NotStored,
    /// Whoever was to do it did not answer, or not in time, or nonsense.
    Unavailable,
}
