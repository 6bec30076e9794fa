//! Namespace `subroom_audio`: whisper groups, whose members talk in a room of LiveKit of their own while they stay in the meeting.

use serde::{Deserialize, Serialize};

use super::{Event, Namespace, names::Named};
use crate::ids::{ParticipantId, WhisperId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum SubroomAudioCommand {
    /// Makes a group and invites these. Answered by `whisper_group_created`.
    CreateWhisperGroup {
        participant_ids: Named,
    },
    /// Invites these, too. For the creator.
    InviteToWhisperGroup {
        whisper_id: WhisperId,
        participant_ids: Named,
    },
    /// Puts these out of the group. For the creator.
    KickWhisperParticipants {
        whisper_id: WhisperId,
        participant_ids: Named,
    },
    /// Answered by `whisper_token`. Who is in the group and has come back with a new connection gets a new token.
    AcceptWhisperInvite {
        whisper_id: WhisperId,
    },
    /// Leaves the group, too.
    DeclineWhisperInvite {
        whisper_id: WhisperId,
    },
    LeaveWhisperGroup {
        whisper_id: WhisperId,
    },
}

/// A participant's part in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhisperState {
    Creator,
    Invited,
    Accepted,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WhisperParticipant {
    pub participant_id: ParticipantId,
    pub state: WhisperState,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WhisperGroupOutgoing {
    pub whisper_id: WhisperId,
    pub participants: Vec<WhisperParticipant>,
}

/// Somebody in a group.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WhisperParticipantInfo {
    pub whisper_id: WhisperId,
    pub participant_id: ParticipantId,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum SubroomAudioEvent<'a> {
    /// The receiver's group is there. The token opens its room of LiveKit, which it names, once.
    WhisperGroupCreated {
        token: &'a str,
        #[serde(flatten)]
        group: &'a WhisperGroupOutgoing,
    },
    /// The receiver is invited.
    WhisperInvite {
        issuer: ParticipantId,
        #[serde(flatten)]
        group: &'a WhisperGroupOutgoing,
    },
    /// The receiver has accepted. The token opens the group's room of LiveKit, which it names, once.
    WhisperToken {
        whisper_id: WhisperId,
        token: &'a str,
    },
    /// These are invited to the receiver's group.
    ParticipantsInvited {
        whisper_id: WhisperId,
        participant_ids: &'a [ParticipantId],
    },
    WhisperInviteAccepted(WhisperParticipantInfo),
    WhisperInviteDeclined(WhisperParticipantInfo),
    /// The receiver is not in the group any more, or its invitation has ended.
    Kicked {
        whisper_id: WhisperId,
    },
    LeftWhisperGroup(WhisperParticipantInfo),
    /// A command was refused, or what it asked for failed.
    Error(SubroomAudioError),
}

impl Event for SubroomAudioEvent<'_> {
    const NAMESPACE: Namespace = Namespace::SubroomAudio;
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum SubroomAudioError {
    #[error("there is no such group")]
    InvalidWhisperId,
    #[error("accepted already")]
    AlreadyAccepted,
    #[error("the creator only, or there are too many groups or members")]
    InsufficientPermissions,
    #[error("nobody else is named")]
    EmptyParticipantList,
    #[error("participants are named who are not there")]
    InvalidParticipantTargets {
        #[schemars(extend("examples" = [["1b4e28ba-2fa1-41d2-883f-0016d3cca427"]]))]
        participant_ids: Vec<ParticipantId>,
    },
    #[error("LiveKit can't be reached")]
    LivekitUnavailable,
    #[error("not in the group")]
    NotInvited,
}
