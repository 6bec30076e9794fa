//! What stays free of a disk: assets must not take the place of database and journals.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Bytes after which a content that comes is looked at again: many that come at once do not go far below the limit.
pub(super) const LOOK_BYTES: u64 = 16 * 1024 * 1024;

/// The disk of a folder, and how much of it stays free. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Space {
    /// `None`: what is stored takes no disk of this machine.
    folder: Option<PathBuf>,
    bytes_min: u64,
}

/// The disk has no more to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("of the disk {bytes_free} bytes are free, of which {bytes_min} stay free")]
pub struct StorageFull {
    pub bytes_free: u64,
    pub bytes_min: u64,
}

impl Space {
    /// So many bytes stay free where the folder lies; 0: it is not looked at.
    pub(super) fn of(folder: &Path, bytes_min: u64) -> Self {
        Self {
            folder: (bytes_min > 0).then(|| folder.to_owned()),
            bytes_min,
        }
    }

    /// On other machines.
    pub(super) fn elsewhere() -> Self {
        Self {
            folder: None,
            bytes_min: 0,
        }
    }

    /// Refuses what leaves too little. `coming`: bytes that are known to come.
    pub(super) async fn has_room(&self, coming: u64) -> Result<(), StorageFull> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        // A network's disk may take its time.
        let looked = tokio::task::spawn_blocking(move || fs4::available_space(folder)).await;
        match looked.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(bytes_free) if bytes_free.saturating_sub(coming) < self.bytes_min => Err(StorageFull {
                bytes_free,
                bytes_min: self.bytes_min,
            }),
            Ok(_) => Ok(()),
            // Whether there is a place at all shows when it is written to.
            Err(error) => {
                tracing::warn!(%error, "the free space of the assets' disk can't be told");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_gives_what_it_has_but_for_what_stays_free() {
        let folder = tempfile::tempdir().unwrap();
        let space = |bytes_min| Space::of(folder.path(), bytes_min);
        assert_eq!(space(1).has_room(0).await, Ok(()));
        let full = space(u64::MAX).has_room(0).await.unwrap_err();
        assert!(full.bytes_free > 0 && full.bytes_min == u64::MAX, "{full}");
        assert!(space(1).has_room(u64::MAX).await.is_err(), "too much is to come");
        assert_eq!(space(0).has_room(u64::MAX).await, Ok(()), "not looked at");
        assert_eq!(Space::elsewhere().has_room(u64::MAX).await, Ok(()));
        assert_eq!(
            Space::of(&folder.path().join("gone"), u64::MAX).has_room(0).await,
            Ok(()),
            "not known"
        );
    }
}
