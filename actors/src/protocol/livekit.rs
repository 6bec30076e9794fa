//! Namespace `livekit`: credentials for the media server, and who may publish what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Event, names::Named};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum LivekitCommand {
    CreateNewAccessToken,
    ForceMute { participants: Named },
    GrantScreenSharePermission { participants: Named },
    RevokeScreenSharePermission { participants: Named },
    EnableMicrophoneRestrictions { unrestricted_participants: Named },
    DisableMicrophoneRestrictions,
    RequestPopoutStreamAccessToken,
}

#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum LivekitEvent<'a> {
    Credentials(&'a Credentials),
    MicrophoneRestrictionsEnabled { unrestricted_participants: &'a Named },
    MicrophoneRestrictionsDisabled,
    ForceMuted { moderator: ParticipantId },
    PopoutStreamAccessToken { token: String },
    Error(LivekitError),
}

impl Event for LivekitEvent<'_> {
    const NAMESPACE: &'static str = "livekit";
}

/// What a client needs to connect to LiveKit.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    pub room: String,
    pub token: String,
    pub public_url: String,
    /// For callers and recorders: LiveKit's address from inside, as a WebSocket URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_url: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// `livekit` in `join_success`.
#[derive(Debug, Serialize)]
pub struct LivekitState<'a> {
    #[serde(flatten)]
    pub credentials: &'a Credentials,
    pub microphone_restriction_state: &'a MicrophoneRestrictions,
}

/// Who may use a microphone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MicrophoneRestrictions {
    /// Everybody.
    #[default]
    Disabled,
    /// Moderators and these.
    Enabled {
        unrestricted_participants: BTreeSet<ParticipantId>,
    },
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum LivekitError {
    #[error("the media server can't be reached")]
    LivekitUnavailable,
    #[error("moderators only")]
    InsufficientPermissions,
}
