//! What was measured, for people and as JSON.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use serde::Serialize;

use super::drive::Driven;
use crate::{
    figures::{median, ratio},
    flow::Flow,
    report::{Errors, Pair},
};

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct RestReport {
    pub connections: u32,
    pub seconds: u64,
    /// By name.
    pub operations: BTreeMap<&'static str, Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Every request succeeded.
    pub passed: bool,
}

/// One operation.
#[derive(Debug, Serialize)]
pub struct Measured {
    #[serde(flatten)]
    pub flow: Flow,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_cpu_second: Option<f64>,
    pub errors: Errors,
}

/// `GET /users/me` beside a bare handler that does the same query and verifies nothing.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// Requests per second.
    pub requests_per_second: Vec<Pair>,
    /// Requests per CPU second of the processes, where the server's is observed.
    pub requests_per_cpu_second: Vec<Pair>,
    pub median_ratio_per_second: Option<f64>,
    pub median_ratio_per_cpu_second: Option<f64>,
    pub errors: Errors,
}

impl RestReport {
    pub fn new(connections: u32, seconds: u64) -> Self {
        Self {
            connections,
            seconds,
            operations: BTreeMap::new(),
            comparison: None,
            passed: true,
        }
    }

    pub fn add(&mut self, name: &'static str, driven: Driven) {
        let measured = Measured {
            requests_per_cpu_second: driven.requests_per_cpu_second(),
            flow: driven.flow,
            errors: driven.errors,
        };
        self.operations.insert(name, measured);
    }

    /// Decides whether all went well.
    #[must_use]
    pub fn finished(mut self) -> Self {
        let operations = self.operations.values();
        let mut all = operations.map(|one| one.errors.is_empty() && one.flow.count > 0);
        self.passed =
            all.all(|good| good) && self.comparison.as_ref().is_none_or(|one| one.errors.is_empty());
        self
    }

    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl Comparison {
    pub fn add(&mut self, bare: &Driven, ours: &Driven) {
        self.errors.merge(bare.errors.clone());
        self.errors.merge(ours.errors.clone());
        let pair = |baseline, server| {
            let ratio = ratio(server, baseline)?;
            Some(Pair {
                baseline,
                server,
                ratio,
            })
        };
        let per_second = pair(bare.flow.per_second, ours.flow.per_second);
        self.requests_per_second.extend(per_second);
        let per_cpu = bare.requests_per_cpu_second().zip(ours.requests_per_cpu_second());
        let per_cpu = per_cpu.and_then(|(bare, ours)| pair(bare, ours));
        self.requests_per_cpu_second.extend(per_cpu);
        let of = |pairs: &[Pair]| median(pairs.iter().map(|pair| pair.ratio));
        self.median_ratio_per_second = of(&self.requests_per_second);
        self.median_ratio_per_cpu_second = of(&self.requests_per_cpu_second);
    }
}

impl Display for RestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} connections, {} s each", self.connections, self.seconds)?;
        for (name, measured) in &self.operations {
            writeln!(f, "{name}\n    {}", measured.flow)?;
            if let Some(figure) = measured.requests_per_cpu_second {
                writeln!(f, "    {figure:.0} per CPU second")?;
            }
            write!(f, "{}", measured.errors)?;
        }
        if let Some(comparison) = &self.comparison {
            write!(f, "{comparison}")?;
        }
        write!(f, "{}", if self.passed { "passed" } else { "FAILED" })
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, pairs, median) in [
            ("s", &self.requests_per_second, self.median_ratio_per_second),
            (
                "CPU second",
                &self.requests_per_cpu_second,
                self.median_ratio_per_cpu_second,
            ),
        ] {
            for Pair {
                baseline,
                server,
                ratio,
            } in pairs
            {
                writeln!(
                    f,
                    "bare {baseline:>9.0}/{unit}   server {server:>9.0}/{unit}   ratio {ratio:.3}"
                )?;
            }
            if let Some(median) = median {
                writeln!(f, "median ratio per {unit}: {median:.3}")?;
            }
        }
        write!(f, "{}", self.errors)
    }
}
