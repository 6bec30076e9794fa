//! Shapes that no single type encodes, because they are put together from pieces: for the description of the protocol.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{
    automod::AutomodState,
    breakout::BreakoutState,
    chat::{GroupName, StoredMessage},
    legal_vote::LegalVoteState,
    livekit::LivekitState,
    meeting::{ControlState, EventInfo, Role, RoomInfo, Tariff},
    meeting_notes::MeetingNotesPeerState,
    moderation::WaitingRoomState,
    names::DisplayName,
    polls::PollsState,
    recording::{RecordingPeerState, RecordingState},
    recording_service::RecordingServiceState,
    shared_folder::SharedFolderState,
    timer::TimerState,
    training_participation_report::TrainingParticipationReportState,
    whiteboard::WhiteboardState,
};
use crate::ids::{GroupId, ParticipantId, Timestamp};

/// A participant as the others see it.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "Participant")]
pub struct ParticipantShape<'a> {
    pub id: ParticipantId,
    pub control: ControlState<'a>,
    /// Of registered users only.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatPeerState>,
    /// While a timer with a ready check runs.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub timer: Option<TimerPeer>,
    /// Of who has said whether it agrees to be recorded.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingPeerState>,
    /// Of who has access to the pad.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub meeting_notes: Option<MeetingNotesPeerState>,
}

/// `timer` of a participant, while a ready check is on.
#[derive(Debug, JsonSchema)]
pub struct TimerPeer {
    pub kind: TimerPeerKind,
    pub ready_status: bool,
}

/// Says what the object is.
#[derive(Debug, JsonSchema)]
#[schemars(inline)]
pub enum TimerPeerKind {
    TimerPeerState,
}

/// `chat` of a participant.
#[derive(Debug, JsonSchema)]
pub struct ChatPeerState {
    /// Names of the groups that both are in.
    pub groups: Vec<GroupName>,
}

/// The answer to a successful join: who and what is in the room. State of modules stands beside it, under the name of
/// the namespace; a module that is off, or has nothing to say, is absent.
#[derive(Debug, JsonSchema)]
pub struct JoinSuccess<'a> {
    /// The receiver's own id.
    pub id: ParticipantId,
    pub display_name: &'a DisplayName,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<&'a str>,
    pub role: Role,
    /// When the meeting's time is over, with a limit in the tariff only.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Timestamp>,
    pub tariff: &'a Tariff,
    pub event_info: Option<&'a EventInfo>,
    pub room_info: &'a RoomInfo,
    pub is_room_owner: bool,
    /// Everybody else who was ever in this room during the meeting.
    pub participants: Vec<ParticipantShape<'a>>,
    /// Always there; without the module it is not enabled.
    pub chat: ChatState,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub moderation: Option<ModerationState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub breakout: Option<BreakoutState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub timer: Option<TimerState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub polls: Option<PollsState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub automod: Option<AutomodState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub shared_folder: Option<SharedFolderState<'a>>,
    /// For registered users.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub legal_vote: Option<LegalVoteState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub livekit: Option<LivekitState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub training_participation_report: Option<TrainingParticipationReportState>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingState<'a>>,
    /// For the recorder.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub recording_service: Option<RecordingServiceState<'a>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub whiteboard: Option<WhiteboardState<'a>>,
}

/// `moderation` in `join_success`. All but the first field are for moderators.
#[derive(Debug, JsonSchema)]
pub struct ModerationState<'a> {
    pub raise_hands_enabled: bool,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub waiting_room_enabled: Option<bool>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub waiting_room_participants: Option<Vec<WaitingParticipant<'a>>>,
}

/// Somebody in the waiting room.
#[derive(Debug, JsonSchema)]
pub struct WaitingParticipant<'a> {
    pub id: ParticipantId,
    pub control: ControlState<'a>,
    pub waiting_room_state: WaitingRoomState,
}

/// `chat` in `join_success`.
#[derive(Debug, JsonSchema)]
pub struct ChatState {
    pub enabled: bool,
    pub room_history: History,
    /// Every group of the receiver's, also those without messages.
    pub groups_history: Vec<GroupHistory>,
    pub private_history: Vec<PrivateHistory>,
    pub last_seen_timestamp_global: Option<Timestamp>,
    /// By the other participant's id.
    pub last_seen_timestamps_private: BTreeMap<String, Timestamp>,
    /// By the group's name.
    pub last_seen_timestamps_group: BTreeMap<GroupName, Timestamp>,
}

/// Messages with a group.
#[derive(Debug, JsonSchema)]
pub struct GroupHistory {
    /// Absent where the server gives plain lists.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub id: Option<GroupId>,
    pub name: GroupName,
    pub history: History,
}

/// Messages with one other participant.
#[derive(Debug, JsonSchema)]
pub struct PrivateHistory {
    pub correspondent: ParticipantId,
    pub history: History,
}

/// A chunk, or a plain list where an operator has set `signaling.chat_history = "list"` for older clients.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum History {
    Chunk(ChatChunk),
    List(Vec<StoredMessage>),
}

/// Messages that stand next to each other in a history.
#[derive(Debug, JsonSchema)]
pub struct ChatChunk {
    /// Oldest first.
    pub messages: Vec<StoredMessage>,
    /// Index of the next older message; null when there is none. Of search results: among the matches.
    pub next_index: Option<u64>,
}
