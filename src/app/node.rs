//! A server alone, or as one of several nodes.

use std::path::Path;

use chrono::TimeDelta;
use colloquy_actors::live::{JournalMode, LiveSettings};

use super::BuildError;
use crate::{
    config::Config,
    meetings, nodes,
    store::{Db, Sharing, clock_probe},
};

/// Clocks of nodes differ by no more.
const CLOCK_DIFFERENCE_MAX: TimeDelta = TimeDelta::seconds(2);

/// Who else may work with the database.
pub(super) fn sharing(config: &Config) -> Sharing {
    if config.cluster.is_on() {
        Sharing::Nodes
    } else {
        Sharing::Alone
    }
}

/// How the live core works, alone or as one of several nodes.
pub(super) async fn live_settings(
    config: &Config,
    data_folder: &Path,
    db: &Db,
) -> Result<LiveSettings, BuildError> {
    let mut settings = meetings::live_settings(config, data_folder);
    if let Some((cluster, redis)) = nodes::settings(&config.cluster)? {
        let ahead = clock_probe::ahead(db).await?;
        if ahead.abs() > CLOCK_DIFFERENCE_MAX {
            return Err(BuildError::Clocks(ahead.num_seconds()));
        }
        nodes::look_at_memory(&redis).await;
        settings.journal = JournalMode::Cluster(cluster);
    }
    Ok(settings)
}
