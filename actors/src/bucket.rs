//! How much of something may be done in a time.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket: tokens come back over time, up to its capacity.
#[derive(Debug)]
pub struct Bucket {
    tokens: f64,
    capacity: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    #[must_use]
    pub fn new(per_second: f64, capacity: f64, now: Instant) -> Self {
        Self {
            tokens: capacity,
            capacity,
            per_second,
            at: now,
        }
    }

    /// Whether nothing is missing: a new one would be the same.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.capacity
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity);
        self.at = now;
    }

    /// Takes tokens that are there.
    pub fn take(&mut self, amount: f64, now: Instant) -> bool {
        self.refill(now);
        let enough = self.tokens >= amount;
        if enough {
            self.tokens -= amount;
        }
        enough
    }

    /// When that many tokens will be there.
    pub fn wait(&mut self, amount: f64, now: Instant) -> Duration {
        self.refill(now);
        let missing = (amount - self.tokens).max(0.0);
        Duration::try_from_secs_f64(missing / self.per_second).unwrap_or(Duration::MAX)
    }

    /// Takes tokens that may not be there yet.
    pub fn owe(&mut self, amount: f64) {
        self.tokens -= amount;
    }
}
