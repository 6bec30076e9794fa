//! Work outside of a room that takes time: what it is, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{LegalVoteId, ParticipantId, RoomId, TaskId, UserId},
    livekit,
    meeting_notes::NotesCall,
    protocol::{
        Namespace,
        ballot::SealedVote,
        legal_vote::VoteResults,
        limits::{
            LIVEKIT_LOOK_SECS, LIVEKIT_TASK_SECS, LIVESTREAMS_READ_SECS, NOTES_PDF_SECS, NOTES_TASK_SECS,
            RECORDER_COMES_SECS, REPORT_TASK_SECS, TASKS_AFTER_MEETING_SECS, VOTE_MINUTES_SECS,
            WHITEBOARD_CREATE_SECS, WHITEBOARD_DELETE_SECS, WHITEBOARD_PDF_SECS,
        },
        meeting::Livestream,
    },
    report::{MinutesOfVote, Report},
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
    /// Of the room that a whisper group has in LiveKit.
    Whisper(livekit::Call),
    Report(Box<Report>),
    /// What is written down of a vote that is over.
    Minutes(Box<MinutesOfVote>),
    /// Of secret votes: done by the room's shell itself.
    Ballots(BallotWork),
    /// Some recorder is to come into the room.
    AskRecorder {
        room: RoomId,
    },
    /// Where the room's owner lets it be streamed to, as the database has it now.
    ReadLivestreams {
        room: RoomId,
    },
    Whiteboard(BoardCall),
    MeetingNotes(NotesCall),
}

/// What a room wants of whoever has the keys of its secret votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BallotWork {
    /// To know whether its key is there.
    Look { vote: LegalVoteId },
    /// To have its ballots counted.
    Count {
        vote: LegalVoteId,
        ballots: Vec<(UserId, SealedVote)>,
    },
}

impl Work {
    /// A call to LiveKit, if it is one.
    #[must_use]
    pub const fn livekit(&self) -> Option<&livekit::Call> {
        match self {
            Self::Livekit(call) | Self::Whisper(call) => Some(call),
            Self::Report(_)
            | Self::Minutes(_)
            | Self::Ballots(_)
            | Self::AskRecorder { .. }
            | Self::ReadLivestreams { .. }
            | Self::Whiteboard(_)
            | Self::MeetingNotes(_) => None,
        }
    }

    /// The namespace whose rules asked for it, and hear of its end.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        match self {
            Self::Livekit(_) => Namespace::Livekit,
            Self::Whisper(_) => Namespace::SubroomAudio,
            Self::Ballots(_) | Self::Minutes(_) => Namespace::LegalVote,
            Self::Report(report) => report.content.namespace(),
            Self::AskRecorder { .. } | Self::ReadLivestreams { .. } => Namespace::Recording,
            Self::Whiteboard(_) => Namespace::Whiteboard,
            Self::MeetingNotes(_) => Namespace::MeetingNotes,
        }
    }

    /// Whether it still makes sense when the meeting is over.
    #[must_use]
    pub const fn outlives_meeting(&self) -> bool {
        match self {
            Self::Livekit(call) | Self::Whisper(call) => {
                matches!(call, livekit::Call::Delete { .. })
            }
            Self::Report(_) | Self::Minutes(_) => true,
            Self::Ballots(_) | Self::AskRecorder { .. } | Self::ReadLivestreams { .. } => false,
            Self::Whiteboard(call) => matches!(call, BoardCall::Delete { .. }),
            Self::MeetingNotes(call) => matches!(call, NotesCall::Delete { .. }),
        }
    }

    /// How long it may take; then it counts as [`Outcome::Unavailable`].
    #[must_use]
    pub const fn time_limit(&self) -> Duration {
        match self {
            // After a start all rooms are looked at, ten in a second.
            Self::Livekit(livekit::Call::Look { .. }) | Self::Whisper(livekit::Call::Look { .. }) => {
                Duration::from_secs(LIVEKIT_LOOK_SECS)
            }
            Self::Livekit(_) | Self::Whisper(_) | Self::Ballots(_) => Duration::from_secs(LIVEKIT_TASK_SECS),
            Self::Report(_) => Duration::from_secs(REPORT_TASK_SECS),
            Self::Minutes(_) => Duration::from_secs(VOTE_MINUTES_SECS),
            Self::AskRecorder { .. } => Duration::from_secs(RECORDER_COMES_SECS),
            Self::ReadLivestreams { .. } => Duration::from_secs(LIVESTREAMS_READ_SECS),
            Self::Whiteboard(call) => Duration::from_secs(match call {
                BoardCall::Create { .. } => WHITEBOARD_CREATE_SECS,
                BoardCall::Delete { .. } => WHITEBOARD_DELETE_SECS,
                BoardCall::Pdf { .. } => WHITEBOARD_PDF_SECS,
            }),
            Self::MeetingNotes(NotesCall::Pdf { .. }) => Duration::from_secs(NOTES_PDF_SECS),
            Self::MeetingNotes(_) => Duration::from_secs(NOTES_TASK_SECS),
        }
    }

    /// Seconds that a room waits for it when its meeting has been dropped.
    #[must_use]
    pub const fn secs_after_meeting(&self) -> u64 {
        match self {
            Self::Report(_) => REPORT_TASK_SECS,
            Self::Livekit(_)
            | Self::Whisper(_)
            | Self::Minutes(_)
            | Self::Ballots(_)
            | Self::AskRecorder { .. }
            | Self::ReadLivestreams { .. }
            | Self::Whiteboard(_)
            | Self::MeetingNotes(_) => TASKS_AFTER_MEETING_SECS,
        }
    }
}

/// What became of a [`Task`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// A secret vote is counted; none where its ballots can't be read.
    Counted(Option<VoteResults>),
    /// Where the room's owner lets it be streamed to.
    Livestreams(Vec<Livestream>),
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
