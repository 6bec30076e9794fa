//! Reports that a room wants written down for good: what stands in them. How they look, and where they are kept, is decided outside
//! (`src/reports/`). They are part of the room's state until they are made, so they name no secret.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{RoomId, Timestamp, UserId},
    protocol::{Namespace, meeting::Role, names::DisplayName},
};

/// A document that becomes an asset of the room. The event's title, description and times are added where it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub room: RoomId,
    /// When it was asked for: the time in the file's name.
    pub at: Timestamp,
    pub zone: ReportZone,
    pub content: ReportContent,
}

/// The time zone that a report's times are in; UTC where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportZone {
    /// An IANA name.
    Named(String),
    /// That of this user's profile.
    User(UserId),
    /// That of the profile of the event's creator.
    EventCreator,
}

/// The kinds of reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportContent {
    Attendance(Attendance),
    Training(Training),
    Vote(Box<Vote>),
}

impl ReportContent {
    /// The namespace whose rules ask for it, and hear what became of it.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        match self {
            Self::Attendance(_) => Namespace::MeetingReport,
            Self::Vote(_) => Namespace::LegalVote,
            Self::Training(_) => Namespace::TrainingParticipationReport,
        }
    }
}

/// Who was in a meeting (`modules.md` 19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendance {
    /// Whether there is a column with addresses.
    pub with_addresses: bool,
    /// In no order.
    pub participants: Vec<Attendee>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    pub name: DisplayName,
    pub role: Role,
    /// None of guests and callers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    pub joined: Timestamp,
    /// When it left last; none who is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
}

/// Who confirmed to be there, and when (`modules.md` 18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    pub begin: Timestamp,
    pub end: Timestamp,
    /// In order.
    pub checkpoints: Vec<Timestamp>,
    /// In no order.
    pub trainees: Vec<Trainee>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trainee {
    /// None is shown as unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// Index of the checkpoint, and when it was confirmed first.
    pub confirmed: Vec<(u32, Timestamp)>,
}

/// A vote that is over, to be written down for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinutesOfVote {
    pub room: RoomId,
    /// Who began it; none of a vote that an earlier version has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<UserId>,
    pub vote: Vote,
}

/// A vote that is over (`modules.md` 11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub id: uuid::Uuid,
    pub title: String,
    pub subtitle: Option<String>,
    pub topic: Option<String>,
    /// As the protocol names it: `roll_call`, `live_roll_call`, `pseudonymous`.
    pub kind: String,
    /// Who began it.
    pub leader: DisplayName,
    pub begin: Timestamp,
    pub end: Timestamp,
    pub votes_max: u32,
    /// Seconds; none is unlimited.
    pub duration_secs: Option<u64>,
    pub abstention: bool,
    pub auto_close: bool,
    pub ended: VoteEnd,
    /// None where they are not valid.
    pub results: Option<VoteCount>,
    pub votes: Vec<RecordedVote>,
    pub events: Vec<VoteEntry>,
    /// How many of these were left out, because one user brought about too many, or all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<NonZeroU32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteEnd {
    /// Somebody ended it.
    By(DisplayName),
    AllVoted,
    Expired,
    RoomClosed,
    InitiatorLeft,
    /// It was cancelled, with these words.
    Cancelled(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteCount {
    pub yes: u64,
    pub no: u64,
    /// None where nobody could abstain.
    pub abstain: Option<u64>,
}

/// A vote as it was given; of a pseudonymous one neither who nor when is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedVote {
    pub name: Option<DisplayName>,
    pub token: String,
    /// `yes`, `no` or `abstain`.
    pub option: String,
    pub at: Option<Timestamp>,
}

/// Something that happened while a vote ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteEntry {
    /// None of an issue of a pseudonymous vote.
    pub name: Option<DisplayName>,
    pub at: Timestamp,
    pub what: VoteEntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteEntryKind {
    Joined,
    Left,
    /// `audio`, `video` or `screenshare` where one was named.
    Issue {
        kind: Option<String>,
        description: Option<String>,
    },
}

impl VoteEntryKind {
    #[must_use]
    pub const fn is_issue(&self) -> bool {
        matches!(self, Self::Issue { .. })
    }
}
