//! Documents that modules make of meetings: assets under the id of the task that makes them.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::Stream;
use uuid::Uuid;

use super::{Assets, NewAsset, UploadError, file_name};
use crate::{
    config,
    store::assets::{self, Asset},
};

/// A document of a room's meeting.
#[derive(Debug, Clone, Copy)]
pub struct NewDocument {
    /// That of the task: what is done twice makes one asset.
    pub id: Uuid,
    pub room: Uuid,
    /// The module that makes it.
    pub namespace: &'static str,
    pub kind: &'static str,
    pub extension: &'static str,
    /// When it was asked for.
    pub at: DateTime<Utc>,
}

impl Assets {
    /// The document that an earlier try has stored, if it came so far.
    pub async fn document(&self, document: NewDocument) -> Result<Option<Asset>, UploadError> {
        Ok(assets::find(&self.db, document.room, document.id).await?)
    }

    /// Whether a document may be stored: best asked before it is made.
    pub async fn has_place_for(
        &self,
        document: NewDocument,
        quotas: config::Quotas,
    ) -> Result<(), UploadError> {
        assets::upload_facts(&self.db, document.room, quotas).await?;
        Ok(())
    }

    /// Stores a document under the storage of the room's owner: all of it or nothing.
    pub async fn store_document<S, E>(
        &self,
        document: NewDocument,
        quotas: config::Quotas,
        content: S,
    ) -> Result<Asset, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        let facts = assets::upload_facts(&self.db, document.room, quotas).await?;
        let NewDocument {
            id,
            room,
            namespace,
            kind,
            extension,
            at,
        } = document;
        let new = NewAsset {
            id,
            room,
            created_at: at,
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            filename: file_name(facts.event_title.as_deref(), kind, at, extension),
        };
        self.store_made(new, content, quotas).await
    }
}
