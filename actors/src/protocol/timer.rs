//! Namespace `timer`: a stopwatch or countdown for everybody in a room.

use serde::{Deserialize, Serialize};

use super::{
    Event,
    limits::{TIMER_STYLE_CHARS_MAX, TIMER_TITLE_CHARS_MAX},
    names::Text,
};
use crate::ids::{ParticipantId, TimerId, Timestamp};

/// A timer's title, or the reason of its end.
pub type TimerTitle = Text<TIMER_TITLE_CHARS_MAX>;
/// How a client shows a timer; the server does not look at it.
pub type TimerStyle = Text<TIMER_STYLE_CHARS_MAX>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum TimerCommand {
    Start {
        #[serde(flatten)]
        kind: PlannedKind,
        #[serde(default)]
        style: Option<TimerStyle>,
        #[serde(default)]
        title: Option<TimerTitle>,
        #[serde(default)]
        enable_ready_check: bool,
    },
    Stop {
        timer_id: TimerId,
        #[serde(default)]
        reason: Option<TimerTitle>,
    },
    UpdateReadyStatus {
        timer_id: TimerId,
        status: bool,
    },
}

/// The kind of timer that a start asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlannedKind {
    Stopwatch,
    Countdown {
        /// Seconds.
        duration: u64,
    },
}

/// The kind of a running timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimerKind {
    Stopwatch,
    Countdown { ends_at: Timestamp },
}

/// A running timer as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimerConfig {
    pub timer_id: TimerId,
    pub started_at: Timestamp,
    #[serde(flatten)]
    pub kind: TimerKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<TimerStyle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<TimerTitle>,
    pub ready_check_enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum TimerEvent<'a> {
    Started {
        #[serde(flatten)]
        config: &'a TimerConfig,
    },
    Stopped {
        timer_id: TimerId,
        #[serde(flatten)]
        kind: StopKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a TimerTitle>,
    },
    UpdatedReadyStatus {
        timer_id: TimerId,
        participant_id: ParticipantId,
        status: bool,
    },
    Error(TimerError),
}

impl Event for TimerEvent<'_> {
    const NAMESPACE: &'static str = "timer";
}

/// How a timer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "participant_id", rename_all = "snake_case")]
pub enum StopKind {
    ByModerator(ParticipantId),
    Expired,
}

/// `timer` in `join_success`, while a timer runs.
#[derive(Debug, Serialize)]
pub struct TimerState<'a> {
    #[serde(flatten)]
    pub config: &'a TimerConfig,
    /// The receiver's own, with a ready check only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_status: Option<bool>,
}

/// `timer` of a participant, while a ready check is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind")]
pub struct TimerPeerState {
    pub ready_status: bool,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum TimerError {
    #[error("the end is beyond the end of time")]
    InvalidDuration,
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("a timer is running")]
    TimerAlreadyRunning,
}
