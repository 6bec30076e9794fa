//! A bounded count of failures per key, such as a SIP id.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    mem,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{FAILURE_WINDOW, FAILURES_MAX, Guess};
use crate::throttle::whole_secs;

/// Keys that are remembered per generation; there are two.
const KEYS_MAX: usize = 50_000;

/// Counts failures per key. The oldest keys are forgotten when there are too many.
#[derive(Debug)]
pub struct FailureLimit<K> {
    keys_max: usize,
    failures: Mutex<Generations<K>>,
}

/// A key is in `young` when it failed since the last turn, else in `old`; what is in neither has no failure that counts.
#[derive(Debug)]
struct Generations<K> {
    young: HashMap<K, VecDeque<Instant>>,
    old: HashMap<K, VecDeque<Instant>>,
    turned_at: Option<Instant>,
}

impl<K: Eq + Hash> Default for FailureLimit<K> {
    fn default() -> Self {
        Self::new(KEYS_MAX)
    }
}

impl<K: Eq + Hash> FailureLimit<K> {
    fn new(keys_max: usize) -> Self {
        let failures = Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            turned_at: None,
        };
        Self {
            keys_max,
            failures: Mutex::new(failures),
        }
    }

    /// Lets `is_right` look at a guess unless `key` has failed too often. A success forgets the failures.
    pub fn guess(&self, key: K, now: Instant, is_right: impl FnOnce() -> bool) -> Guess {
        // Looking happens under the lock, so that parallel guesses can't all pass the check before the first fails.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now, self.keys_max);
        let mut times = failures.take(&key);
        while times
            .front()
            .is_some_and(|&first| now.duration_since(first) >= FAILURE_WINDOW)
        {
            times.pop_front();
        }
        if let (true, Some(&first)) = (times.len() >= FAILURES_MAX, times.front()) {
            failures.young.insert(key, times);
            let wait = FAILURE_WINDOW.saturating_sub(now.duration_since(first));
            return Guess::Refused {
                retry_after_secs: whole_secs(wait),
            };
        }
        if is_right() {
            return Guess::Right;
        }
        times.push_back(now);
        failures.young.insert(key, times);
        Guess::Wrong
    }
}

impl<K: Eq + Hash> Generations<K> {
    fn turn(&mut self, now: Instant, keys_max: usize) {
        let turned_at = *self.turned_at.get_or_insert(now);
        if self.young.len() >= keys_max || now.duration_since(turned_at) >= FAILURE_WINDOW {
            self.old = mem::take(&mut self.young);
            self.turned_at = Some(now);
        }
    }

    fn take(&mut self, key: &K) -> VecDeque<Instant> {
        self.young
            .remove(key)
            .or_else(|| self.old.remove(key))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn fail(limit: &FailureLimit<u32>, key: u32, now: Instant) -> Guess {
        limit.guess(key, now, || false)
    }

    #[test]
    fn ten_failures_close_the_door_for_half_an_hour() {
        let (limit, start) = (FailureLimit::default(), Instant::now());
        for minute in 0..10 {
            assert_eq!(fail(&limit, 1, start + minute * MINUTE), Guess::Wrong);
        }
        let refused = Guess::Refused {
            retry_after_secs: 20 * 60,
        };
        assert_eq!(
            limit.guess(1, start + 10 * MINUTE, || panic!("looked at")),
            refused
        );
        assert_eq!(fail(&limit, 2, start + 10 * MINUTE), Guess::Wrong, "another key");
        // The first failure is forgotten, and the refused guess did not count.
        assert_eq!(fail(&limit, 1, start + 30 * MINUTE), Guess::Wrong);
        assert!(matches!(
            fail(&limit, 1, start + 30 * MINUTE),
            Guess::Refused { .. }
        ));
        assert_eq!(fail(&limit, 1, start + 31 * MINUTE), Guess::Wrong);
    }

    #[test]
    fn a_success_clears() {
        let (limit, now) = (FailureLimit::default(), Instant::now());
        for _ in 0..9 {
            fail(&limit, 1, now);
        }
        assert_eq!(limit.guess(1, now, || true), Guess::Right);
        for _ in 0..10 {
            assert_eq!(fail(&limit, 1, now), Guess::Wrong);
        }
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let (limit, now) = (FailureLimit::new(100), Instant::now());
        for key in 0..1_000 {
            fail(&limit, key, now);
        }
        let failures = limit.failures.lock().expect("lock");
        assert!(failures.young.len() + failures.old.len() <= 200);
        assert!(failures.young.contains_key(&999) && !failures.old.contains_key(&0));
    }

    #[test]
    fn nothing_is_kept_for_longer_than_two_windows() {
        let (limit, start) = (FailureLimit::default(), Instant::now());
        fail(&limit, 1, start);
        fail(&limit, 2, start + FAILURE_WINDOW);
        fail(&limit, 3, start + 2 * FAILURE_WINDOW);
        let failures = limit.failures.lock().expect("lock");
        assert!(!failures.young.contains_key(&1) && !failures.old.contains_key(&1));
    }
}
