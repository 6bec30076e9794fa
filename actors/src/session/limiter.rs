//! How much a client may say.

use tokio::time::Instant;

use crate::protocol::limits;

/// * What one session may send in the long run; set by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    pub commands_per_second: u32,
    pub commands_burst: u32,
    pub bytes_per_second: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            commands_per_second: limits::COMMANDS_PER_SECOND,
            commands_burst: limits::COMMANDS_BURST,
            bytes_per_second: limits::COMMAND_BYTES_PER_SECOND,
        }
    }
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Handle,
    /// Answered `rate_limit_exceeded`.
    Refuse,
    /// Ten times over the limit: closed with 1008.
    Abuse,
}

/// A token bucket: tokens come back over time, up to its capacity.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    capacity: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    fn new(per_second: f64, capacity: f64, now: Instant) -> Self {
        Self {
            tokens: capacity,
            capacity,
            per_second,
            at: now,
        }
    }

    fn take(&mut self, amount: f64, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity);
        self.at = now;
        let enough = self.tokens >= amount;
        if enough {
            self.tokens -= amount;
        }
        enough
    }
}

/// The limits of one session.
#[derive(Debug)]
pub(super) struct Limiter {
    commands: Bucket,
    bytes: Bucket,
    echoes: Bucket,
    searches: Bucket,
    refusals: Bucket,
}

impl Limiter {
    pub fn new(rates: RateLimits, now: Instant) -> Self {
        let (rate, burst) = (
            f64::from(rates.commands_per_second),
            f64::from(rates.commands_burst),
        );
        // One message of the largest size must get through.
        let largest = u32::try_from(limits::MESSAGE_BYTES_MAX).unwrap_or(u32::MAX);
        let bytes_capacity = rates.bytes_per_second.max(largest);
        let abuse = rate * f64::from(limits::RATE_ABUSE_FACTOR);
        let echoes = f64::from(limits::ECHO_FREE_PER_SECOND);
        let searches = f64::from(limits::SEARCHES_PER_SESSION_SECOND);
        Self {
            commands: Bucket::new(rate, burst, now),
            bytes: Bucket::new(f64::from(rates.bytes_per_second), f64::from(bytes_capacity), now),
            echoes: Bucket::new(echoes, echoes, now),
            searches: Bucket::new(searches, searches, now),
            refusals: Bucket::new(abuse, abuse, now),
        }
    }

    pub fn message(&mut self, bytes: usize, now: Instant) -> Verdict {
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.commands.take(1.0, now) && self.bytes.take(bytes, now) {
            Verdict::Handle
        } else if self.refusals.take(1.0, now) {
            Verdict::Refuse
        } else {
            Verdict::Abuse
        }
    }

    /// A search costs more than other commands: it has a limit of its own.
    pub fn search(&mut self, now: Instant) -> bool {
        self.searches.take(1.0, now)
    }

    /// A small echo now and then is free: it is the clients' heartbeat.
    pub fn echo(&mut self, bytes: usize, now: Instant) -> Verdict {
        if bytes <= limits::ECHO_FREE_BYTES && self.echoes.take(1.0, now) {
            Verdict::Handle
        } else {
            self.message(bytes, now)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let now = Instant::now();
        let mut limiter = Limiter::new(RateLimits::default(), now);
        for _ in 0..limits::COMMANDS_BURST {
            assert_eq!(limiter.message(100, now), Verdict::Handle);
        }
        assert_eq!(limiter.message(100, now), Verdict::Refuse);
        let later = now + Duration::from_millis(50);
        assert_eq!(limiter.message(100, later), Verdict::Handle);
        assert_eq!(limiter.message(100, later), Verdict::Refuse);
    }

    #[test]
    fn ten_times_over_is_abuse() {
        let now = Instant::now();
        let mut limiter = Limiter::new(RateLimits::default(), now);
        let allowed = limits::COMMANDS_BURST + limits::COMMANDS_PER_SECOND * limits::RATE_ABUSE_FACTOR;
        for _ in 0..allowed {
            assert_ne!(limiter.message(10, now), Verdict::Abuse);
        }
        assert_eq!(limiter.message(10, now), Verdict::Abuse);
    }

    #[test]
    fn bytes_count_too_and_small_echoes_do_not() {
        let now = Instant::now();
        let mut limiter = Limiter::new(RateLimits::default(), now);
        assert_eq!(limiter.message(limits::MESSAGE_BYTES_MAX, now), Verdict::Handle);
        assert_eq!(limiter.message(1_000, now), Verdict::Refuse);
        for _ in 0..limits::ECHO_FREE_PER_SECOND {
            assert_eq!(limiter.echo(1_000, now), Verdict::Handle);
        }
        assert_eq!(limiter.echo(1_000, now), Verdict::Refuse);
    }
}
