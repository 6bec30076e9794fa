//! A node that drains gives its rooms to others, and stays the edge of its sockets.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use super::{CALL_TIMEOUT, Live};
use crate::{
    cluster::{
        Cluster,
        store::{NodeId, NodeProcess, NodeRecord},
    },
    edge::wire::NodeCall,
    registry::RoomHandle as _,
    room_actor::{RoomMsg, RoomRef},
    shell::hand_over::Giving,
};

/// Time between two rooms: a hundred a second.
const PACE: Duration = Duration::from_millis(10);

/// Between two looks whether all have gone.
const LOOK: Duration = Duration::from_millis(50);

impl Live {
    /// Gives all rooms to other nodes, where there are any; returns when they have gone, or after this time.
    pub async fn hand_over(&self, within: Duration) {
        let Some(cluster) = self.cluster() else { return };
        let until = Instant::now() + within;
        let (mut pace, mut turn) = (interval(PACE), 0);
        for room in self.rooms.all() {
            let peers = cluster.members().peers();
            if peers.is_empty() || Instant::now() >= until {
                return;
            }
            pace.tick().await;
            turn += 1;
            let (node, record) = peers[turn % peers.len()].clone();
            // One that is not reached gets nothing.
            if cluster.uplink(&node, &record).await.is_ok() {
                give(cluster, &room, (node, record));
            }
        }
        while Instant::now() < until && !self.rooms.is_empty() {
            sleep(LOOK).await;
        }
    }
}

/// A room goes to this node, unless it ends before.
fn give(cluster: &Cluster, room: &RoomRef, (node, record): (NodeId, NodeRecord)) {
    let (cluster, id) = (cluster.clone(), room.id());
    let giving = async move {
        let to = NodeProcess {
            node: node.clone(),
            incarnation: record.incarnation,
        };
        cluster.give(id, to).await?;
        // It hears of it by whoever looks for the room, too.
        tokio::spawn(async move {
            if let Ok(uplink) = cluster.uplink(&node, &record).await {
                let _ = uplink.call(NodeCall::TakeUp(id), CALL_TIMEOUT).await;
            }
        });
        Ok(())
    };
    if !room.is_gone() {
        let _ = room.actor().cast(RoomMsg::HandOver(Giving(Box::pin(giving))));
    }
}
