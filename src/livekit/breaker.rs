//! Keeps a service that is down from being asked for every participant.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row after which nobody asks any more.
pub const FAILURES_MAX: u32 = 5;

#[derive(Debug)]
pub struct Breaker {
    /// For which nobody asks; then one call tries.
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// While set, calls are not made; whoever comes after this time tries.
    open_until: Option<Instant>,
}

impl Breaker {
    pub fn new(pause: Duration) -> Self {
        Self {
            pause,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is no use to come now.
    pub fn is_open(&self, now: Instant) -> bool {
        self.state().open_until.is_some_and(|until| now < until)
    }

    /// Whether a call may be made now; whoever hears that makes it.
    pub fn allows(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // One tries, the others go on waiting.
                state.open_until = Some(now + self.pause);
                true
            }
            None => true,
        }
    }

    /// The service has answered.
    pub fn succeeded(&self) {
        let before = std::mem::take(&mut *self.state());
        if before.open_until.is_some() {
            tracing::info!("LiveKit answers again");
        }
    }

    /// The service did not answer, or nonsense.
    pub fn failed(&self, now: Instant) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            let opens = state.open_until.replace(now + self.pause).is_none();
            drop(state);
            if opens {
                tracing::warn!("LiveKit does not answer; calls pause");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    #[test]
    fn after_five_failures_calls_pause_and_one_tries_again() {
        let (breaker, now) = (Breaker::new(PAUSE), Instant::now());
        for _ in 0..FAILURES_MAX {
            assert!(!breaker.is_open(now) && breaker.allows(now));
            breaker.failed(now);
        }
        assert!(breaker.is_open(now) && !breaker.allows(now));
        let later = now + PAUSE;
        assert!(!breaker.is_open(later) && breaker.allows(later), "one tries");
        assert!(
            breaker.is_open(later) && !breaker.allows(later),
            "the others wait"
        );
        breaker.failed(later);
        assert!(!breaker.allows(later + PAUSE / 2));
        assert!(breaker.allows(later + PAUSE));
        breaker.succeeded();
        assert!(breaker.allows(later + PAUSE) && breaker.allows(later + PAUSE));
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let (breaker, now) = (Breaker::new(PAUSE), Instant::now());
        for _ in 0..3 {
            for _ in 1..FAILURES_MAX {
                breaker.failed(now);
            }
            breaker.succeeded();
        }
        assert!(breaker.allows(now));
    }
}
