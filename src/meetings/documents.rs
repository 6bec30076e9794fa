//! Documents that rooms ask for become assets.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use colloquy_actors::{ids::Timestamp, task::Outcome};
use futures_util::Stream;

use crate::{
    assets::{Assets, NewDocument, UploadError},
    config::Quotas,
};

/// Stores documents under the quotas of rooms' owners. Clones are one.
#[derive(Debug, Clone)]
pub struct Documents {
    assets: Assets,
    quotas: Quotas,
}

impl Documents {
    #[must_use]
    pub fn new(assets: Assets, quotas: Quotas) -> Self {
        Self { assets, quotas }
    }

    /// What is to be said without making it: it is there already, or there is no place for it. None: it is to be made.
    pub(super) async fn foregone(&self, document: NewDocument) -> Option<Outcome> {
        let found = match self.assets.document(document).await {
            Ok(None) => self
                .assets
                .has_place_for(document, self.quotas)
                .await
                .map(|()| None),
            found => found,
        };
        match found {
            Ok(asset) => asset.map(|asset| Outcome::Stored {
                filename: asset.filename,
            }),
            Err(error) => Some(outcome(document, &error)),
        }
    }

    pub(super) async fn store<S, E>(&self, document: NewDocument, content: S) -> Outcome
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send,
    {
        match self.assets.store_document(document, self.quotas, content).await {
            Ok(asset) => Outcome::Stored {
                filename: asset.filename,
            },
            Err(error) => outcome(document, &error),
        }
    }
}

/// What the room hears of a failure; an operator hears of what is not the owner's.
fn outcome(document: NewDocument, error: &UploadError) -> Outcome {
    match error {
        UploadError::StorageExceeded | UploadError::TooMany(_) => return Outcome::StorageExceeded,
        UploadError::NoRoom => {}
        error => {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, kind = document.kind, room.id = %document.room, "a document of a meeting could not be stored");
        }
    }
    Outcome::NotStored
}

/// A time of the live core, as rows have it.
pub(super) fn utc(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.as_micros()).unwrap_or_default()
}
