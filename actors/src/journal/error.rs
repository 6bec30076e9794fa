//! Why a log can't be used, or is a room's no more.

use std::io;

use crate::encoding::EncodeError;

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("reading or writing failed: {0}")]
    Io(io::Error),
    /// Not the disk: the room may not go on.
    #[error(transparent)]
    Lost(LogLost),
    #[error("not usable: {0}")]
    Corrupt(String),
    #[error("input {0} panics")]
    Panicked(u64),
}

impl From<EncodeError> for JournalError {
    fn from(error: EncodeError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Why a log is a room's no more. It is not that of a disk: the room may live on elsewhere, and must not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogLost {
    #[error("another node owns the room")]
    Fenced,
    #[error("the room was deleted")]
    Deleted,
    #[error("the store of the cluster has later batches than the room's owner")]
    Ahead,
    #[error("the room was given to another node")]
    HandedOver,
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        let lost = error.get_ref().and_then(|inner| inner.downcast_ref::<LogLost>());
        lost.copied().map_or(Self::Io(error), Self::Lost)
    }
}
