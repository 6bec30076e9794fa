//! Nodes die, hang and stop; meetings go on.

use std::time::Duration;

use tokio::time::sleep;

use super::lively::{Lively, assert_whole};
use crate::support::nodes::Nodes;

/// Messages of each writer in a round: they outlast the death of a node.
const MESSAGES: usize = 40;

const ROOMS: usize = 4;

/// Rooms at the first node whose people are at the two others.
async fn rooms(nodes: &Nodes) -> Vec<Lively> {
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(Lively::begin(nodes, 0, &[1, 2]).await);
    }
    rooms
}

/// Everybody writes while something is done to the nodes.
async fn write_during(rooms: Vec<Lively>, what: impl AsyncFnOnce()) -> Vec<Lively> {
    let writing: Vec<_> = rooms
        .into_iter()
        .map(|room| tokio::spawn(room.write(MESSAGES)))
        .collect();
    sleep(Duration::from_millis(300)).await;
    what().await;
    let mut written = Vec::new();
    for room in writing {
        written.push(room.await.expect("a room"));
    }
    written
}

#[tokio::test]
async fn a_room_outlives_kill_9_of_its_owner() {
    let nodes = Nodes::start(3).await;
    let mut rooms = rooms(&nodes).await;
    rooms = write_during(rooms, async || nodes.all[0].kill9()).await;
    assert_whole("kill -9 of the owner", &mut rooms).await;
    // It comes back under its name, and the next one dies.
    nodes.all[0].restart().await;
    let more = Lively::begin(&nodes, 1, &[0, 2]).await;
    rooms = vec![more];
    rooms = write_during(rooms, async || nodes.all[1].kill9()).await;
    assert_whole("kill -9 of the next", &mut rooms).await;
}

/// An owner that hangs for three leases and then goes on finds that the rooms are no longer its own.
#[tokio::test]
async fn a_room_outlives_an_owner_that_hangs() {
    let nodes = Nodes::start(3).await;
    let rooms = rooms(&nodes).await;
    let hang = async || {
        nodes.all[0].signal("STOP");
        sleep(Duration::from_secs(4)).await;
        nodes.all[0].signal("CONT");
    };
    let mut rooms = write_during(rooms, hang).await;
    assert_whole("an owner that hung", &mut rooms).await;
    // It is of use again.
    let mut again = vec![Lively::begin(&nodes, 0, &[0, 1]).await.write(5).await];
    assert_whole("the node that hung", &mut again).await;
}

/// One after the other, as an update does it.
#[tokio::test]
async fn a_room_outlives_the_restart_of_all_nodes() {
    let nodes = Nodes::start(3).await;
    // Nobody is at the nodes that stop: whoever is there comes back by another one, as after any stop.
    let mut rooms = vec![
        Lively::begin(&nodes, 0, &[2]).await,
        Lively::begin(&nodes, 1, &[2]).await,
    ];
    for stopped in [0, 1] {
        let restart = async || {
            assert!(nodes.all[stopped].terminate().await.success());
            nodes.all[stopped].restart().await;
        };
        rooms = write_during(rooms, restart).await;
    }
    assert_whole("restarts one after the other", &mut rooms).await;
    for node in nodes.all {
        node.finish().await;
    }
}

/// A drain moves the rooms; the sockets of the node that drains stay open until it stops.
#[tokio::test]
async fn rooms_move_when_their_node_drains() {
    let nodes = Nodes::start(3).await;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(Lively::begin(&nodes, 0, &[0, 1, 2]).await);
    }
    let mut rooms = write_during(rooms, async || nodes.all[0].signal("USR1")).await;
    assert_whole("a node that drains", &mut rooms).await;
    nodes.all[0]
        .wait_for_log("the room was given to another node", ROOMS)
        .await;
}
