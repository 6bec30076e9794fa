//! Namespace `recording_service`: what the recorder of a room says. What is recorded, and what the recorder is told, is kept by
//! `recording`.

use serde::{Deserialize, Serialize};

use super::{Room, effects::Cx, module::Module, refusal::Refusal};
use crate::{ids::ParticipantId, protocol::recording_service::RecordingServiceCommand};

/// Nothing is kept here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordingService {}

impl Module for RecordingService {
    type Command = RecordingServiceCommand;

    /// From others than the recorder it is ignored.
    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: RecordingServiceCommand,
    ) -> Result<(), Refusal> {
        let RecordingServiceCommand::StreamUpdated(report) = command;
        if let Some((modules, mut around)) = room.modules() {
            modules.recording.reported(cx, &mut around, who, &report);
        }
        Ok(())
    }
}
