//! How recorders learn of their work.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secrets::Secret;

/// Where recorders are. While there are none, nothing is recorded or streamed: meetings do not have the modules.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingSettings {
    /// Whether recorders may connect to be handed their work.
    pub hand_out: bool,
    /// URL of a message broker (AMQP 0-9-1) whose queue recorders read.
    pub amqp_url: Option<Secret>,
    /// A file with that URL.
    pub amqp_url_file: Option<PathBuf>,
    /// The queue.
    pub amqp_queue: String,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            hand_out: false,
            amqp_url: None,
            amqp_url_file: None,
            amqp_queue: "opentalk_recorder".to_owned(),
        }
    }
}

impl RecordingSettings {
    /// Whether recorders can learn of anything.
    #[must_use]
    pub fn has_recorders(&self) -> bool {
        self.hand_out || self.amqp_url.is_some()
    }
}
