//! What a run found, for people and as JSON.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use clap::ValueEnum as _;
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::{Args, ScenarioName},
    flow::Flow,
    ledger::Audit,
    process::ServerCost,
};

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: ScenarioName,
    pub parameters: BTreeMap<&'static str, Value>,
    #[serde(flatten)]
    pub findings: Findings,
    /// Nothing lost, doubled, reordered or refused.
    pub passed: bool,
}

/// What a scenario saw. What it does not look at stays empty.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    pub joins_attempted: u64,
    /// From the `start` to the `join_success`.
    pub joins: Flow,
    /// From the sending of a message to each arrival.
    pub deliveries: Flow,
    #[serde(flatten)]
    pub audit: Audit,
    /// Further things that were timed, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flows: BTreeMap<&'static str, Flow>,
    /// Further numbers, by name with the unit last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<&'static str, f64>,
    /// Comparisons with the baseline, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerCost>,
    /// Failures by kind.
    pub errors: Errors,
}

/// Deliveries per CPU second of the baseline and of the server, one directly after the other.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pair {
    pub baseline: f64,
    pub server: f64,
    /// Server divided by baseline.
    pub ratio: f64,
}

/// Failures by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Errors(BTreeMap<String, u64>);

impl Errors {
    pub fn add(&mut self, kind: impl Into<String>) {
        self.add_many(kind, 1);
    }

    pub fn add_many(&mut self, kind: impl Into<String>, count: u64) {
        if count > 0 {
            *self.0.entry(kind.into()).or_default() += count;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn merge(&mut self, other: Self) {
        for (kind, count) in other.0 {
            self.add_many(kind, count);
        }
    }
}

impl Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "errors       {:>9}", self.0.values().sum::<u64>())?;
        for (kind, count) in &self.0 {
            writeln!(f, "  {count:>6} × {kind}")?;
        }
        Ok(())
    }
}

impl Report {
    pub fn new(args: &Args, findings: Findings) -> Self {
        let audit = &findings.audit;
        let faults = audit.lost + audit.duplicated + audit.out_of_order + audit.unexpected;
        let everyone_joined = findings.joins.count == findings.joins_attempted;
        Self {
            scenario: args.scenario,
            parameters: args.parameters(),
            passed: faults == 0 && findings.errors.0.is_empty() && everyone_joined,
            findings,
        }
    }

    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    fn name(&self) -> String {
        let name = self.scenario.to_possible_value();
        name.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name())?;
        for (name, value) in &self.parameters {
            writeln!(f, "  {name} {value}")?;
        }
        write!(f, "{}", self.findings)?;
        write!(f, "{}", if self.passed { "passed" } else { "FAILED" })
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "joins        {:>9} of {}",
            self.joins.count, self.joins_attempted
        )?;
        writeln!(f, "             {}", self.joins)?;
        if self.audit.expected > 0 || self.deliveries.count > 0 {
            writeln!(
                f,
                "deliveries   {:>9} of {}",
                self.deliveries.count, self.audit.expected
            )?;
            writeln!(f, "             {}", self.deliveries)?;
            writeln!(f, "lost         {:>9}", self.audit.lost)?;
            writeln!(f, "duplicated   {:>9}", self.audit.duplicated)?;
            writeln!(f, "out of order {:>9}", self.audit.out_of_order)?;
            writeln!(f, "unexpected   {:>9}", self.audit.unexpected)?;
        }
        for (name, flow) in &self.flows {
            writeln!(f, "{name}: {}", flow.count)?;
            writeln!(f, "             {flow}")?;
        }
        if let Some(server) = &self.server {
            write_server(f, server)?;
        }
        for pair in &self.pairs {
            let Pair {
                baseline,
                server,
                ratio,
            } = pair;
            writeln!(
                f,
                "pair         baseline {baseline:.0}, server {server:.0} deliveries per CPU second, ratio {ratio:.3}"
            )?;
        }
        for (name, figure) in &self.figures {
            writeln!(f, "{name} {figure:.3}")?;
        }
        write!(f, "{}", self.errors)
    }
}

fn write_server(f: &mut fmt::Formatter<'_>, server: &ServerCost) -> fmt::Result {
    let (all, user, system) = (server.cpu_seconds, server.user_seconds, server.system_seconds);
    writeln!(
        f,
        "server       {all:>9.2} CPU seconds ({user:.2} user, {system:.2} system)"
    )?;
    if let (Some(user), Some(system)) = (server.user_micros_per_delivery, server.system_micros_per_delivery) {
        writeln!(
            f,
            "             {:>9.2} µs per delivery ({user:.2} user, {system:.2} system)",
            user + system
        )?;
    }
    if let Some(seconds) = server.cpu_seconds_per_1000_deliveries {
        writeln!(f, "             {seconds:>9.6} CPU seconds per 1,000 deliveries")?;
    }
    if let Some(deliveries) = server.deliveries_per_cpu_second {
        writeln!(f, "             {deliveries:>9.0} deliveries per CPU second")?;
    }
    let kibibytes = |bytes: u64| bytes / 1024;
    writeln!(
        f,
        "memory       {:>9} KiB, {} KiB before",
        kibibytes(server.rss_bytes_after),
        kibibytes(server.rss_bytes_before)
    )?;
    if let Some(bytes) = server.rss_bytes_per_participant {
        writeln!(f, "             {:>9.1} KiB per participant", bytes / 1024.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::flow::Latencies;

    fn report(audit: Audit, errors: Errors, joined: u64) -> Report {
        let args = Args::parse_from(["loadtest", "--rooms", "1", "--participants", "2"]);
        let mut joins = Latencies::new();
        joins.extend((1..=joined).map(Duration::from_millis));
        let findings = Findings {
            joins_attempted: 2,
            joins: joins.flow(Duration::from_secs(1)),
            audit,
            errors,
            ..Findings::default()
        };
        Report::new(&args, findings)
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

    #[test]
    fn what_was_not_looked_at_is_not_printed() {
        let report = report(Audit::default(), Errors::default(), 2);
        let text = report.to_string();
        assert!(text.starts_with("chat\n"), "{text}");
        assert!(
            !text.contains("deliveries ") && !text.contains("memory"),
            "{text}"
        );
        let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(json["scenario"], "chat");
        assert_eq!(json["parameters"]["rooms"], 1);
        assert!(json.get("server").is_none() && json.get("pairs").is_none());
    }
}
