//! Settings of folders that the people of a meeting share.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secrets::Secret;

/// The NextCloud that keeps shared folders.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedFolderSettings {
    pub provider: FolderProvider,
    /// Where its web interface is; there are no shared folders while it is absent.
    pub url: Option<Url>,
    /// Id of the account that owns the folders.
    pub username: Option<String>,
    /// An app password of that account.
    pub password: Option<Secret>,
    /// A file with the app password.
    pub password_file: Option<PathBuf>,
    /// Folder of the account in which the folders of events are made.
    pub directory: String,
    /// Days after which links end; never while it is absent.
    pub expiry_days: Option<u32>,
}

/// What keeps shared folders; the other controllers of this API name it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderProvider {
    #[default]
    Nextcloud,
}

impl Default for SharedFolderSettings {
    fn default() -> Self {
        Self {
            provider: FolderProvider::default(),
            url: None,
            username: None,
            password: None,
            password_file: None,
            directory: "colloquy".to_owned(),
            expiry_days: None,
        }
    }
}
