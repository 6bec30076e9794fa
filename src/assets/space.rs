//! What stays free of a disk: assets must not take the place of database and journals.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes after which a content that comes is looked at again: many that come at once do not go far below the limit.
pub(super) const LOOK_BYTES: u64 = 16 * 1024 * 1024;

/// The disk of a folder, and how much of it stays free. Cheap to clone.
#[derive(Clone)]
pub(super) struct Space {
    /// `None`: what is stored takes no disk of this machine.
    folder: Option<PathBuf>,
    bytes_min: u64,
    look: Look,
}

/// Tells the free bytes where a folder lies.
type Look = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space")
            .field("folder", &self.folder)
            .field("bytes_min", &self.bytes_min)
            .finish_non_exhaustive()
    }
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
            look: Arc::new(|folder| fs4::available_space(folder)),
        }
    }

    /// On other machines.
    pub(super) fn elsewhere() -> Self {
        Self::of(Path::new(""), 0)
    }

    /// Refuses what leaves too little. `coming`: bytes that are known to come.
    pub(super) async fn has_room(&self, coming: u64) -> Result<(), StorageFull> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        // A network's disk may take its time.
        let look = Arc::clone(&self.look);
        let looked = tokio::task::spawn_blocking(move || look(&folder)).await;
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
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use chrono::DateTime;
    use uuid::Uuid;

    use super::{
        super::{Assets, NewAsset, Objects, RecordingError, Recordings, UploadError, Wish},
        *,
    };
    use crate::{config, store::Db};

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
        let gone = Space::of(&folder.path().join("gone"), u64::MAX);
        assert_eq!(gone.has_room(0).await, Ok(()), "not known");
    }

    /// A disk that has less at each look: so many times enough, then nothing.
    fn filling(folder: &Path, enough: u64) -> Space {
        let left = AtomicU64::new(enough);
        let look = move |_: &Path| {
            let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            Ok(if before.is_ok() { u64::MAX } else { 0 })
        };
        Space {
            look: Arc::new(look),
            ..Space::of(folder, 1)
        }
    }

    fn asset() -> NewAsset {
        NewAsset {
            id: Uuid::from_u128(7),
            room: Uuid::from_u128(8),
            created_at: DateTime::UNIX_EPOCH,
            namespace: "core".to_owned(),
            kind: "report".to_owned(),
            filename: "x".to_owned(),
        }
    }

    async fn assets(folder: &Path, space: Space) -> Assets {
        let db = Db::connect(&config::Database::default(), folder).await.unwrap();
        let settings = config::AssetSettings::default();
        let mut objects = Objects::open(&config::Outgoing::default(), &settings, folder).unwrap();
        objects.space = space;
        Assets::new(db, objects, &settings)
    }

    fn files(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries
            .map(|entry| {
                if entry.file_type().unwrap().is_dir() {
                    files(&entry.path())
                } else {
                    1
                }
            })
            .sum()
    }

    #[tokio::test]
    async fn an_upload_ends_when_the_disk_fills_meanwhile_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // Before it comes, at its first byte, and once more.
        let assets = assets(folder.path(), filling(folder.path(), 3)).await;
        let wish = Wish {
            user: Uuid::nil(),
            uploads_max: None,
            owner: Uuid::nil(),
            used_storage: 0,
            max_storage: None,
            announced: None,
            quotas: config::Quotas::NONE,
        };
        let upload = assets.begin(wish).await.unwrap();
        let piece = Bytes::from(vec![7; 1024 * 1024]);
        let (sent, counted) = (Arc::new(AtomicU64::new(0)), LOOK_BYTES * 3 / (1024 * 1024));
        let sending = Arc::clone(&sent);
        let content = futures_util::stream::repeat_with(move || {
            sending.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(piece.clone())
        });
        let stored = assets.store(upload, asset(), content).await;
        assert!(matches!(stored, Err(UploadError::Full(_))), "{stored:?}");
        let sent = sent.load(Ordering::Relaxed);
        assert!((counted / 3..counted).contains(&sent), "{sent} MiB");
        assert_eq!(files(&folder.path().join("assets")), 0);
        assert!(matches!(assets.begin(wish).await, Err(UploadError::Full(_))));
    }

    #[tokio::test]
    async fn a_recording_keeps_what_came_before_the_disk_was_full() {
        let folder = tempfile::tempdir().unwrap();
        let assets = assets(folder.path(), Space::elsewhere()).await;
        let mut recordings = Recordings::open(assets, folder.path(), 0).unwrap();
        // At its beginning, and for one chunk.
        recordings.set_space(filling(folder.path(), 2));
        let mut recording = recordings.begin(asset(), Uuid::nil()).await.unwrap();
        recording.begin_chunk(0).await.unwrap();
        recording.extend_chunk(b"first").await.unwrap();
        recording.end_chunk().await.unwrap();
        recording.begin_chunk(1).await.unwrap();
        let full = recording.extend_chunk(b"second").await;
        assert!(matches!(full, Err(RecordingError::Full(_))), "{full:?}");
        assert!(recording.has_come());
        let next = recordings.begin(asset(), Uuid::nil()).await;
        assert!(matches!(next, Err(RecordingError::Full(_))));
        assert_eq!(files(&folder.path().join("recordings")), 1);
    }
}
