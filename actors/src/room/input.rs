//! Everything that can happen to a room. What a room becomes depends on its inputs alone.

use serde::{Deserialize, Serialize};

use super::{access::Origin, tickets::Grant};
use crate::{
    ids::{BreakoutRoomId, InviteCode, ParticipantId, SessionNo, TaskId, Timestamp, TokenHash, UserId},
    livekit::{Differences, MediaRoom},
    protocol::{
        Command,
        meeting::{Caller, GuestAccess, Identity, MeetingFacts},
        shared_folder::FolderLinks,
    },
    task::Outcome,
};

/// An input with all that its handling may depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Position in the room's log, from 1.
    pub seq: u64,
    /// Never goes back: the clock, or the last input's time plus a microsecond.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// Source of the ids made while handling it.
    pub seed: u64,
    pub input: Input,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// REST asks for a seat.
    Start(Box<Start>),
    /// A ticket was redeemed and its WebSocket stands.
    SeatTaken(SeatTaken),
    Command {
        session: SessionNo,
        /// Commands of a session are numbered from 1, and handled once each; logs of earlier versions have none.
        #[serde(default)]
        number: u64,
        command: Command,
    },
    /// A session that has outlived the room's shell asks to go on.
    Reattach(Reattach),
    /// A socket has ended.
    Ended {
        session: SessionNo,
        how: Ending,
    },
    /// The room does not reach the node any more that has the sockets of these sessions: they may come back by another way.
    EdgeLost {
        sessions: Vec<SessionNo>,
    },
    /// A deadline may have come.
    Tick,
    /// Something was done outside, or not.
    TaskDone {
        task: TaskId,
        outcome: Outcome,
    },
    /// LiveKit tells by itself of what is not as it should be.
    MediaTold(MediaTold),
    /// The process that held the sockets is gone.
    Restarted,
    /// The rings of all rooms take too much: the older half of this one goes.
    LetGo,
    Notice(Notice),
}

impl Input {
    /// Whether it comes with time alone: whatever is lost of it comes again.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        matches!(self, Self::Tick | Self::Restarted | Self::LetGo)
    }
}

/// What LiveKit tells of one of its rooms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaTold {
    pub room: MediaRoom,
    /// What is not as it should be of somebody who has come there; none: the room has just been made, and should be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Differences>,
}

/// A socket for what a ticket grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatTaken {
    #[serde(flatten)]
    pub grant: Grant,
    /// The ticket, which nobody takes once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TokenHash>,
    pub session: SessionNo,
    /// The number of the last event that the client has seen, if it asks to go on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<u64>,
    /// Where the socket comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What a session shows of itself to the next life of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reattach {
    pub session: SessionNo,
    /// The token that came with its ticket.
    pub token: TokenHash,
    /// Of the life that it took part in.
    pub nonce: u64,
    /// The number of the last event that it was brought.
    pub from: u64,
}

/// A call of `start`: with what the database said, or with a resumption token alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub caller: Caller,
    /// Absent when only the resumption token speaks for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Begins the meeting when none is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Box<MeetingFacts>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumption: Option<TokenHash>,
    /// The token that goes out with the ticket.
    pub token: TokenHash,
    /// The ticket that the answer brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TokenHash>,
    /// The breakout room to go to; the main room when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakout_room: Option<BreakoutRoomId>,
    /// Where the request comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The user whom a guest is signed in as: asked only whether that user is banned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<UserId>,
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// By a close frame of the client, or for breaking a limit: the participant leaves at once.
    Quit,
    /// Without one: the participant may come back within the grace time.
    Lost,
}

/// Word from REST, sent after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    RoomDeleted,
    /// An invite was deleted: tokens of its guests are void, running sessions stay.
    InviteWithdrawn(InviteCode),
    /// An invite was deleted, and its guests are to go: tokens are void, sessions end.
    InviteClosed(InviteCode),
    /// A user lost access: its tokens are void, running sessions stay.
    UserWithdrawn(UserId),
    /// The owner has said how the room takes people who come by a link. Where nobody comes in by one, all their tokens are
    /// void; running sessions stay.
    GuestAccess(GuestAccess),
    /// The owner has changed where meetings of the room may be streamed to.
    StreamingTargets,
    /// An operator has locked a user out: its sessions end and its tokens are void, in every living room.
    UserDisabled(UserId),
    /// The room's event has got a folder, or lost it.
    SharedFolder(Option<Box<FolderLinks>>),
}

/// The answer to a `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartOutcome {
    Issued(ParticipantId),
    /// The token says nothing (any more); the database must be asked.
    NeedsIdentity,
    /// No meeting is running; its facts are needed.
    NeedsFacts,
    /// The breakout room that was asked for does not run (any more).
    NoBreakoutRooms,
    /// A moderator has banned the user until the meeting's state is dropped.
    Banned,
    /// Somebody lost access since the database was asked. The shell says so, not a rule.
    Outdated,
    /// Not at this moment: the room is going down, or a rule panicked. The shell says so, not a rule.
    Unavailable,
}

/// Times in the log are integers: shorter, and as exact.
mod micros {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::ids::Timestamp;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde's `with` asks for"
    )]
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        time.as_micros().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_micros)
    }
}
