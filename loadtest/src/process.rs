//! What a process has used, read from `/proc` (Linux).

use std::{fs, io, time::Duration};

use serde::Serialize;

use crate::{figures::ratio, flow::float};

/// Ticks per second of the times in `/proc/<pid>/stat`: part of the kernel's interface, the same on every architecture
/// that Rust's standard library supports (`getconf CLK_TCK`).
const TICKS_PER_SECOND: u32 = 100;

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("process {pid} can't be observed: {source}")]
    Unreadable { pid: u32, source: io::Error },
    #[error("process {pid} can't be observed: /proc/{pid}/{file} is not understood")]
    Unknown { pid: u32, file: &'static str },
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Of all threads.
    pub user: Duration,
    pub system: Duration,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// Looks at a process, if one is given.
#[derive(Debug, Clone, Copy)]
pub struct Observer(Option<u32>);

/// What the server's process used in a part of the run.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ServerCost {
    pub cpu_seconds: f64,
    /// Its parts: the process' own time, and the kernel's for it.
    pub user_seconds: f64,
    pub system_seconds: f64,
    pub rss_bytes_before: u64,
    pub rss_bytes_after: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds_per_1000_deliveries: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_micros_per_delivery: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_micros_per_delivery: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries_per_cpu_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes_per_participant: Option<f64>,
}

impl Observer {
    /// Looks once, so that a wrong id is told at the beginning.
    pub fn new(pid: Option<u32>) -> Result<Self, ProcessError> {
        let observer = Self(pid);
        observer.look()?;
        Ok(observer)
    }

    /// Looks at no process.
    pub fn nobody() -> Self {
        Self(None)
    }

    pub fn look(self) -> Result<Option<Usage>, ProcessError> {
        self.0.map(usage).transpose()
    }

    /// What was used since `before`; `None` when nobody is observed.
    pub fn since(self, before: Option<Usage>) -> Result<Option<ServerCost>, ProcessError> {
        let after = self.look()?;
        Ok(before
            .zip(after)
            .map(|(before, after)| ServerCost::between(before, after)))
    }
}

impl ServerCost {
    pub fn between(before: Usage, after: Usage) -> Self {
        let user_seconds = after.user.saturating_sub(before.user).as_secs_f64();
        let system_seconds = after.system.saturating_sub(before.system).as_secs_f64();
        Self {
            cpu_seconds: user_seconds + system_seconds,
            user_seconds,
            system_seconds,
            rss_bytes_before: before.rss_bytes,
            rss_bytes_after: after.rss_bytes,
            ..Self::default()
        }
    }

    /// Spread over this many deliveries; none say nothing.
    pub fn per_delivery(self, deliveries: u64) -> Self {
        if deliveries == 0 {
            return self;
        }
        Self {
            cpu_seconds_per_1000_deliveries: ratio(self.cpu_seconds * 1000.0, float(deliveries)),
            user_micros_per_delivery: ratio(self.user_seconds * 1e6, float(deliveries)),
            system_micros_per_delivery: ratio(self.system_seconds * 1e6, float(deliveries)),
            deliveries_per_cpu_second: ratio(float(deliveries), self.cpu_seconds),
            ..self
        }
    }

    /// The growth of memory spread over this many participants; negative where memory shrank.
    pub fn per_participant(self, participants: u64) -> Self {
        let growth = float(self.rss_bytes_after) - float(self.rss_bytes_before);
        Self {
            rss_bytes_per_participant: ratio(growth, float(participants)),
            ..self
        }
    }
}

fn usage(pid: u32) -> Result<Usage, ProcessError> {
    let read = |file: &'static str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}"));
        text.map_err(|source| ProcessError::Unreadable { pid, source })
    };
    let unknown = |file| ProcessError::Unknown { pid, file };
    let (user, system) = cpu_times(&read("stat")?).ok_or_else(|| unknown("stat"))?;
    Ok(Usage {
        user,
        system,
        rss_bytes: rss_bytes(&read("status")?).ok_or_else(|| unknown("status"))?,
    })
}

/// User and system time in `/proc/<pid>/stat`. The name in parentheses may hold anything, parentheses and spaces too.
fn cpu_times(stat: &str) -> Option<(Duration, Duration)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    // utime and stime are fields 14 and 15; the state behind the name is field 3.
    let mut times = behind_name.split_ascii_whitespace().skip(11);
    let millis_per_tick = u64::from(1000 / TICKS_PER_SECOND);
    let mut next = || {
        let ticks: u64 = times.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks.checked_mul(millis_per_tick)?))
    };
    Some((next()?, next()?))
}

/// Resident memory in `/proc/<pid>/status`.
fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 5000 0 3 0 1234 566 7 8 20 0 9 0 100 2000 300 184 1 1";

    #[test]
    fn times_of_a_process_with_an_odd_name() {
        let times = (Duration::from_millis(12_340), Duration::from_millis(5_660));
        assert_eq!(cpu_times(STAT), Some(times));
    }

    #[test]
    fn memory_is_given_in_kibibytes() {
        let status = "Name:\tx\nVmHWM:\t  999 kB\nVmRSS:\t   2048 kB\nThreads:\t3\n";
        assert_eq!(rss_bytes(status), Some(2 * 1024 * 1024));
    }

    #[test]
    fn what_is_not_understood_is_nothing() {
        for stat in ["", "1 (x)", "1 (x) S 1 2 3", &STAT.replace("1234", "-1")] {
            assert_eq!(cpu_times(stat), None, "{stat}");
        }
        for status in ["", "VmRSS:\t12 MB", "VmRSS:\tx kB", "VmSize:\t12 kB"] {
            assert_eq!(rss_bytes(status), None, "{status}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_observed_and_a_missing_one_is_told() {
        let observer = Observer::new(Some(std::process::id())).unwrap();
        let usage = observer.look().unwrap().unwrap();
        assert!(usage.rss_bytes > 100_000, "{usage:?}");
        // Beyond the highest id that the kernel gives.
        let error = Observer::new(Some(u32::MAX)).unwrap_err().to_string();
        assert!(
            error.starts_with("process 4294967295 can't be observed"),
            "{error}"
        );
        assert!(Observer::new(None).unwrap().look().unwrap().is_none());
    }

    #[test]
    fn costs_are_spread() {
        let usage = |cpu_secs, rss_bytes| Usage {
            user: Duration::from_secs(cpu_secs),
            system: Duration::ZERO,
            rss_bytes,
        };
        let cost = ServerCost::between(usage(3, 1_000_000), usage(5, 3_000_000));
        let cost = cost.per_delivery(4_000).per_participant(100);
        assert_eq!(cost.deliveries_per_cpu_second, Some(2_000.0));
        assert_eq!(cost.cpu_seconds_per_1000_deliveries, Some(0.5));
        assert_eq!(cost.rss_bytes_per_participant, Some(20_000.0));
        let nothing_delivered = ServerCost::between(usage(3, 7), usage(4, 7)).per_delivery(0);
        assert_eq!(nothing_delivered.deliveries_per_cpu_second, None);
        assert_eq!(nothing_delivered.cpu_seconds_per_1000_deliveries, None);
        let unmeasurable = ServerCost::between(usage(3, 7), usage(3, 7)).per_delivery(9);
        assert_eq!(unmeasurable.deliveries_per_cpu_second, None);
    }
}
