//! Modules and features by name, as clients, tariffs and settings call them.

pub mod names;

/// Every module that clients know, with its features.
pub const CATALOGUE: [(&str, &[&str]); 19] = [
    ("automod", &[]),
    ("breakout", &[]),
    ("chat", &[]),
    (CORE, &[CALL_IN, GUESTS_ALLOWED, "storage_upgradable"]),
    ("echo", &[]),
    ("integration", &["outlook"]),
    ("legal_vote", &[]),
    ("livekit", &[]),
    (MEETING_NOTES, &[]),
    ("meeting_report", &[]),
    ("moderation", &[]),
    ("polls", &[]),
    (RECORDING, &["record", "stream"]),
    (RECORDING_SERVICE, &[]),
    ("shared_folder", &[]),
    (SUBROOM_AUDIO, &[]),
    ("timer", &[]),
    (TRAINING_REPORT, &[]),
    (WHITEBOARD, &[]),
];

/// Modules that a server has without further settings.
pub const SERVED: [&str; 13] = [
    "automod",
    "breakout",
    "chat",
    CORE,
    "echo",
    "integration",
    "legal_vote",
    "livekit",
    "meeting_report",
    "moderation",
    "polls",
    "timer",
    TRAINING_REPORT,
];

/// The module of what belongs to no other; features without a module are its.
pub const CORE: &str = "core";

/// Feature of [`CORE`]: rooms can be reached by telephone.
pub const CALL_IN: &str = "call_in";

/// Feature of [`CORE`]: people come in by a link.
pub const GUESTS_ALLOWED: &str = "guests_allowed";

/// Module: meetings are recorded and streamed. There is one where there are recorders.
pub const RECORDING: &str = "recording";

/// Module: what the recorder of a meeting is told, and tells. It goes with [`RECORDING`].
pub const RECORDING_SERVICE: &str = "recording_service";

/// Module: some whisper among themselves, where the operator lets them.
pub const SUBROOM_AUDIO: &str = "subroom_audio";

/// Module: notes are taken, where an Etherpad is set up.
pub const MEETING_NOTES: &str = "meeting_notes";

/// Module: everybody draws, where a Spacedeck is set up.
pub const WHITEBOARD: &str = "whiteboard";

/// Module: participants of a training are asked now and then whether they are there.
pub const TRAINING_REPORT: &str = "training_participation_report";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_served_module_is_in_the_catalogue() {
        for module in SERVED {
            assert!(CATALOGUE.iter().any(|(name, _)| *name == module), "{module}");
        }
    }
}
