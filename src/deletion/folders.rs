//! Deleting shared folders, now or later.

use uuid::Uuid;

use super::{Deleter, DeletionError};
use crate::{
    shared_folders::StorageError,
    store::{
        self, StoreError,
        shared_folders::{self, Discarded},
    },
};

/// After so many discarded folders in a row that the provider does not answer about, it counts as away: each may take as
/// long as a call may, and the next run asks again.
const SILENCES_MAX: u32 = 3;

/// How many discarded folders were deleted, and how many wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub deleted: u64,
    pub kept: u64,
}

impl Deleter {
    /// Deletes the folder of an event at the storage provider, then its row. With `is_forced` the event loses it also when
    /// the provider fails, and [`Self::sweep_folders`] tries again. Whether there was one.
    pub async fn folder(&self, event: Uuid, is_forced: bool) -> Result<bool, DeletionError> {
        let this = self.clone();
        store::unbroken(async move { this.folder_now(event, is_forced).await }).await
    }

    pub(super) async fn folder_now(&self, event: Uuid, is_forced: bool) -> Result<bool, DeletionError> {
        let Some(folder) = shared_folders::get(&self.db, event).await? else {
            return Ok(false);
        };
        match self.shared_folders.delete(&Discarded::from(&folder)).await {
            Ok(()) => {
                shared_folders::forget(&self.db, event, folder.path).await?;
            }
            Err(error) if is_forced => {
                tracing::warn!(%error, path = folder.path, "a shared folder stays behind at the storage provider for now");
                let now = self.clock.now();
                let discarded = self.db.transaction(move |tx| {
                    Box::pin(async move { shared_folders::discard(tx, event, now).await })
                });
                discarded.await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Deletes discarded folders, as far as the storage provider answers.
    pub async fn sweep_folders(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let (mut after, mut silences) = (String::new(), 0);
        while silences < SILENCES_MAX {
            let some = shared_folders::discarded_after(&self.db, &after).await?;
            let Some(last) = some.last() else { break };
            after.clone_from(&last.path);
            for folder in some {
                match self.shared_folders.delete(&folder).await {
                    Ok(()) => {
                        shared_folders::forget_discarded(&self.db, folder.path).await?;
                        swept.deleted += 1;
                        silences = 0;
                    }
                    Err(StorageError::NotConfigured) => silences = SILENCES_MAX,
                    Err(error) => {
                        let is_silent = !matches!(error, StorageError::Refused { .. });
                        silences = if is_silent { silences + 1 } else { 0 };
                        tracing::warn!(%error, path = folder.path, "a shared folder stays behind at the storage provider for now");
                    }
                }
                if silences >= SILENCES_MAX {
                    break;
                }
            }
        }
        swept.kept = shared_folders::count_discarded(&self.db).await?;
        Ok(swept)
    }
}
