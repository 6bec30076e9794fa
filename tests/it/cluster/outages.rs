//! What nodes have in common goes away; meetings wait for Redis, and need no PostgreSQL.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::lively::{Lively, assert_whole};
use crate::support::nodes::Nodes;

#[tokio::test]
async fn a_redis_that_is_away_stops_rooms_and_ends_none() {
    let nodes = Nodes::start(2).await;
    let room = Lively::begin(&nodes, 0, &[0, 1]).await;
    let writing = tokio::spawn(room.write(40));
    sleep(Duration::from_millis(300)).await;
    // Hangs, and goes on.
    nodes.redis.signal("STOP");
    sleep(Duration::from_secs(5)).await;
    nodes.redis.signal("CONT");
    let room = writing.await.expect("a room");
    // Dies, and comes back with what it has written.
    let writing = tokio::spawn(room.write(40));
    sleep(Duration::from_millis(300)).await;
    nodes.redis.kill9();
    sleep(Duration::from_secs(3)).await;
    nodes.redis.run().await;
    let mut rooms = vec![writing.await.expect("a room")];
    assert_whole("a Redis that was away", &mut rooms).await;
}

/// Owners write again what they have.
#[tokio::test]
async fn a_redis_that_has_lost_everything_gets_it_again() {
    let nodes = Nodes::start(3).await;
    let room = Lively::begin(&nodes, 0, &[1, 2]).await;
    let writing = tokio::spawn(room.write(60));
    sleep(Duration::from_millis(300)).await;
    nodes.redis.ask("FLUSHALL").await;
    let room = writing.await.expect("a room");
    // All of it is there: another node can take the room over.
    let writing = tokio::spawn(room.write(60));
    sleep(Duration::from_millis(300)).await;
    nodes.all[0].kill9();
    let mut rooms = vec![writing.await.expect("a room")];
    assert_whole("a Redis that was flushed", &mut rooms).await;
}

#[tokio::test]
async fn meetings_and_take_overs_need_no_postgresql() {
    let nodes = Nodes::start(3).await;
    let room = Lively::begin(&nodes, 0, &[1, 2]).await;
    nodes.database.only_reads(true).await;
    let writing = tokio::spawn(room.write(40));
    sleep(Duration::from_millis(300)).await;
    nodes.all[0].kill9();
    let mut rooms = vec![writing.await.expect("a room")];
    assert_whole("a database that takes nothing", &mut rooms).await;
    nodes.database.only_reads(false).await;
}

#[tokio::test]
async fn health_tells_of_the_cluster() {
    let nodes = Nodes::start(2).await;
    let ready = |node: usize| nodes.all[node].anonymous();
    let mut seen = json!(null);
    for _ in 0..200 {
        seen = ready(0).get("/health/ready").await.expect(200);
        if seen["cluster"]["peers"] == 1 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen["cluster"]["peers"], 1, "{seen}");
    assert_eq!(seen["cluster"]["has_lease"], true);
    nodes.redis.signal("STOP");
    for _ in 0..200 {
        // It stays ready: no other node would do better.
        seen = ready(1).get("/health/ready").await.expect(200);
        if seen["redis"].is_string() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(seen["redis"].is_string(), "{seen}");
    nodes.redis.signal("CONT");
}
