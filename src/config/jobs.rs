//! Settings of maintenance jobs.

use serde::{Deserialize, Serialize};

/// What the server does by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    pub schedule: Vec<ScheduledJob>,
}

/// A job and how often it runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledJob {
    pub job: String,
    /// Hours from one run to the next.
    #[serde(default = "daily")]
    pub every_hours: u32,
    /// A JSON object.
    #[serde(default = "none")]
    pub parameters: String,
}

impl Default for Jobs {
    fn default() -> Self {
        let daily_job = |job: &str| ScheduledJob {
            job: job.to_owned(),
            every_hours: daily(),
            parameters: none(),
        };
        Self {
            schedule: [
                "outbox_cleanup",
                "orphaned_assets",
                "counter_cleanup",
                "login_cleanup",
                "shared_folder_cleanup",
                "vote_minutes_cleanup",
            ]
            .map(daily_job)
            .to_vec(),
        }
    }
}

const fn daily() -> u32 {
    24
}

fn none() -> String {
    "{}".to_owned()
}
