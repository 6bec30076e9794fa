//! Namespace `recording_service`: between the server and the recorder of a room. What the server sends here are orders (`action`), and
//! what the recorder sends are reports (`message`): the other way round than everywhere else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    recording::{StreamStatus, StreamUpdated, TargetIds},
};
use crate::ids::StreamingTargetId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum RecordingServiceCommand {
    /// What has become of a target; everybody in the room gets it as `recording/stream_updated`. From others than the room's recorder it
    /// is ignored.
    StreamUpdated(StreamUpdated),
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum RecordingServiceEvent<'a> {
    /// Begin with these, or go on with them where they pause. For the recorder.
    StartStreams { target_ids: &'a TargetIds },
    /// For the recorder.
    PauseStreams { target_ids: &'a TargetIds },
    /// For the recorder.
    StopStreams { target_ids: &'a TargetIds },
    /// Never sent: recorders are refused nothing.
    #[serde(skip)]
    #[schemars(skip)]
    Error(RecordingServiceError),
}

impl Event for RecordingServiceEvent<'_> {
    const NAMESPACE: Namespace = Namespace::RecordingService;
}

/// `recording_service` in the recorder's `join_success`: its targets; those that are `starting` it is to begin with.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RecordingServiceState<'a> {
    pub streams: BTreeMap<StreamingTargetId, RecorderStreamInfo<'a>>,
}

/// A target as its recorder sees it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "stream_kind", rename_all = "snake_case")]
pub enum RecorderStreamInfo<'a> {
    Recording {
        #[serde(flatten)]
        options: StreamStartOption<'a>,
    },
    Streaming {
        #[serde(flatten)]
        options: StreamStartOption<'a>,
        /// Where the stream is sent to, with the key as the last segment of its path: a secret. Null where the server has just come back
        /// and does not know it: a recorder that starts anew is told.
        #[schemars(with = "Option<String>")]
        location: &'a str,
    },
}

/// How a recorder begins with a target.
#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
pub struct StreamStartOption<'a> {
    pub auto_connect: bool,
    pub status: &'a StreamStatus,
    pub start_paused: bool,
}

impl<'a> StreamStartOption<'a> {
    /// A recorder begins when it is told to, and not with a pause.
    #[must_use]
    pub const fn of(status: &'a StreamStatus) -> Self {
        Self {
            auto_connect: false,
            status,
            start_paused: false,
        }
    }
}

/// The namespace has no errors.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum RecordingServiceError {}
