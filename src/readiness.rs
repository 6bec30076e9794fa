//! Whether this server wants traffic, and if not, why.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Shared by all parts: each reports what keeps it from working. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stopping: CancellationToken,
    reasons: Mutex<BTreeMap<&'static str, String>>,
    notes: Mutex<BTreeMap<&'static str, Value>>,
}

impl Readiness {
    /// `part` does not work, for `reason`, until [`Self::ready`]. Reasons are public: no details of the inside.
    pub fn unready(&self, part: &'static str, reason: impl Into<String>) {
        self.reasons().insert(part, reason.into());
    }

    /// `part` works (again).
    pub fn ready(&self, part: &'static str) {
        self.reasons().remove(part);
    }

    /// `part`, which is none of this server's, is in a state that operators want to see, until [`Self::forget`]. The server
    /// works without it as far as it can.
    pub fn note(&self, part: &'static str, state: impl Into<Value>) {
        self.noted().insert(part, state.into());
    }

    /// There is nothing to see of `part` (any more).
    pub fn forget(&self, part: &'static str) {
        self.noted().remove(part);
    }

    /// What operators want to see, by part.
    #[must_use]
    pub fn notes(&self) -> BTreeMap<&'static str, Value> {
        self.noted().clone()
    }

    /// The server takes no new meetings and participants from now on. There is no way back.
    pub fn stop(&self) {
        self.unready("server", "stopping");
        self.0.stopping.cancel();
    }

    /// Whether `start` must answer 503.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// Waits for the stop: for requests that wait for something else.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// What is not ready, by part; empty when the server is ready.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<&'static str, String> {
        self.reasons().clone()
    }

    fn noted(&self) -> MutexGuard<'_, BTreeMap<&'static str, Value>> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        // A map stays whole whatever panicked beside it.
        self.0.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_and_go() {
        let readiness = Readiness::default();
        assert!(readiness.missing().is_empty());
        readiness.clone().unready("database", "does not answer");
        assert_eq!(readiness.missing()["database"], "does not answer");
        readiness.ready("database");
        assert!(readiness.missing().is_empty());
    }

    #[test]
    fn notes_keep_nobody_from_working() {
        let readiness = Readiness::default();
        readiness.clone().note("identity_provider", "unreachable");
        assert_eq!(readiness.notes()["identity_provider"], "unreachable");
        assert!(readiness.missing().is_empty());
        readiness.forget("identity_provider");
        assert!(readiness.notes().is_empty());
    }

    #[test]
    fn stopping_is_final() {
        let readiness = Readiness::default();
        assert!(!readiness.is_stopping());
        readiness.stop();
        assert!(readiness.is_stopping());
        assert_eq!(readiness.missing()["server"], "stopping");
    }
}
