//! What can go wrong with contents.

use thiserror::Error;

use super::StorageFull;
use crate::store::{StoreError, assets::Refused, usage::QuotaExceeded};

/// Why the asset store could not do what was asked.
#[derive(Debug, Error)]
pub enum ObjectError {
    #[error("the asset store has no such object")]
    Missing,
    #[error("the asset store takes too long")]
    TooSlow,
    /// The same once more may succeed: no connection, a full disk, a failing server.
    #[error("the asset store is not available at the moment")]
    Unavailable(#[source] object_store::Error),
    /// Wrong keys, no such bucket: somebody has to do something about it.
    #[error("the asset store refuses")]
    Refused(#[source] object_store::Error),
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::NotFound { .. } => Self::Missing,
            E::Generic { .. } | E::JoinError { .. } => Self::Unavailable(error),
            _ => Self::Refused(error),
        }
    }
}

/// Why an upload came to nothing. Nothing of it is left.
#[derive(Debug, Error)]
pub enum UploadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error("the spool can't be read")]
    Spool(#[source] std::io::Error),
    #[error(transparent)]
    Full(#[from] StorageFull),
    #[error("the assets of the room's owner take more than the tariff grants")]
    StorageExceeded,
    #[error(transparent)]
    TooMany(QuotaExceeded),
    #[error("the content broke off")]
    Broken,
    #[error("the content stopped coming")]
    Stalled,
    #[error("the content is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("the room is gone")]
    NoRoom,
    #[error("too many uploads are under way")]
    Busy,
}

impl From<Refused> for UploadError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Store(error) => error.into(),
            Refused::NoRoom => Self::NoRoom,
            Refused::StorageExceeded => Self::StorageExceeded,
            Refused::TooMany(exceeded) => Self::TooMany(exceeded),
        }
    }
}
