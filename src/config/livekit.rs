//! Settings of the media server.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// The media server. The defaults are those of `livekit-server --dev`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Livekit {
    /// As browsers reach it.
    pub public_url: Url,
    /// As this server, callers and recorders reach it.
    pub service_url: Url,
    pub api_key: String,
    pub api_secret: Secret,
    /// A file with the secret.
    pub api_secret_file: Option<PathBuf>,
    /// Whether only moderators, and whom they permit it, may share their screen.
    pub screen_share_requires_permission: bool,
    /// Whether some may talk among themselves beside the meeting.
    pub whisper_groups: bool,
}

impl Default for Livekit {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant, which a test reads")]
        let url = || Url::parse("ws://localhost:7880").expect("a URL");
        Self {
            public_url: url(),
            service_url: url(),
            api_key: "devkey".to_owned(),
            api_secret: Secret::new("secret"),
            api_secret_file: None,
            screen_share_requires_permission: false,
            whisper_groups: false,
        }
    }
}
