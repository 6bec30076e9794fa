//! A log that was taken from its room.

use std::io;

use super::JournalError;

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
