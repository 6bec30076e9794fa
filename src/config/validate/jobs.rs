//! Rules of the settings of maintenance jobs.

use std::collections::BTreeSet;

use super::Rules;
use crate::config::{Job, Jobs};

/// Hours between two runs at the most: a year.
const HOURS_MAX: u32 = 365 * 24;

impl Rules {
    pub(super) fn jobs(&mut self, jobs: &Jobs) {
        let mut seen = BTreeSet::new();
        for (index, scheduled) in jobs.schedule.iter().enumerate() {
            let key = |name: &str| format!("jobs.schedule.{index}.{name}");
            let job = Job::parse(&scheduled.job);
            let names = Job::ALL.map(Job::name).join(", ");
            self.require(
                &key("job"),
                job.is_some(),
                format!("`{}` is no job; there are {names}", scheduled.job),
            );
            self.require(
                &key("job"),
                seen.insert(&scheduled.job),
                format!("`{}` stands twice", scheduled.job),
            );
            self.require(
                &key("every_hours"),
                (1..=HOURS_MAX).contains(&scheduled.every_hours),
                format!("must be from 1 to {HOURS_MAX}"),
            );
            if let Some(Err(error)) = job.map(|job| job.parameters(&scheduled.parameters)) {
                self.require(&key("parameters"), false, error.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::config::{Config, Jobs, ScheduledJob};

    #[test]
    fn schedules_name_jobs_and_their_parameters() {
        let scheduled = |job: &str, every_hours, parameters: &str| ScheduledJob {
            job: job.to_owned(),
            every_hours,
            parameters: parameters.to_owned(),
        };
        for (entry, key) in [
            (scheduled("event_cleanup", 24, r#"{"days":30}"#), None),
            (scheduled("coffee", 24, "{}"), Some("jobs.schedule.6.job")),
            (scheduled("outbox_cleanup", 24, "{}"), Some("jobs.schedule.6.job")),
            (
                scheduled("event_cleanup", 0, "{}"),
                Some("jobs.schedule.6.every_hours"),
            ),
            (
                scheduled("event_cleanup", 9000, "{}"),
                Some("jobs.schedule.6.every_hours"),
            ),
            (
                scheduled("event_cleanup", 24, r#"{"weeks":1}"#),
                Some("jobs.schedule.6.parameters"),
            ),
        ] {
            let mut config = Config {
                jobs: Jobs::default(),
                ..Config::default()
            };
            config.jobs.schedule.push(entry);
            let keys: Vec<_> = violations(&config)
                .into_iter()
                .map(|violation| violation.key)
                .collect();
            assert_eq!(keys, Vec::from_iter(key.map(str::to_owned)));
        }
    }
}
