//! In which order REST reads what lets somebody in and takes it away, so that no start goes by what was read before.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// For so long it is known when each revision began.
const REMEMBERED: Duration = Duration::from_mins(1);

/// Clocks of two nodes that measure the same time may differ by so much, with all that the network adds.
const SLACK: Duration = Duration::from_secs(1);

/// How often REST had taken access from somebody in this process when something was read, or was taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessRevision(u64);

/// When something was read that lets somebody in.
#[derive(Debug, Clone, Copy)]
pub struct AsOf {
    pub revision: AccessRevision,
    at: Instant,
}

impl AsOf {
    /// How long ago that was.
    #[must_use]
    pub fn ago(&self) -> Duration {
        self.at.elapsed()
    }
}

/// Counts how often REST takes access from somebody, whatever the room.
#[derive(Debug, Clone, Default)]
pub struct AccessRevisions(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    current: u64,
    /// When the newest ones began, the oldest first.
    begun: VecDeque<(Instant, u64)>,
}

impl AccessRevisions {
    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before the database is asked: what it then says is at least as new.
    #[must_use]
    pub fn current(&self) -> AccessRevision {
        AccessRevision(self.counted().current)
    }

    /// [`AccessRevisions::current`], for a start.
    #[must_use]
    pub fn now(&self) -> AsOf {
        let revision = self.current();
        AsOf {
            revision,
            at: Instant::now(),
        }
    }

    /// What was current so long ago, at the latest: what another node has read then.
    #[must_use]
    pub fn so_long_ago(&self, ago: Duration) -> AccessRevision {
        if ago + SLACK > REMEMBERED {
            return AccessRevision::default();
        }
        let counted = self.counted();
        // A clock that has just begun has nothing before.
        let Some(then) = Instant::now().checked_sub(ago + SLACK) else {
            return AccessRevision::default();
        };
        let later = counted.begun.iter().find(|(begun, _)| *begun > then);
        AccessRevision(later.map_or(counted.current, |(_, revision)| revision - 1))
    }

    /// Somebody has lost access, and the database says so already.
    #[must_use]
    pub fn next(&self) -> AccessRevision {
        let (mut counted, now) = (self.counted(), Instant::now());
        counted.current += 1;
        let next = counted.current;
        counted.begun.push_back((now, next));
        while counted
            .begun
            .pop_front_if(|(begun, _)| now.duration_since(*begun) > REMEMBERED)
            .is_some()
        {}
        AccessRevision(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_another_node_has_read_is_judged_by_its_age() {
        let revisions = AccessRevisions::default();
        tokio::time::advance(Duration::from_secs(100)).await;
        let first = revisions.next();
        assert_eq!(
            revisions.so_long_ago(Duration::ZERO),
            AccessRevision(0),
            "too close to say"
        );
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(revisions.so_long_ago(Duration::ZERO), first);
        assert_eq!(revisions.so_long_ago(Duration::from_secs(8)), first);
        assert_eq!(revisions.so_long_ago(Duration::from_secs(10)), AccessRevision(0));
        let second = revisions.next();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(revisions.so_long_ago(Duration::from_secs(20)), second);
        assert_eq!(revisions.so_long_ago(Duration::from_secs(35)), first);
        assert_eq!(
            revisions.so_long_ago(Duration::from_secs(70)),
            AccessRevision(0),
            "forgotten"
        );
        assert_eq!(revisions.now().revision, second);
    }
}
