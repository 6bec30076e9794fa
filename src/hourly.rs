//! News for the operator that may come a thousand times a second, and are told once an hour.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const HOUR: Duration = Duration::from_hours(1);

/// When something was told last.
#[derive(Debug, Default)]
pub struct Hourly(Mutex<Option<Instant>>);

impl Hourly {
    /// Whether it is to be told now; if so it counts as told.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.duration_since(last) >= HOUR);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_an_hour() {
        let (hourly, start) = (Hourly::default(), Instant::now());
        for (secs, is_due) in [
            (0, true),
            (1, false),
            (3_599, false),
            (3_600, true),
            (3_601, false),
        ] {
            assert_eq!(hourly.is_due(start + Duration::from_secs(secs)), is_due, "{secs}");
        }
    }
}
