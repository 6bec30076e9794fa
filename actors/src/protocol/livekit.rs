//! Namespace `livekit`: credentials for the media server, and who may publish what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Event, Namespace, names::Named};
use crate::ids::ParticipantId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum LivekitCommand {
    /// Answered by `credentials`.
    CreateNewAccessToken,
    /// Mutes microphones. For moderators.
    ForceMute { participants: Named },
    /// For moderators.
    GrantScreenSharePermission { participants: Named },
    /// For moderators.
    RevokeScreenSharePermission { participants: Named },
    /// Only moderators and these may use a microphone. For moderators.
    EnableMicrophoneRestrictions { unrestricted_participants: Named },
    /// Everybody may use a microphone. For moderators.
    DisableMicrophoneRestrictions,
    /// Answered by `popout_stream_access_token`.
    RequestPopoutStreamAccessToken,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum LivekitEvent<'a> {
    /// Access to the media server.
    Credentials(&'a Credentials),
    /// Only moderators and these may use a microphone.
    MicrophoneRestrictionsEnabled { unrestricted_participants: &'a Named },
    /// Everybody may use a microphone.
    MicrophoneRestrictionsDisabled,
    /// The receiver was muted.
    ForceMuted { moderator: ParticipantId },
    /// Access that can only watch, for a second window.
    PopoutStreamAccessToken { token: String },
    /// A command was refused.
    Error(LivekitError),
}

impl Event for LivekitEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Livekit;
}

/// What a client needs to connect to LiveKit.
#[derive(Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
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
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LivekitState<'a> {
    #[serde(flatten)]
    pub credentials: &'a Credentials,
    pub microphone_restriction_state: &'a MicrophoneRestrictions,
}

/// Who may use a microphone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum LivekitError {
    #[error("the media server can't be reached")]
    LivekitUnavailable,
    #[error("moderators only")]
    InsufficientPermissions,
}
