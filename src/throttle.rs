//! So many a second and key, counted before or after it is known whether a thing counts.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Keys that are remembered before those with nothing to remember are forgotten.
const KEYS_SWEEP: usize = 10_000;

/// What [`Throttle::charge`] may take beyond the measure, as time until there is something again.
const DEBT_MAX: Duration = Duration::from_mins(1);

/// What something is counted for.
pub trait Key: Eq + Hash + Sized {
    /// What lies around it and is counted as well, each with how many times the measure of the key itself.
    fn around(&self) -> Vec<(Self, u32)> {
        Vec::new()
    }
}

impl Key for u64 {}

/// Counts per key as a leaky bucket does (GCRA): a burst at once, then one per interval. Crates for this take when they
/// look; here failures alone may count, which are known only afterwards.
#[derive(Debug)]
pub struct Throttle<K> {
    interval: Duration,
    /// How far ahead of now a key may have used its measure up, and still take one more.
    tolerance: Duration,
    used: Mutex<Used<K>>,
}

#[derive(Debug)]
struct Used<K> {
    /// When a key will have its whole burst again; absent: it has it.
    until: HashMap<K, Instant>,
    sweep_at: usize,
}

impl<K: Key> Throttle<K> {
    /// One per `interval` in the long run, and `burst` at once (at least 1).
    #[must_use]
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            tolerance: interval * burst.saturating_sub(1),
            used: Mutex::new(Used {
                until: HashMap::new(),
                sweep_at: KEYS_SWEEP,
            }),
        }
    }

    /// So many a second in the long run, and the measure of `burst_secs` at once.
    #[must_use]
    pub fn per_second(count: u32, burst_secs: u32) -> Self {
        let count = count.max(1);
        Self::new(Duration::from_secs(1) / count, count.saturating_mul(burst_secs))
    }

    /// Takes one; when none is left, says how long it is until there is.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut used = self.used();
        self.look_in(&used, &key, now)?;
        for (key, times) in with_around(key) {
            let until = used.until(&key, now) + self.interval / times;
            used.set(key, until, now);
        }
        Ok(())
    }

    /// Whether one is left; none is taken.
    pub fn look(&self, key: &K, now: Instant) -> Result<(), Duration> {
        self.look_in(&self.used(), key, now)
    }

    /// Takes one, even if none is left: what looked at the same time pays for itself afterwards.
    pub fn charge(&self, key: K, now: Instant) {
        let mut used = self.used();
        for (key, times) in with_around(key) {
            let until = used.until(&key, now) + self.interval / times;
            used.set(key, until.min(now + self.tolerance + DEBT_MAX), now);
        }
    }

    fn look_in(&self, used: &Used<K>, key: &K, now: Instant) -> Result<(), Duration> {
        self.wait(used.until(key, now), now)?;
        let around = key.around();
        around
            .iter()
            .try_for_each(|(key, _)| self.wait(used.until(key, now), now))
    }

    fn wait(&self, until: Instant, now: Instant) -> Result<(), Duration> {
        let wait = until.duration_since(now).saturating_sub(self.tolerance);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    fn used(&self) -> MutexGuard<'_, Used<K>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_around<K: Key>(key: K) -> impl Iterator<Item = (K, u32)> {
    let around = key.around();
    std::iter::once((key, 1)).chain(around)
}

impl<K: Eq + Hash> Used<K> {
    fn until(&self, key: &K, now: Instant) -> Instant {
        self.until.get(key).map_or(now, |&until| until.max(now))
    }

    fn set(&mut self, key: K, until: Instant, now: Instant) {
        self.until.insert(key, until);
        if self.until.len() >= self.sweep_at {
            self.until.retain(|_, until| *until > now);
            // The next sweep waits for as many new keys as this one has left: sweeping stays cheap per key.
            self.sweep_at = KEYS_SWEEP.max(self.until.len() * 2);
        }
    }
}

/// A wait in whole seconds, rounded up: after it, it is over.
#[must_use]
pub fn whole_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    impl Key for &str {}
    impl Key for u32 {}

    /// A door of a house, which has three times the rate of a door.
    #[derive(PartialEq, Eq, Hash)]
    enum Place {
        Door(u8),
        House,
    }

    impl Key for Place {
        fn around(&self) -> Vec<(Self, u32)> {
            match self {
                Self::Door(_) => vec![(Self::House, 3)],
                Self::House => Vec::new(),
            }
        }
    }

    #[test]
    fn what_lies_around_a_key_has_a_measure_too() {
        let (throttle, now) = (Throttle::per_second(2, 5), Instant::now());
        let taken = |door| {
            (0..20)
                .filter(|_| throttle.take(Place::Door(door), now).is_ok())
                .count()
        };
        assert_eq!([0, 1, 2, 3].map(taken), [10, 10, 8, 0]);
        assert!(throttle.look(&Place::Door(4), now).is_err());
        // What was refused took nothing: after half a second the house has three again, and the fourth door one of them.
        let later = now + 500 * MS;
        assert_eq!(throttle.take(Place::Door(0), later), Ok(()));
        assert!(throttle.take(Place::Door(0), later).is_err());
        assert!(throttle.take(Place::Door(3), later).is_ok());
    }

    #[test]
    fn a_burst_then_a_rate() {
        let (throttle, start) = (Throttle::per_second(20, 10), Instant::now());
        for _ in 0..200 {
            assert_eq!(throttle.take("a", start), Ok(()));
        }
        assert_eq!(throttle.take("a", start), Err(50 * MS));
        assert_eq!(throttle.take("b", start), Ok(()), "another key");
        // What was refused took nothing, and the wait was the truth.
        assert_eq!(throttle.take("a", start + 49 * MS), Err(MS));
        assert_eq!(throttle.take("a", start + 50 * MS), Ok(()));
        assert_eq!(throttle.take("a", start + 50 * MS), Err(50 * MS));
        // After ten seconds of quiet all is there again, and no more than that.
        let later = start + 60_000 * MS;
        for _ in 0..200 {
            assert_eq!(throttle.take("a", later), Ok(()));
        }
        assert!(throttle.take("a", later).is_err());
    }

    #[test]
    fn looking_takes_nothing() {
        let (throttle, now) = (Throttle::per_second(2, 1), Instant::now());
        for _ in 0..100 {
            assert_eq!(throttle.look(&"a", now), Ok(()));
        }
        throttle.charge("a", now);
        throttle.charge("a", now);
        assert_eq!(throttle.look(&"a", now), Err(500 * MS));
        assert_eq!(throttle.look(&"a", now + 500 * MS), Ok(()));
    }

    #[test]
    fn what_looked_at_the_same_time_is_paid_for_within_bounds() {
        let (throttle, now) = (Throttle::per_second(50, 1), Instant::now());
        for _ in 0..100 {
            throttle.charge("a", now);
        }
        assert_eq!(throttle.look(&"a", now), Err(1_020 * MS));
        for _ in 0..100_000 {
            throttle.charge("a", now);
        }
        assert_eq!(throttle.look(&"a", now), Err(DEBT_MAX));
        assert_eq!(throttle.look(&"a", now + DEBT_MAX), Ok(()));
    }

    #[test]
    fn who_asks_no_more_is_forgotten() {
        let (throttle, start) = (Throttle::per_second(1, 1), Instant::now());
        for key in 0..100_000_u32 {
            let at = start + key * MS;
            assert_eq!(throttle.take(key, at), Ok(()));
        }
        // A key is remembered for a second here, which is a thousand keys.
        assert!(throttle.used().until.len() <= KEYS_SWEEP);
        assert_eq!(throttle.take(99_999, start + 99_999 * MS), Err(1_000 * MS));
    }

    #[test]
    fn waits_are_rounded_up() {
        for (wait, secs) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(whole_secs(wait * MS), secs);
        }
    }
}
