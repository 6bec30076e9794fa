//! Recordings on their way in. What a recorder sends is spooled on this machine and becomes an asset at the end; what an end
//! of the process, or a store that did not answer, left in the spool becomes one later.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dashmap::DashSet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Assets, NewAsset, UploadError,
    orphans::ORPHAN_AGE,
    space::{Space, StorageFull},
    spool::{self, Spool},
    under_way::Counted,
};
use crate::store::assets;

/// Name of the spool's folder in the data folder.
const FOLDER: &str = "recordings";

/// Recordings that come in at the same time.
pub const RECORDINGS_MAX: u32 = 32;

/// Numbers of chunks lie below this.
pub const CHUNKS_MAX: u32 = 10_000;

/// Time at a stop for recorders to be told.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that comes in from recorders. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
pub struct Recordings {
    assets: Assets,
    folder: PathBuf,
    /// Of the spool's disk.
    space: Space,
    /// Those whose recorder still sends, or whose content is just being stored.
    open: Arc<DashSet<Uuid>>,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
}

/// A recording that comes in. Dropped before its end, it stays in the spool.
#[derive(Debug)]
pub struct Recording {
    recordings: Recordings,
    spool: Spool,
    counted: Counted,
    _place: OwnedSemaphorePermit,
    _open: Open,
}

/// Why a recording, or a piece of it, was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("too many recordings come in")]
    Busy,
    #[error("the server is stopping")]
    Stopping,
    #[error("the recording is larger than the server takes")]
    TooLarge,
    #[error(transparent)]
    Full(#[from] StorageFull),
    #[error("the spool can't be written")]
    Spool(#[from] io::Error),
}

impl Recordings {
    /// Prepares the spool in the data folder, where so many bytes stay free.
    pub fn open(assets: Assets, data_folder: &Path, free_bytes_min: u64) -> io::Result<Self> {
        let folder = data_folder.join(FOLDER);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self {
            assets,
            space: Space::of(&folder, free_bytes_min),
            folder,
            open: Arc::default(),
            places: Arc::new(Semaphore::new(RECORDINGS_MAX as usize)),
            stopping: CancellationToken::new(),
        })
    }

    /// A recording that is about to come in, for a room of this owner. It counts as an upload that is under way.
    pub async fn begin(&self, asset: NewAsset, owner: Uuid) -> Result<Recording, RecordingError> {
        if self.stopping.is_cancelled() {
            return Err(RecordingError::Stopping);
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| RecordingError::Busy)?;
        self.space.has_room(0).await?;
        // Before the file is there, so that nobody takes it for one that was left.
        let open = Open::new(&self.open, asset.id).ok_or(RecordingError::Busy)?;
        let counted = self.assets.under_way.begin(owner, 0, None);
        let counted = counted.ok_or(RecordingError::Busy)?;
        let spool = Spool::create(&self.folder, asset).await?;
        Ok(Recording {
            recordings: self.clone(),
            spool,
            counted,
            _place: place,
            _open: open,
        })
    }

    #[cfg(test)]
    pub(super) fn set_space(&mut self, space: Space) {
        self.space = space;
    }

    /// Says when recorders shall be sent away.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Sends recorders away. What they have sent stays in the spool for the next start.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let all = tokio::time::timeout(STOP_TIMEOUT, self.places.acquire_many(RECORDINGS_MAX));
        if all.await.is_err() {
            tracing::info!("recordings that are being stored go on after the next start");
        }
    }

    /// Stores what an earlier process, or a store that did not answer, has left in the spool. What fails stays there. The
    /// number of recordings that became assets.
    pub async fn store_left(&self) -> io::Result<usize> {
        let mut stored = 0;
        let mut entries = tokio::fs::read_dir(&self.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Some(_open) = Open::new(&self.open, id) else {
                continue;
            };
            match self.store_one_left(id, entry.path()).await {
                Ok(one) => stored += usize::from(one.is_some()),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, asset.id = %id, "a recording stays in the spool");
                }
            }
        }
        if stored > 0 {
            tracing::info!(
                recordings = stored,
                "stored recordings that were left in the spool"
            );
        }
        Ok(stored)
    }

    async fn store_one_left(&self, id: Uuid, path: PathBuf) -> Result<Option<assets::Asset>, UploadError> {
        if !assets::existing(&self.assets.db, &[id]).await?.is_empty() {
            forget(&path).await;
            return Ok(None);
        }
        let spool = Spool::open(path.clone()).await.map_err(UploadError::Spool)?;
        match self.store(spool).await {
            // The database may be another one, or older than the room: as with contents without rows.
            Err(UploadError::NoRoom) if is_old(&path).await && self.assets.is_ours().await? => {
                forget(&path).await;
                Ok(None)
            }
            stored => stored,
        }
    }

    /// Makes an asset of a spool and removes it. One without data is only removed; what is not taken stays.
    async fn store(&self, spool: Spool) -> Result<Option<assets::Asset>, UploadError> {
        let path = spool.path().to_owned();
        let stored = if spool.size() == 0 {
            Ok(None)
        } else {
            let asset = spool.asset.clone();
            self.assets.keep(asset, spool.content()).await.map(Some)
        };
        if stored.is_ok() {
            forget(&path).await;
        }
        stored
    }
}

impl Recording {
    /// Begins a chunk. It counts from its end on, and replaces the one with the same number then. One that was begun before and
    /// has not ended is as if it had never been.
    pub async fn begin_chunk(&mut self, number: u32) -> Result<(), RecordingError> {
        Ok(self.spool.begin(number).await?)
    }

    /// Takes what comes next of the chunk.
    pub async fn extend_chunk(&mut self, data: &[u8]) -> Result<(), RecordingError> {
        let max = self.recordings.assets.recording_bytes_max();
        if self.spool.file_size().saturating_add(data.len() as u64) > max {
            return Err(RecordingError::TooLarge);
        }
        self.recordings.space.has_room(data.len() as u64).await?;
        self.spool.extend(data).await?;
        // Whatever the quota says: see [`Assets::keep`].
        let _ = self.counted.has_come(self.spool.file_size());
        Ok(())
    }

    /// The chunk is whole.
    pub async fn end_chunk(&mut self) -> Result<(), RecordingError> {
        Ok(self.spool.end().await?)
    }

    /// Whether there is anything yet.
    #[must_use]
    pub fn has_come(&self) -> bool {
        self.spool.size() > 0
    }

    /// Makes an asset of what has come; `None` when nothing has, or the room is gone. When the store does not take it, it
    /// stays in the spool.
    pub async fn finish(self) -> Result<Option<assets::Asset>, UploadError> {
        let path = self.spool.path().to_owned();
        match self.recordings.store(self.spool).await {
            Err(UploadError::NoRoom) => {
                forget(&path).await;
                Ok(None)
            }
            stored => stored,
        }
    }
}

/// Whether nothing was written into a file for so long that no backup of the database is waited for any more.
async fn is_old(path: &Path) -> bool {
    let metadata = tokio::fs::metadata(path).await;
    let age = metadata
        .and_then(|file| file.modified())
        .map(|written| written.elapsed().unwrap_or_default());
    age.is_ok_and(|age| ORPHAN_AGE.to_std().is_ok_and(|max| age > max))
}

async fn forget(path: &Path) {
    if let Err(error) = spool::remove(path).await {
        tracing::warn!(%error, "a recording that is stored stays in the spool too");
    }
}

/// A recording that is somebody's work at the moment.
#[derive(Debug)]
struct Open {
    all: Arc<DashSet<Uuid>>,
    id: Uuid,
}

impl Open {
    fn new(all: &Arc<DashSet<Uuid>>, id: Uuid) -> Option<Self> {
        let all = Arc::clone(all);
        all.insert(id).then_some(Self { all, id })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.all.remove(&self.id);
    }
}
