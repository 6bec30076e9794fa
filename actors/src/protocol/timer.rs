//! Namespace `timer`: a stopwatch or countdown for everybody in a room.

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    limits::{TIMER_STYLE_CHARS_MAX, TIMER_TITLE_CHARS_MAX},
    names::Text,
};
use crate::ids::{ParticipantId, TimerId, Timestamp};

/// A timer's title, or the reason of its end.
pub type TimerTitle = Text<TIMER_TITLE_CHARS_MAX>;
/// How a client shows a timer; the server does not look at it.
pub type TimerStyle = Text<TIMER_STYLE_CHARS_MAX>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum TimerCommand {
    /// Starts the timer of the room. For moderators.
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
    /// Ends it. For moderators.
    Stop {
        timer_id: TimerId,
        #[serde(default)]
        reason: Option<TimerTitle>,
    },
    /// Tells whether the sender is ready.
    UpdateReadyStatus { timer_id: TimerId, status: bool },
}

/// The kind of timer that a start asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlannedKind {
    /// Has no duration: what web clients send as one is not looked at.
    Stopwatch,
    Countdown {
        /// Seconds, at least one.
        duration: u64,
    },
}

/// The kind of a running timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimerKind {
    Stopwatch,
    Countdown { ends_at: Timestamp },
}

/// A running timer as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum TimerEvent<'a> {
    /// A timer runs.
    Started {
        #[serde(flatten)]
        config: &'a TimerConfig,
    },
    /// The timer has ended.
    Stopped {
        timer_id: TimerId,
        #[serde(flatten)]
        kind: StopKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a TimerTitle>,
    },
    /// Somebody is ready, or no longer.
    UpdatedReadyStatus {
        timer_id: TimerId,
        participant_id: ParticipantId,
        status: bool,
    },
    /// A command was refused.
    Error(TimerError),
}

impl Event for TimerEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Timer;
}

/// How a timer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", content = "participant_id", rename_all = "snake_case")]
pub enum StopKind {
    ByModerator(ParticipantId),
    Expired,
}

/// `timer` in `join_success`, while a timer runs.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TimerState<'a> {
    #[serde(flatten)]
    pub config: &'a TimerConfig,
    /// The receiver's own, with a ready check only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_status: Option<bool>,
}

/// `timer` of a participant, while a ready check is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind")]
pub struct TimerPeerState {
    pub ready_status: bool,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum TimerError {
    #[error("no time, or an end beyond the end of time")]
    InvalidDuration,
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("a timer is running")]
    TimerAlreadyRunning,
}
