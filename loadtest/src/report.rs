//! What a run found, for people and as JSON.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{args::Args, ledger::Audit};

/// Slower than this counts as this.
const LATENCY_MAX: Duration = Duration::from_mins(10);

/// The result of a run. Latencies are in milliseconds.
#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    pub rooms: u32,
    pub participants_per_room: u32,
    pub messages_per_participant: u32,
    pub joins_attempted: u64,
    pub joins: Flow,
    pub deliveries_expected: u64,
    pub deliveries: Flow,
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    pub unexpected: u64,
    /// Failures by kind.
    pub errors: Errors,
    /// Nothing lost, doubled, reordered or refused.
    pub passed: bool,
}

/// How many of something there were, how fast they came, and how long each took.
#[derive(Debug, Serialize)]
pub struct Flow {
    pub count: u64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// Failures by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Errors(BTreeMap<String, u64>);

/// Collects durations; percentiles are right to three digits.
pub struct Latencies(Histogram<u64>);

impl Errors {
    pub fn add(&mut self, kind: impl Into<String>) {
        self.add_many(kind, 1);
    }

    pub fn add_many(&mut self, kind: impl Into<String>, count: u64) {
        if count > 0 {
            *self.0.entry(kind.into()).or_default() += count;
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.0 {
            self.add_many(kind, count);
        }
    }
}

impl Latencies {
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "constants within the bounds of the format")]
        Self(Histogram::new_with_max(micros(LATENCY_MAX), 3).expect("bounds of the histogram"))
    }

    pub fn add(&mut self, duration: Duration) {
        self.0.saturating_record(micros(duration));
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
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
            max_ms: float(self.0.max()) / 1000.0,
        }
    }
}

impl Report {
    pub fn new(args: &Args, joins: Flow, deliveries: Flow, audit: Audit, errors: Errors) -> Self {
        let joins_attempted = args.participants_total();
        let faults = audit.lost + audit.duplicated + audit.out_of_order + audit.unexpected;
        Self {
            scenario: "chat",
            rooms: args.rooms,
            participants_per_room: args.participants,
            messages_per_participant: args.messages,
            joins_attempted,
            passed: faults == 0 && errors.0.is_empty() && joins.count == joins_attempted,
            joins,
            deliveries_expected: audit.expected,
            deliveries,
            lost: audit.lost,
            duplicated: audit.duplicated,
            out_of_order: audit.out_of_order,
            unexpected: audit.unexpected,
            errors,
        }
    }

    pub fn to_json(&self) -> String {
        // A tree of numbers and strings always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9.1}/s   p50 {:>8.2} ms   p95 {:>8.2} ms   p99 {:>8.2} ms   max {:>8.2} ms",
            self.per_second, self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms
        )
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} rooms of {} participants, {} messages each",
            self.scenario, self.rooms, self.participants_per_room, self.messages_per_participant
        )?;
        writeln!(
            f,
            "joins        {:>9} of {}",
            self.joins.count, self.joins_attempted
        )?;
        writeln!(f, "             {}", self.joins)?;
        writeln!(
            f,
            "deliveries   {:>9} of {}",
            self.deliveries.count, self.deliveries_expected
        )?;
        writeln!(f, "             {}", self.deliveries)?;
        writeln!(f, "lost         {:>9}", self.lost)?;
        writeln!(f, "duplicated   {:>9}", self.duplicated)?;
        writeln!(f, "out of order {:>9}", self.out_of_order)?;
        writeln!(f, "unexpected   {:>9}", self.unexpected)?;
        writeln!(f, "errors       {:>9}", self.errors.0.values().sum::<u64>())?;
        for (kind, count) in &self.errors.0 {
            writeln!(f, "  {count:>6} × {kind}")?;
        }
        write!(f, "{}", if self.passed { "passed" } else { "FAILED" })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "for display, and exact below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn latencies(millis: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        for milli in millis {
            latencies.add(Duration::from_millis(milli));
        }
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
        near(flow.p95_ms, 950.0);
        near(flow.p99_ms, 990.0);
        near(flow.max_ms, 1000.0);
    }

    #[test]
    fn nothing_has_no_speed_and_the_endless_is_counted() {
        assert!(latencies([]).flow(Duration::ZERO).per_second.abs() < f64::EPSILON);
        assert_eq!(latencies([u64::MAX / 1000]).flow(Duration::from_secs(1)).count, 1);
    }

    fn report(audit: Audit, errors: Errors, joins: u64) -> Report {
        let args = Args::parse_from(["loadtest", "--rooms", "1", "--participants", "2"]);
        let joins = latencies(1..=joins).flow(Duration::from_secs(1));
        Report::new(
            &args,
            joins,
            latencies([1]).flow(Duration::from_secs(1)),
            audit,
            errors,
        )
    }

    #[test]
    fn any_fault_fails_the_run() {
        let clean = Audit::default();
        assert!(report(clean, Errors::default(), 2).passed);
        assert!(!report(clean, Errors::default(), 1).passed);
        let mut errors = Errors::default();
        errors.add("socket lost");
        assert!(!report(clean, errors, 2).passed);
        for fault in [
            Audit { lost: 1, ..clean },
            Audit {
                duplicated: 1,
                ..clean
            },
            Audit {
                out_of_order: 1,
                ..clean
            },
            Audit {
                unexpected: 1,
                ..clean
            },
        ] {
            assert!(!report(fault, Errors::default(), 2).passed, "{fault:?}");
        }
    }

    #[test]
    fn errors_are_listed_by_kind() {
        let mut errors = Errors::default();
        errors.add("socket lost");
        errors.add_many("socket lost", 2);
        errors.add_many("nothing", 0);
        let text = report(Audit::default(), errors, 2).to_string();
        assert!(text.contains("3 × socket lost"), "{text}");
        assert!(!text.contains("nothing"), "{text}");
        assert!(text.ends_with("FAILED"), "{text}");
    }
}
