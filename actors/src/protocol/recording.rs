//! Namespace `recording`: what of a meeting is recorded or streamed, and who agrees to be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    limits::{STREAM_ERROR_CODE_CHARS_MAX, STREAM_ERROR_MESSAGE_CHARS_MAX, STREAMING_TARGETS_NAMED_MAX},
    names::Sent,
};
use crate::ids::StreamingTargetId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum RecordingCommand {
    /// Whether the sender agrees to be recorded; the others get an `update` of its entry.
    SetConsent { consent: bool },
    /// Starts targets, and goes on with those that pause. For moderators.
    StartStream {
        #[serde(default)]
        target_ids: TargetIds,
    },
    /// For moderators.
    PauseStream { target_ids: TargetIds },
    /// For moderators.
    StopStream { target_ids: TargetIds },
}

/// The targets that a command names: at most [`STREAMING_TARGETS_NAMED_MAX`], each once, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<StreamingTargetId>")]
#[schemars(!try_from, inline, description = "", extend("maxItems" = STREAMING_TARGETS_NAMED_MAX))]
pub struct TargetIds(BTreeSet<StreamingTargetId>);

/// A command that names too many targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {STREAMING_TARGETS_NAMED_MAX} targets")]
pub struct TooManyTargets;

impl TargetIds {
    pub fn iter(&self) -> impl Iterator<Item = StreamingTargetId> {
        self.0.iter().copied()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<StreamingTargetId> for TargetIds {
    fn from_iter<T: IntoIterator<Item = StreamingTargetId>>(ids: T) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl TryFrom<Vec<StreamingTargetId>> for TargetIds {
    type Error = TooManyTargets;

    fn try_from(list: Vec<StreamingTargetId>) -> Result<Self, TooManyTargets> {
        if list.len() > STREAMING_TARGETS_NAMED_MAX {
            return Err(TooManyTargets);
        }
        Ok(Self(list.into_iter().collect()))
    }
}

/// How far a target has come. Only the recorder makes it `active` or `paused`, or says what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum StreamStatus {
    /// Somebody has started it, and no recorder has said yet that it runs. No event says so.
    Starting,
    #[default]
    Inactive,
    Active,
    Paused,
    Error {
        reason: StreamErrorReason,
    },
}

/// What a recorder says is wrong; longer texts are cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StreamErrorReason {
    pub code: Sent<STREAM_ERROR_CODE_CHARS_MAX>,
    pub message: Sent<STREAM_ERROR_MESSAGE_CHARS_MAX>,
}

/// A target, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StreamUpdated {
    pub target_id: StreamingTargetId,
    #[serde(flatten)]
    pub status: StreamStatus,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum RecordingEvent<'a> {
    /// A target is now in this state.
    StreamUpdated(&'a StreamUpdated),
    /// A command was refused.
    Error(RecordingError),
    /// What the receiver started did not begin; the targets are inactive again.
    RecorderError(RecorderFailure),
}

impl Event for RecordingEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Recording;
}

/// Why a recording or stream did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum RecorderFailure {
    /// No recorder came, or the one that came did not begin in time.
    Timeout,
}

/// `recording` in `join_success`: the targets of the room, none in breakout rooms.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RecordingState<'a> {
    pub targets: BTreeMap<StreamingTargetId, StreamTarget<'a>>,
}

/// One thing to record or stream to. Where a stream is sent to is nobody's business here.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct StreamTarget<'a> {
    pub name: &'a str,
    #[serde(flatten)]
    pub kind: StreamKind<'a>,
    #[serde(flatten)]
    pub status: &'a StreamStatus,
}

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "streaming_kind", rename_all = "snake_case")]
pub enum StreamKind<'a> {
    /// A file, which becomes an asset of the room.
    Recording,
    /// A stream that can be watched here.
    Livestream { public_url: &'a str },
}

/// `recording` of a participant that has made its choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RecordingPeerState {
    pub consents_recording: bool,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum RecordingError {
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("the room has no such target")]
    InvalidStreamingId,
    #[error("nothing is recorded or streamed")]
    RecorderNotStarted,
}
