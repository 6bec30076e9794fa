//! A clock that stands still until a test moves it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::DateTime;
use colloquy::clock::Clock;

/// Clones show the same time.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000)))
    }

    /// Unix seconds.
    pub fn seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let clock = self.clone();
        Clock::from_fn(move || DateTime::from_timestamp(clock.seconds(), 0).expect("a time"))
    }
}
