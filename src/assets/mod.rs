//! The asset store: what was recorded or made in rooms. Contents lie in a folder or in S3 under ids, rows in the database.
//!
//! A content is stored first, its row second: what is listed is whole. What is left without a row by a crash, or by a store
//! that did not answer when something was deleted, is an orphan, and [`Assets::find_orphans`] finds it.

mod error;
mod filename;
mod objects;
mod orphans;
mod recordings;
mod spool;
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
    error::{ObjectError, UploadError},
    filename::{FILENAME_CHARS_MAX, file_name},
    objects::{Content, Objects, OpenError},
    orphans::{ORPHAN_AGE, Orphans, ROWS_PER_LOOK},
    recordings::{CHUNKS_MAX, RECORDINGS_MAX, Recording, RecordingError, Recordings},
    writer::Writer,
};
use crate::{
    caps::{Caps, Place},
    config,
    store::{Db, assets, unbroken},
};

/// Time between two pieces of a content before it counts as broken off.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for a whole content, however steadily it trickles.
const UPLOAD_TIME_MAX: Duration = Duration::from_hours(12);

/// Uploads of one user at the same time.
const UPLOADS_PER_USER_MAX: usize = 8;

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

/// Contents and rows of assets. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
pub struct Assets {
    db: Db,
    objects: Objects,
    /// Contents that have no row yet.
    unlisted: Arc<DashSet<Uuid>>,
    uploads: Arc<Semaphore>,
    per_user: Caps<Uuid>,
    removals: Arc<Semaphore>,
    upload_bytes_max: u64,
}

impl Assets {
    #[must_use]
    pub fn new(db: Db, objects: Objects, settings: &config::Assets) -> Self {
        Self {
            db,
            objects,
            unlisted: Arc::default(),
            uploads: Arc::new(Semaphore::new(settings.uploads_max)),
            per_user: Caps::new(UPLOADS_PER_USER_MAX),
            removals: Arc::new(Semaphore::new(REMOVALS_MAX)),
            upload_bytes_max: settings.upload_bytes_max,
        }
    }

    /// Bytes of an upload at the most.
    #[must_use]
    pub fn upload_bytes_max(&self) -> u64 {
        self.upload_bytes_max
    }

    /// A user's place among the uploads.
    pub fn place_of(&self, user: Uuid) -> Result<Place<Uuid>, UploadError> {
        self.per_user.take(user).ok_or(UploadError::Busy)
    }

    /// Stores an asset: all of it or nothing, also when the caller is dropped meanwhile. Says nothing about quotas.
    pub async fn store<S, E>(&self, new: NewAsset, content: S) -> Result<assets::Asset, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        let Ok(place) = Arc::clone(&self.uploads).try_acquire_owned() else {
            return Err(UploadError::Busy);
        };
        self.keep(new, content, Some(place)).await
    }

    /// As [`Self::store`] with a place among the uploads, or without a limit of them.
    async fn keep<S, E>(
        &self,
        new: NewAsset,
        content: S,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<assets::Asset, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        let this = self.clone();
        unbroken(async move {
            let _place = place;
            let _unlisted = Unlisted::begin(&this, new.id);
            let size = this.write(new.id, content).await?;
            this.list(new, size).await
        })
        .await
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
    ) -> Result<u64, UploadError> {
        let mut writer = self.objects.writer(id);
        let copied = tokio::time::timeout(UPLOAD_TIME_MAX, self.copy(content, &mut writer)).await;
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
    ) -> Result<(), UploadError> {
        let mut content = std::pin::pin!(content);
        loop {
            let next = tokio::time::timeout(IDLE_TIMEOUT, content.next()).await;
            let Some(piece) = next.map_err(|_| UploadError::Stalled)? else {
                return Ok(());
            };
            let piece = piece.map_err(|_| UploadError::Broken)?;
            if writer.size() + piece.len() as u64 > self.upload_bytes_max {
                return Err(UploadError::TooLarge {
                    bytes_max: self.upload_bytes_max,
                });
            }
            writer.write(&piece).await?;
        }
    }

    /// Adds the row of a content that is there, or removes the content again.
    async fn list(&self, new: NewAsset, size: u64) -> Result<assets::Asset, UploadError> {
        let asset = assets::Asset {
            id: new.id,
            room_id: new.room,
            created_at: crate::store::micros(new.created_at),
            namespace: new.namespace,
            kind: new.kind,
            filename: new.filename,
            size,
        };
        let failure = match assets::insert(&self.db, asset.clone()).await {
            Ok(true) => return Ok(asset),
            Ok(false) => UploadError::NoRoom,
            Err(error) => error.into(),
        };
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
