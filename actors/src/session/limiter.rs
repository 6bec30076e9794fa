//! How much a client may say. What exceeds a burst waits in the client's socket: it is read when its turn has come.

use std::time::Duration;

use tokio::time::Instant;

use crate::{bucket::Bucket, protocol::limits};

/// * What one session may send in the long run, and how soon it must join; set by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    pub commands_per_second: u32,
    pub commands_burst: u32,
    pub bytes_per_second: u32,
    pub join_deadline_secs: u64,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            commands_per_second: limits::COMMANDS_PER_SECOND,
            commands_burst: limits::COMMANDS_BURST,
            bytes_per_second: limits::COMMAND_BYTES_PER_SECOND,
            join_deadline_secs: limits::JOIN_DEADLINE_SECS,
        }
    }
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handled after that time.
    Handle(Duration),
    /// Answered `rate_limit_exceeded`.
    Refuse,
    /// Refused far too often: closed with 1008.
    Abuse,
}

/// The limits of one session.
#[derive(Debug)]
pub(super) struct Limiter {
    commands: Bucket,
    bytes: Bucket,
    echoes: Bucket,
    searches: Bucket,
    refusals: Bucket,
    /// Since when the client is ahead of what it may send.
    ahead_since: Option<Instant>,
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
        let echoes = f64::from(limits::ECHO_FREE_PER_SECOND);
        let searches = f64::from(limits::SEARCHES_PER_SESSION_SECOND);
        let refusals = f64::from(limits::REFUSALS_MAX);
        Self {
            commands: Bucket::new(rate, burst, now),
            bytes: Bucket::new(f64::from(rates.bytes_per_second), f64::from(bytes_capacity), now),
            echoes: Bucket::new(echoes, echoes, now),
            searches: Bucket::new(searches, searches, now),
            refusals: Bucket::new(refusals / f64::from(limits::REFUSALS_SECS), refusals, now),
            ahead_since: None,
        }
    }

    /// Nothing of the client waits to be read.
    pub fn caught_up(&mut self) {
        self.ahead_since = None;
    }

    /// A message in that many frames.
    pub fn message(&mut self, bytes: usize, frames: u32, now: Instant) -> Verdict {
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        let frames = f64::from(frames);
        let wait = self.commands.wait(frames, now).max(self.bytes.wait(bytes, now));
        let since = if wait.is_zero() {
            now
        } else {
            *self.ahead_since.get_or_insert(now)
        };
        if now - since + wait <= Duration::from_secs(limits::PACE_SECS_MAX) {
            self.commands.owe(frames);
            self.bytes.owe(bytes);
            Verdict::Handle(wait)
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
    pub fn echo(&mut self, bytes: usize, frames: u32, now: Instant) -> Verdict {
        if bytes <= limits::ECHO_FREE_BYTES && frames == 1 && self.echoes.take(1.0, now) {
            Verdict::Handle(Duration::ZERO)
        } else {
            self.message(bytes, frames, now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Verdict = Verdict::Handle(Duration::ZERO);

    fn limiter() -> (Limiter, Instant) {
        let now = Instant::now();
        (Limiter::new(RateLimits::default(), now), now)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let (mut limiter, now) = limiter();
        for _ in 0..limits::COMMANDS_BURST {
            assert_eq!(limiter.message(100, 1, now), AT_ONCE);
        }
        assert_eq!(
            limiter.message(100, 1, now),
            Verdict::Handle(Duration::from_millis(50))
        );
        assert_eq!(
            limiter.message(100, 1, now),
            Verdict::Handle(Duration::from_millis(100))
        );
        assert_eq!(limiter.message(100, 1, now + Duration::from_millis(150)), AT_ONCE);
    }

    #[test]
    fn who_is_more_than_eight_seconds_ahead_is_refused_until_it_waits() {
        let (mut limiter, mut now) = limiter();
        let (mut handled, mut refused) = (0, 0);
        for _ in 0..1_000 {
            match limiter.message(100, 1, now) {
                Verdict::Handle(wait) => (handled, now) = (handled + 1, now + wait),
                Verdict::Refuse => refused += 1,
                Verdict::Abuse => panic!("not yet"),
            }
        }
        let paced = limits::PACE_SECS_MAX * u64::from(limits::COMMANDS_PER_SECOND);
        assert_eq!(handled, u64::from(limits::COMMANDS_BURST) + paced);
        assert_eq!(refused, 1_000 - handled);
        limiter.caught_up();
        assert_eq!(
            limiter.message(100, 1, now),
            Verdict::Handle(Duration::from_millis(50))
        );
    }

    #[test]
    fn a_thousand_refusals_are_abuse() {
        let (mut limiter, now) = limiter();
        while limiter.message(10, 1, now) != Verdict::Refuse {}
        for _ in 1..limits::REFUSALS_MAX {
            assert_eq!(limiter.message(10, 1, now), Verdict::Refuse);
        }
        assert_eq!(limiter.message(10, 1, now), Verdict::Abuse);
    }

    #[test]
    fn bytes_and_frames_count_too_and_small_echoes_do_not() {
        let (mut limiter, now) = limiter();
        assert_eq!(limiter.message(limits::MESSAGE_BYTES_MAX, 1, now), AT_ONCE);
        assert_ne!(limiter.message(1_000, 1, now), AT_ONCE);
        for _ in 0..limits::ECHO_FREE_PER_SECOND {
            assert_eq!(limiter.echo(1_000, 1, now), AT_ONCE);
        }
        assert_ne!(limiter.echo(1_000, 1, now), AT_ONCE);
        let (mut limiter, now) = self::limiter();
        assert_eq!(limiter.message(10, limits::COMMANDS_BURST, now), AT_ONCE);
        assert_ne!(limiter.message(10, 1, now), AT_ONCE);
    }
}
