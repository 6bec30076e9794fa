//! Jobs that a server runs by itself.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Job, Parameters, Tools, lease::run_unless_ran_since};
use crate::config;

/// Time between two looks whether a job is due.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

/// Which jobs run how often. Of several servers with the same database one runs a job each time.
#[derive(Debug)]
pub struct JobSchedule {
    tools: Tools,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    job: Job,
    parameters: Parameters,
    pause: TimeDelta,
}

impl JobSchedule {
    /// The schedule of a configuration that was validated.
    #[must_use]
    pub fn new(tools: Tools, settings: &config::Jobs) -> Self {
        let entries = settings.schedule.iter().filter_map(|scheduled| {
            let job = Job::parse(&scheduled.job)?;
            Some(Entry {
                job,
                parameters: job.parameters(&scheduled.parameters).ok()?,
                pause: TimeDelta::hours(scheduled.every_hours.into()),
            })
        });
        Self {
            entries: entries.collect(),
            tools,
        }
    }

    /// Works until `stop`. What is being done then is left to the next run.
    pub async fn run(self, stop: CancellationToken) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.look() => {}
            }
        }
    }

    /// Runs what is due.
    pub async fn look(&self) {
        for entry in &self.entries {
            let ran_before = self.tools.clock.now() - entry.pause;
            let ran = run_unless_ran_since(&self.tools, entry.job, entry.parameters, ran_before).await;
            if let Err(error) = ran {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(job = entry.job.name(), error, "a job has failed");
            }
        }
    }
}
