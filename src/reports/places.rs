//! One report of a kind in a room at a time; others wait.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

/// A room, and a kind of reports.
type Key = (Uuid, &'static str);

/// Who is being served. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<DashMap<Key, Arc<Mutex<()>>>>);

/// The place of a report that is being made. It is free when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    key: Key,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Places {
    pub(super) async fn take(&self, room: Uuid, kind: &'static str) -> Place {
        let key = (room, kind);
        let lock = Arc::clone(&self.0.entry(key).or_default());
        // From here on, also while it waits, it is cleared away.
        let mut place = Place {
            places: self.clone(),
            key,
            guard: None,
        };
        place.guard = Some(lock.lock_owned().await);
        place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.guard.take());
        // Whoever waits has it too.
        let is_last = |_: &Key, lock: &Arc<Mutex<()>>| Arc::strong_count(lock) == 1;
        self.places.0.remove_if(&self.key, is_last);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn one_at_a_time_and_nothing_stays() {
        let places = Places::default();
        let room = Uuid::new_v4();
        let first = places.take(room, "vote").await;
        assert!(timeout(SHORT, places.take(room, "vote")).await.is_err());
        let other_kind = timeout(SHORT, places.take(room, "training")).await.unwrap();
        let other_room = timeout(SHORT, places.take(Uuid::new_v4(), "vote")).await.unwrap();
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take(room, "vote").await }
        });
        drop(first);
        let second = waiting.await.unwrap();
        assert_eq!(places.0.len(), 3);
        drop((second, other_kind, other_room));
        assert!(places.0.is_empty());
    }
}
