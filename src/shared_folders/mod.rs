//! Folders at a storage provider that the people of a meeting share.
//!
//! A folder is made with its two links or not at all, and each try makes a folder of its own: what is undone then is
//! never somebody else's. An event keeps its folder as a row; the row goes after the folder, so that a deletion that
//! fails can be repeated (`deletion/folders.rs`).

mod nextcloud;
mod ocs;
mod password;
mod timeouts;

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use uuid::Uuid;

use self::nextcloud::Nextcloud;
pub use self::timeouts::ProviderTimeouts;
use crate::{
    config,
    store::shared_folders::{Discarded, SharedFolder},
};

/// The storage provider, if there is one. Clones are one.
#[derive(Clone, Default)]
pub struct SharedFolders(Option<Arc<Nextcloud>>);

/// Why the storage provider was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    #[error("no storage provider is configured")]
    NotConfigured,
    #[error("the storage provider can't be reached")]
    Unreachable,
    #[error("the storage provider does not answer in time")]
    TimedOut,
    #[error("the storage provider broke the connection off, or its answer makes no sense")]
    Nonsense,
    #[error("the storage provider refuses the account of this server")]
    Account,
    #[error("the storage provider has no space left")]
    Full,
    /// With the provider's own words, for the log.
    #[error("the storage provider refuses: {status} {words}")]
    Refused { status: StatusCode, words: String },
}

impl StorageError {
    /// Whether nothing was done for certain.
    fn is_without_effect(&self) -> bool {
        !matches!(self, Self::TimedOut | Self::Nonsense)
    }
}

impl SharedFolders {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        outgoing: &config::Outgoing,
        settings: &config::SharedFolderSettings,
    ) -> Result<Self, reqwest::Error> {
        Self::with_timeouts(outgoing, settings, ProviderTimeouts::default())
    }

    /// # Errors
    /// The same as [`Self::new`].
    pub fn with_timeouts(
        outgoing: &config::Outgoing,
        settings: &config::SharedFolderSettings,
        timeouts: ProviderTimeouts,
    ) -> Result<Self, reqwest::Error> {
        let provider = match &settings.url {
            Some(url) => Some(Arc::new(Nextcloud::new(outgoing, url, settings, timeouts)?)),
            None => None,
        };
        Ok(Self(provider))
    }

    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    /// Makes a folder for an event. Its name is new each time; what was made is removed when something fails midway.
    pub async fn create(&self, event: Uuid, now: DateTime<Utc>) -> Result<SharedFolder, StorageError> {
        let provider = self.0.as_ref().ok_or(StorageError::NotConfigured)?;
        provider.create(event, now).await
    }

    /// Deletes a folder with its links; what is gone already is fine.
    pub async fn delete(&self, folder: &Discarded) -> Result<(), StorageError> {
        let provider = self.0.as_ref().ok_or(StorageError::NotConfigured)?;
        provider.delete(folder).await
    }

    /// Deletes a folder that no event has taken. Leaves a line in the log when that fails.
    pub async fn undo(&self, folder: &SharedFolder) {
        if let Some(provider) = &self.0 {
            provider.undo(&folder.path).await;
        }
    }
}

impl fmt::Debug for SharedFolders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFolders")
            .field("is_configured", &self.is_configured())
            .finish()
    }
}
