//! In which order REST reads what lets somebody in and takes it away, so that no start goes by what was read before.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How often REST had taken access from somebody in this process when something was read, or was taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessRevision(u64);

/// Counts how often REST takes access from somebody, whatever the room.
#[derive(Debug, Clone, Default)]
pub struct AccessRevisions(Arc<AtomicU64>);

impl AccessRevisions {
    /// Taken before the database is asked: what it then says is at least as new.
    #[must_use]
    pub fn current(&self) -> AccessRevision {
        AccessRevision(self.0.load(Ordering::SeqCst))
    }

    /// Somebody has lost access, and the database says so already.
    #[must_use]
    pub fn next(&self) -> AccessRevision {
        AccessRevision(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}
