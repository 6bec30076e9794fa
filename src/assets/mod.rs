//! The asset store: what was recorded or made in rooms. Contents lie in a folder or in S3 under ids, rows in the database.
//!
//! A content is stored first, its row second: what is listed is whole. What is left without a row by a crash, or by a store
//! that did not answer when something was deleted, is an orphan, and [`Assets::find_orphans`] finds it.

mod documents;
mod error;
mod filename;
mod objects;
mod orphans;
mod pace;
mod recordings;
mod space;
mod spool;
mod under_way;
mod writer;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use dashmap::DashSet;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

pub use self::{
    documents::NewDocument,
    error::{ObjectError, UploadError},
    filename::{FILENAME_CHARS_MAX, file_name, numbered},
    objects::{Content, Objects, OpenError},
    orphans::{ORPHAN_AGE, Orphans, ROWS_PER_LOOK},
    recordings::{CHUNKS_MAX, RECORDINGS_MAX, Recording, RecordingError, Recordings},
    space::StorageFull,
    writer::Writer,
};
use self::{
    pace::Pace,
    space::{LOOK_BYTES, Space},
    under_way::{Counted, UnderWay},
};
use crate::{
    concurrency_limit::{ConcurrencyLimit, Permit},
    config,
    store::{Db, StoreError, assets, unbroken},
};

/// Time between two pieces of a content before it counts as broken off.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for a whole content, however steadily it trickles.
const UPLOAD_TIME_MAX: Duration = Duration::from_hours(12);

/// Contents that a user reads at the same time.
pub const READS_PER_USER_MAX: usize = 16;

/// Removals of contents that are under way at once; further ones wait.
const REMOVALS_MAX: usize = 4;

/// Namespace of what was made by no module.
pub const DEFAULT_NAMESPACE: &str = "core";

/// An asset before its content is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAsset {
    pub id: Uuid,
    pub room: Uuid,
    pub created_at: DateTime<Utc>,
    /// Which module made it.
    pub namespace: String,
    pub kind: String,
    /// See [`file_name`].
    pub filename: String,
}

/// What somebody is about to upload.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Who uploads.
    pub user: Uuid,
    /// Uploads of this user at the same time; `None`: any number.
    pub uploads_max: Option<u64>,
    /// Whose storage it takes.
    pub owner: Uuid,
    /// Bytes that the owner's assets take.
    pub used_storage: u64,
    /// Bytes that the owner's tariff grants; `None`: any number.
    pub max_storage: Option<u64>,
    /// Bytes that will come, where the client says so.
    pub announced: Option<u64>,
    /// What holds for the owner where the tariff says nothing.
    pub quotas: config::Quotas,
}

/// An upload that may come. Its places are free again when it is dropped.
#[derive(Debug)]
pub struct Upload {
    counted: Counted,
    quotas: config::Quotas,
    _of_user: Permit<Uuid>,
    _of_all: OwnedSemaphorePermit,
}

/// Contents and rows of assets. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
pub struct Assets {
    db: Db,
    objects: Objects,
    /// Contents that have no row yet.
    unlisted: Arc<DashSet<Uuid>>,
    uploads: Arc<Semaphore>,
    per_user: ConcurrencyLimit<Uuid>,
    reads: ConcurrencyLimit<Uuid>,
    under_way: UnderWay,
    removals: Arc<Semaphore>,
    upload_bytes_max: u64,
    recording_bytes_max: u64,
}

impl Assets {
    #[must_use]
    pub fn new(db: Db, objects: Objects, settings: &config::AssetSettings) -> Self {
        Self {
            db,
            objects,
            unlisted: Arc::default(),
            uploads: Arc::new(Semaphore::new(settings.uploads_max)),
            per_user: ConcurrencyLimit::new(usize::MAX),
            reads: ConcurrencyLimit::new(READS_PER_USER_MAX),
            under_way: UnderWay::default(),
            removals: Arc::new(Semaphore::new(REMOVALS_MAX)),
            upload_bytes_max: settings.upload_bytes_max,
            recording_bytes_max: settings.recording_bytes_max,
        }
    }

    /// Bytes of a recording at the most.
    #[must_use]
    pub fn recording_bytes_max(&self) -> u64 {
        self.recording_bytes_max
    }

    /// Takes the places of an upload, before anything of it comes. What is under way counts as if it was stored already; the
    /// quota of stored bytes is soft, so the one that exceeds it may come, and none beside it.
    pub async fn begin(&self, wish: Wish) -> Result<Upload, UploadError> {
        let announced = wish.announced.unwrap_or_default();
        if announced > self.upload_bytes_max {
            return Err(self.too_large());
        }
        let of_user = wish
            .uploads_max
            .map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        let of_user = self
            .per_user
            .take_of(wish.user, of_user)
            .ok_or(UploadError::Busy)?;
        let of_all = Arc::clone(&self.uploads).try_acquire_owned();
        let of_all = of_all.map_err(|_| UploadError::Busy)?;
        let may_come = |max| assets::is_within(wish.used_storage, max);
        if !wish.max_storage.is_none_or(may_come) {
            return Err(UploadError::StorageExceeded);
        }
        let beside = wish.max_storage.map(|max| max - wish.used_storage);
        let counted = self.under_way.begin(wish.owner, announced, beside);
        let counted = counted.ok_or(UploadError::StorageExceeded)?;
        self.space().has_room(announced).await?;
        Ok(Upload {
            counted,
            quotas: wish.quotas,
            _of_user: of_user,
            _of_all: of_all,
        })
    }

    /// Stores an asset: all of it or nothing, also when the caller is dropped meanwhile. Where the owner's storage is
    /// exhausted by what was stored meanwhile, nothing.
    pub async fn store<S, E>(
        &self,
        mut upload: Upload,
        new: NewAsset,
        content: S,
    ) -> Result<assets::Asset, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        let this = self.clone();
        unbroken(async move {
            let quotas = Some(upload.quotas);
            let stored = this
                .keep_now(new, content, Some(&mut upload.counted), quotas)
                .await;
            drop(upload);
            stored
        })
        .await
    }

    /// The same with a recording that has come already, whatever its size and whatever the quota says.
    async fn keep<S, E>(&self, new: NewAsset, content: S) -> Result<assets::Asset, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        let this = self.clone();
        unbroken(async move { this.keep_now(new, content, None, None).await }).await
    }

    /// The same with what the server itself has made or fetched. It takes no place of an upload, and is refused where the owner's storage
    /// is exhausted already.
    async fn store_made<S, E>(
        &self,
        new: NewAsset,
        content: S,
        quotas: config::Quotas,
    ) -> Result<assets::Asset, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        let this = self.clone();
        unbroken(async move { this.keep_now(new, content, None, Some(quotas)).await }).await
    }

    async fn keep_now<E: Send>(
        &self,
        new: NewAsset,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
        counted: Option<&mut Counted>,
        quotas: Option<config::Quotas>,
    ) -> Result<assets::Asset, UploadError> {
        let _unlisted = Unlisted::begin(self, new.id);
        let size = self.write(new.id, content, counted).await?;
        self.list(new, size, quotas).await
    }

    fn space(&self) -> &Space {
        &self.objects.space
    }

    fn too_large(&self) -> UploadError {
        UploadError::TooLarge {
            bytes_max: self.upload_bytes_max,
        }
    }

    /// A user's place for one more content to read: each holds a file or a connection to the store open. `None`: there are
    /// as many as there may be.
    #[must_use]
    pub fn begin_read(&self, user: Uuid) -> Option<Permit<Uuid>> {
        self.reads.take(user)
    }

    /// A content, or a range of it that is not empty.
    pub async fn read(
        &self,
        asset: Uuid,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<Content, ObjectError> {
        self.objects.read(asset, range).await
    }

    /// Removes contents whose rows are gone, without waiting for it. What fails is an orphan then.
    pub fn remove_contents(&self, ids: Vec<Uuid>) {
        let this = self.clone();
        tokio::spawn(async move { this.remove_contents_now(&ids).await });
    }

    /// The same, waiting for it.
    pub async fn remove_contents_now(&self, ids: &[Uuid]) {
        if ids.is_empty() {
            return;
        }
        let Ok(_place) = self.removals.acquire().await else {
            return;
        };
        if let Err(error) = self.objects.remove(ids).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "contents of deleted assets stay behind for now");
        }
    }

    async fn write<E>(
        &self,
        id: Uuid,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
        counted: Option<&mut Counted>,
    ) -> Result<u64, UploadError> {
        let mut writer = self.objects.writer(id);
        let copied = self.copy(content, &mut writer, counted);
        let copied = tokio::time::timeout(UPLOAD_TIME_MAX, copied).await;
        match copied.unwrap_or(Err(UploadError::Stalled)) {
            Ok(()) => Ok(writer.finish().await?),
            Err(error) => {
                writer.abort().await;
                Err(error)
            }
        }
    }

    async fn copy<E>(
        &self,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
        writer: &mut Writer,
        mut counted: Option<&mut Counted>,
    ) -> Result<(), UploadError> {
        let mut content = std::pin::pin!(content);
        let mut next_look = 0;
        let mut pace = Pace::default();
        loop {
            let asked_at = tokio::time::Instant::now();
            let next = tokio::time::timeout(IDLE_TIMEOUT, content.next()).await;
            let Some(piece) = next.map_err(|_| UploadError::Stalled)? else {
                return Ok(());
            };
            let piece = piece.map_err(|_| UploadError::Broken)?;
            let size = writer.size() + piece.len() as u64;
            if let Some(counted) = &mut counted {
                if size > self.upload_bytes_max {
                    return Err(self.too_large());
                }
                if !counted.has_come(size) {
                    return Err(UploadError::StorageExceeded);
                }
                pace.has_come(asked_at.elapsed(), piece.len())?;
            }
            if size > next_look {
                self.space().has_room(piece.len() as u64).await?;
                next_look = size + LOOK_BYTES;
            }
            writer.write(&piece).await?;
        }
    }

    /// Adds the row of a content that is there, or removes the content again, unless the row may be there.
    async fn list(
        &self,
        new: NewAsset,
        size: u64,
        quotas: Option<config::Quotas>,
    ) -> Result<assets::Asset, UploadError> {
        let asset = assets::Asset {
            id: new.id,
            room_id: new.room,
            created_at: crate::store::micros(new.created_at),
            namespace: new.namespace,
            kind: new.kind,
            filename: new.filename,
            size,
        };
        let failure = match assets::insert(&self.db, asset.clone(), numbered, quotas).await {
            Ok(filename) => return Ok(assets::Asset { filename, ..asset }),
            // The row may be there: a content without one is found by the job of orphans.
            Err(unknown @ assets::Refused::Store(StoreError::OutcomeUnknown(_))) => {
                return Err(unknown.into());
            }
            Err(refused) => UploadError::from(refused),
        };
        // The same may have been stored by another try: then the content is that one's.
        match assets::find(&self.db, asset.room_id, asset.id).await {
            Ok(Some(listed)) => return Ok(listed),
            Ok(None) => {}
            Err(_) => return Err(failure),
        }
        if let Err(error) = self.objects.remove(&[asset.id]).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                error,
                "the content of an asset without a row stays behind for now"
            );
        }
        Err(failure)
    }
}

/// Keeps a content from being taken for an orphan while its row is still to come.
struct Unlisted<'a> {
    assets: &'a Assets,
    id: Uuid,
}

impl<'a> Unlisted<'a> {
    fn begin(assets: &'a Assets, id: Uuid) -> Self {
        assets.unlisted.insert(id);
        Self { assets, id }
    }
}

impl Drop for Unlisted<'_> {
    fn drop(&mut self) {
        self.assets.unlisted.remove(&self.id);
    }
}
