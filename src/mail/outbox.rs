//! Whether there is an outbox, and the bell of the worker that empties it.

use std::sync::Arc;

use tokio::sync::Notify;

/// Mails are queued, or none at all where there is no mail server. Clones are one.
#[derive(Debug, Clone)]
pub struct Outbox(Option<Arc<Notify>>);

impl Outbox {
    /// An outbox that takes mails when `is_on`.
    #[must_use]
    pub fn new(is_on: bool) -> Self {
        Self(is_on.then(Arc::default))
    }

    /// Whether mails are queued at all: else nobody need put them together.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells the worker that mails were committed. Without it they wait for its next look, some seconds later.
    pub fn wake(&self) {
        if let Some(wake) = &self.0 {
            wake.notify_one();
        }
    }

    /// Ends when [`Self::wake`] was called since the last time; never while mail is off.
    pub(super) async fn woken(&self) {
        match &self.0 {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }
}
