//! Sockets that are open, counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many there are. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenSessions(Arc<AtomicUsize>);

impl OpenSessions {
    /// One more, as long as what is returned is kept.
    pub fn add(&self) -> OpenSession {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenSession(Arc::clone(&self.0))
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct OpenSession(Arc<AtomicUsize>);

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
