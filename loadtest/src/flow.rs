//! How many of something there were, how fast they came, and how long each took.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Slower than this counts as this.
const LATENCY_MAX: Duration = Duration::from_mins(10);

/// Latencies are in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flow {
    pub count: u64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// Collects durations; percentiles are right to three digits.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "constants within the bounds of the format")]
        Self(Histogram::new_with_max(micros(LATENCY_MAX), 3).expect("bounds of the histogram"))
    }

    pub fn add(&mut self, duration: Duration) {
        self.add_micros(micros(duration));
    }

    pub fn add_micros(&mut self, micros: u64) {
        self.0.saturating_record(micros);
    }

    /// The whole over a time of `span`.
    pub fn flow(&self, span: Duration) -> Flow {
        let count = self.0.len();
        let per_second = if span.is_zero() {
            0.0
        } else {
            float(count) / span.as_secs_f64()
        };
        let percentile = |quantile| float(self.0.value_at_quantile(quantile)) / 1000.0;
        Flow {
            count,
            per_second,
            p50_ms: percentile(0.5),
            p90_ms: percentile(0.9),
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
            max_ms: float(self.0.max()) / 1000.0,
        }
    }
}

impl Extend<Duration> for Latencies {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, durations: T) {
        for duration in durations {
            self.add(duration);
        }
    }
}

impl Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9.1}/s   p50 {:>8.2}   p90 {:>8.2}   p99 {:>8.2}   max {:>8.2} ms",
            self.per_second, self.p50_ms, self.p90_ms, self.p99_ms, self.max_ms
        )
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "for display, and exact below 2^53")]
pub fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(millis: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        latencies.extend(millis.into_iter().map(Duration::from_millis));
        latencies
    }

    fn near(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() <= expected * 0.002,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn percentiles_of_1_to_1000_ms() {
        let flow = latencies(1..=1000).flow(Duration::from_secs(4));
        assert_eq!(flow.count, 1000);
        near(flow.per_second, 250.0);
        near(flow.p50_ms, 500.0);
        near(flow.p90_ms, 900.0);
        near(flow.p95_ms, 950.0);
        near(flow.p99_ms, 990.0);
        near(flow.max_ms, 1000.0);
    }

    #[test]
    fn percentiles_do_not_depend_on_the_order() {
        let mixed = (0..1000).map(|n| 1 + n * 7 % 1000);
        near(latencies(mixed).flow(Duration::from_secs(1)).p90_ms, 900.0);
    }

    #[test]
    fn nothing_has_no_speed_and_the_endless_is_counted() {
        assert!(latencies([]).flow(Duration::ZERO).per_second.abs() < f64::EPSILON);
        assert_eq!(latencies([u64::MAX / 1000]).flow(Duration::from_secs(1)).count, 1);
    }
}
