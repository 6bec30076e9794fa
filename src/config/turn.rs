//! Relays for clients that no direct way leads to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secrets::Secret;

/// TURN and STUN servers, as `GET /v1/turn` tells them.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// Seconds for which credentials are good.
    pub lifetime_secs: u64,
    pub servers: Vec<TurnServer>,
    /// Such as `stun:stun.example.org`.
    pub stun_uris: Vec<String>,
}

/// A TURN server that takes credentials by the TURN REST scheme.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TurnServer {
    /// Such as `turn:turn.example.org:3478?transport=udp`.
    pub uris: Vec<String>,
    /// The secret that it shares with this server.
    #[serde(default)]
    pub secret: Secret,
    /// A file with the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            lifetime_secs: 12 * 3_600,
            servers: Vec::new(),
            stun_uris: Vec::new(),
        }
    }
}
