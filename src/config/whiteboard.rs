//! Settings of whiteboards.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// The Spacedeck on which people draw.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhiteboardSettings {
    /// As browsers and this server reach it; there are no whiteboards while it is absent.
    pub base_url: Option<Url>,
    pub api_key: Option<Secret>,
    /// A file with the key.
    pub api_key_file: Option<PathBuf>,
}
