//! Looks after what may break while the server runs, for `/health/ready`.

use std::time::Duration;

use chrono::Utc;
use colloquy_actors::{cluster::ClusterSummary, journal::folder::Journals, live::Live};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    log_output,
    readiness::Readiness,
    store::{self, ServerLock, write_probe},
};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks in a row at which nothing could be written until the database counts as broken: once it may have been busy.
const WRITES_FAILED: u32 = 2;

/// A database that takes longer is not ready.
const DATABASE_PATIENCE: Duration = Duration::from_secs(3);

/// Runs until the task is aborted. Where another server works with the database, `lost` is cancelled: two would each have meetings
/// of one room.
pub(super) async fn watch(readiness: Readiness, mut lock: ServerLock, live: Live, lost: CancellationToken) {
    let mut looks = interval(INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut writes_failed = 0;
    loop {
        looks.tick().await;
        match timeout(DATABASE_PATIENCE, database(&mut lock)).await {
            Ok(Ok(true)) => {
                writes_failed = match write_probe::write(lock.db(), Utc::now()).await {
                    Ok(()) => 0,
                    Err(_) => writes_failed + 1,
                };
                if writes_failed >= WRITES_FAILED {
                    readiness.unready("database", "can't be written");
                } else if writes_failed == 0 {
                    readiness.ready("database");
                }
            }
            Ok(Ok(false)) => {
                readiness.unready("database", "in use by another server");
                if !lost.is_cancelled() {
                    tracing::error!("another server has taken the database over; this one stops");
                    lost.cancel();
                }
            }
            Ok(Err(_)) | Err(_) => readiness.unready("database", "does not answer"),
        }
        match live.journals().await {
            Journals::Whole => readiness.ready("journals"),
            // A short file can be written where a long journal finds no room.
            Journals::Lacking => {
                readiness.unready("journals", "meetings live in memory");
                live.disk_is_back();
            }
            Journals::Failing => readiness.unready("journals", "can't be written; meetings live in memory"),
        }
        if let Some(cluster) = live.observe_cluster() {
            show_cluster(&readiness, &cluster);
        }
        let lines = log_output::take_lost();
        if lines > 0 {
            tracing::warn!(lines, "lines of the log were lost: nobody read them");
        }
    }
}

/// A store that is away is away for all nodes: a balancer that took this one out would find no better one. A node that alone has lost its
/// lease is worse than others.
fn show_cluster(readiness: &Readiness, cluster: &ClusterSummary) {
    match (cluster.store_answers, cluster.has_lease) {
        (true, false) => readiness.unready("cluster", "this node has no lease"),
        _ => readiness.ready("cluster"),
    }
    let seen = json!({
        "peers": cluster.peers,
        "links_up": cluster.links_up,
        "links_down": cluster.links_down,
        "has_lease": cluster.has_lease,
    });
    readiness.note("cluster", seen);
    if cluster.store_answers {
        readiness.forget("redis");
    } else {
        readiness.note("redis", "does not answer; meetings wait");
    }
}

/// Access may have been withdrawn, or a room deleted, without a word to the rooms: where nobody was told what became of a transaction, they
/// ask. Runs until the task is aborted.
pub(super) async fn look_for_missed(live: Live) {
    let mut unknown = store::unknown_outcomes();
    while unknown.changed().await.is_ok() {
        while !live.look_for_missed().await {
            sleep(INTERVAL).await;
        }
    }
}

async fn database(lock: &mut ServerLock) -> Result<bool, crate::store::StoreError> {
    lock.ping().await?;
    lock.hold().await
}
