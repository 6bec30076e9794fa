//! Namespace `training_participation_report`: trainees are asked at random times whether they are there, and a PDF says who was.

use serde::{Deserialize, Serialize};

use super::{
    Event, Namespace,
    limits::{CHECKPOINT_SECS_MIN, TRAINING_DELAY_SECS_MAX},
};
use crate::ids::{AssetId, Timestamp};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum TrainingParticipationReportCommand {
    /// Asks trainees from now on whether they are there. For the room's owner.
    EnablePresenceLogging {
        /// When they are asked first; without it, as the event says.
        #[serde(default)]
        initial_checkpoint_delay: Option<RandomDelay>,
        /// When they are asked again; without it, as the event says.
        #[serde(default)]
        checkpoint_interval: Option<RandomDelay>,
    },
    /// Asks them no longer; if they were asked, there is a report. For the room's owner.
    DisablePresenceLogging,
    /// The sender is there. For all but the room's owner.
    ConfirmPresence,
}

/// A delay by chance, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "TimeRange")]
pub struct RandomDelay {
    /// At least that long.
    pub after: u64,
    /// Less than so much more; 0 is nothing more.
    pub within: u64,
}

impl RandomDelay {
    /// Whether it is no longer than delays may be.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        self.after <= TRAINING_DELAY_SECS_MAX && self.within <= TRAINING_DELAY_SECS_MAX
    }

    /// The same, no longer than it may be.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            after: self.after.min(TRAINING_DELAY_SECS_MAX),
            within: self.within.min(TRAINING_DELAY_SECS_MAX),
        }
    }

    /// Seconds, with what chance gives of a number below [`Self::within`].
    #[must_use]
    pub fn secs(self, below: impl FnOnce(u64) -> u64) -> u64 {
        match self.within {
            0 => self.after,
            within => self.after.saturating_add(below(within)),
        }
    }

    /// The same between two checkpoints.
    #[must_use]
    pub fn interval_secs(self, below: impl FnOnce(u64) -> u64) -> u64 {
        self.secs(below).max(CHECKPOINT_SECS_MIN)
    }
}

/// When trainees are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "TrainingParticipationReportParameterSet")]
pub struct TrainingParameters {
    pub initial_checkpoint_delay: RandomDelay,
    pub checkpoint_interval: RandomDelay,
}

impl TrainingParameters {
    /// Where neither the command nor the event says anything: after 10 to 30 minutes, then every 105 to 135.
    pub const DEFAULT: Self = Self {
        initial_checkpoint_delay: RandomDelay {
            after: 600,
            within: 1_200,
        },
        checkpoint_interval: RandomDelay {
            after: 6_300,
            within: 1_800,
        },
    };

    /// The same with delays no longer than they may be.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            initial_checkpoint_delay: self.initial_checkpoint_delay.clamped(),
            checkpoint_interval: self.checkpoint_interval.clamped(),
        }
    }
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum TrainingParticipationReportEvent<'a> {
    /// Trainees will be asked. For the room's owner.
    PresenceLoggingEnabled,
    /// Nobody will be asked any more. For the room's owner.
    PresenceLoggingDisabled,
    /// There are trainees, who will be asked. When and why is for the room's owner.
    PresenceLoggingStarted {
        #[serde(skip_serializing_if = "Option::is_none")]
        first_checkpoint: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<LoggingStart>,
    },
    /// Nobody is asked for the present, or any more.
    PresenceLoggingEnded { reason: LoggingEnd },
    /// The receiver is to confirm that it is there.
    PresenceConfirmationRequested,
    /// The receiver is known to be there.
    PresenceConfirmationLogged,
    /// A report is among the room's assets. For the room's owner.
    PdfAsset { filename: &'a str, asset_id: AssetId },
    /// A command was refused, or there is no report.
    Error(TrainingParticipationReportError),
}

impl Event for TrainingParticipationReportEvent<'_> {
    const NAMESPACE: Namespace = Namespace::TrainingParticipationReport;
}

/// Why trainees begin to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PresenceLoggingStartedReason")]
pub enum LoggingStart {
    /// The event asks for a report, and the room's owner has come.
    Autostart,
    FirstParticipantJoined,
    StartedManually,
}

/// Why they are asked no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PresenceLoggingEndedReason")]
pub enum LoggingEnd {
    /// No trainee is left; it goes on when one comes.
    LastParticipantLeft,
    CreatorLeft,
    StoppedManually,
}

/// What somebody who joins is told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ParticipationLoggingState")]
pub enum LoggingState {
    Disabled,
    Enabled,
    /// The receiver is to confirm that it is there. Not for the room's owner.
    WaitingForConfirmation,
}

/// `training_participation_report` in `join_success`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TrainingParticipationReportState {
    pub state: LoggingState,
    /// What the event says of when trainees are asked. For the room's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_set: Option<TrainingParameters>,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum TrainingParticipationReportError {
    #[error("for the room's owner only")]
    InsufficientPermissions,
    #[error("trainees are asked already, or will be")]
    PresenceLoggingAlreadyEnabled,
    #[error("nobody is asked")]
    PresenceLoggingNotEnabled,
    #[error("for trainees only")]
    PresenceLoggingNotAllowedForParticipant,
    #[error("a delay is at most a week")]
    InvalidParameters,
    #[error("the room's owner has no storage left")]
    StorageExceeded,
    #[error("the report could not be made")]
    Generate,
    #[error("the report could not be stored")]
    Storage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_by_chance_within_its_bounds() {
        let delay = |after, within| RandomDelay { after, within };
        assert_eq!(delay(5, 0).secs(|_| panic!("no chance")), 5);
        assert_eq!(delay(5, 10).secs(|below| below - 1), 14);
        assert_eq!(delay(0, 0).interval_secs(|_| 0), CHECKPOINT_SECS_MIN);
        assert!(delay(TRAINING_DELAY_SECS_MAX, TRAINING_DELAY_SECS_MAX).is_allowed());
        let too_long = delay(0, u64::MAX);
        assert!(!too_long.is_allowed() && too_long.clamped().is_allowed());
    }
}
