//! Settings of meeting notes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// The Etherpad that keeps meeting notes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EtherpadSettings {
    /// As browsers and this server reach it; there are no meeting notes while it is absent.
    pub base_url: Option<Url>,
    pub api_key: Option<Secret>,
    /// A file with the key.
    pub api_key_file: Option<PathBuf>,
    pub access: EtherpadAccess,
}

/// How people get into a pad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EtherpadAccess {
    /// Each by a session of its own, which ends with its access. Needs two plugins of Etherpad.
    #[default]
    Sessions,
    /// All by the same two links, one for writing and one for reading. Who once had one keeps it.
    Links,
}
