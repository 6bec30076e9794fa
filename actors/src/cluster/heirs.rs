//! Rooms of dead nodes that nobody asks for: what is left of them is taken up too, or nobody would hear of their deadlines.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep};

use super::{
    Cluster, Fate,
    owner::Here,
    store::{NodeProcess, StoreDown},
};

/// Leases between a death and the first room that is taken up unasked: those that are asked for come first.
const LEASES_AFTER_DEATH: u32 = 2;

/// Rooms at a time.
const AT_A_TIME: usize = 4;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Works for ever.
pub(super) async fn take_over(cluster: Cluster, here: Arc<dyn Here>) {
    let mut dead_since = HashMap::new();
    loop {
        sleep(LOOK).await;
        if let Err(error) = look(&cluster, &here, &mut dead_since).await {
            tracing::debug!(%error, "rooms of dead nodes can't be looked for at this moment");
        }
    }
}

async fn look(
    cluster: &Cluster,
    here: &Arc<dyn Here>,
    dead_since: &mut HashMap<NodeProcess, Instant>,
) -> Result<(), StoreDown> {
    let members = cluster.members();
    let owners = cluster.store.owners().await?;
    dead_since.retain(|process, _| owners.contains(process));
    for process in owners.into_iter().filter(|process| process != members.me()) {
        if members.fate(&process) != Fate::Dead {
            dead_since.remove(&process);
            continue;
        }
        let since = *dead_since.entry(process.clone()).or_insert_with(Instant::now);
        if since.elapsed() >= members.lease() * LEASES_AFTER_DEATH {
            inherit(cluster, here, &process).await?;
        }
    }
    Ok(())
}

/// Takes up the rooms that a dead process has left.
async fn inherit(cluster: &Cluster, here: &Arc<dyn Here>, dead: &NodeProcess) -> Result<(), StoreDown> {
    let rooms = cluster.store.owned(dead).await?;
    if rooms.is_empty() {
        return cluster.store.forget_owner(dead).await;
    }
    tracing::info!(node = %dead.node, rooms = rooms.len(), "rooms of a dead node are taken up");
    stream::iter(rooms)
        .for_each_concurrent(AT_A_TIME, async |room| {
            match cluster.store.claim_of(room).await {
                Ok(Some(claim)) if claim.owner == *dead => here.take_up(room).await,
                Ok(_) => {
                    // Another one has it, or nobody.
                    let _ = cluster.store.disown(dead, room).await;
                }
                Err(StoreDown(_)) => {}
            }
        })
        .await;
    Ok(())
}
