//! What a real Redis does with the scripts: one server, and a Redis Cluster of three.

use std::time::Duration;

use bytes::Bytes;
use colloquy_actors::{
    cluster::store::{
        Claim, ClaimNonce, Claimed, ClusterStore as _, Incarnation, LogBatch, NodeId, NodeProcess,
        NodeRecord, Renewed, Written,
    },
    ids::RoomId,
};
use colloquy_cluster::{RedisServers, RedisStore};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::redis::RedisProcess;

/// Longer than a piece in which snapshots travel, twice.
const LONG: usize = 2 * 1024 * 1024 + 5;

fn claim(nonce: u128, node: &str, incarnation: u64) -> Claim {
    Claim {
        nonce: ClaimNonce(nonce),
        owner: NodeProcess {
            node: NodeId(node.to_owned()),
            incarnation: Incarnation(incarnation),
        },
        replaced: None,
    }
}

fn batch(number: u64, text: &str) -> LogBatch {
    LogBatch {
        number,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
    }
}

/// A room's log from its begin to its end.
async fn live(store: &RedisStore) {
    let (room, first) = (RoomId(Uuid::new_v4()), claim(1, "a", 10));
    write(store, room, &first).await;
    move_on(store, room, &first).await;
}

async fn write(store: &RedisStore, room: RoomId, first: &Claim) {
    let second = claim(2, "b", 20);
    assert_eq!(store.claim_of(room).await, Ok(None));
    assert_eq!(
        store.append(room, first.nonce, &batch(1, "x")).await,
        Ok(Written::Lost)
    );
    assert_eq!(
        store.claim(room, None, first).await,
        Ok(Claimed::Owned { in_vain: 0 })
    );
    assert_eq!(
        store.claim(room, None, first).await,
        Ok(Claimed::Owned { in_vain: 0 }),
        "once more"
    );
    assert_eq!(store.claim(room, None, &second).await, Ok(Claimed::Taken));
    assert_eq!(store.claim_of(room).await, Ok(Some(first.clone())));
    let owned = store.owned(&first.owner).await.expect("an answer");
    assert!(owned.contains(&room), "{owned:?}");
    // A snapshot of several pieces, and what comes after it.
    let snapshot = Bytes::from(vec![b's'; LONG]);
    let replace = store.replace(room, first.nonce, 0, snapshot.clone()).await;
    assert_eq!(replace, Ok(Written::Done));
    for _ in 0..2 {
        assert_eq!(
            store.append(room, first.nonce, &batch(1, "one")).await,
            Ok(Written::Done)
        );
    }
    assert_eq!(
        store.append(room, first.nonce, &batch(1, "other")).await,
        Ok(Written::Ahead)
    );
    assert_eq!(
        store.append(room, first.nonce, &batch(3, "three")).await,
        Ok(Written::Behind(1))
    );
    assert_eq!(
        store.append(room, first.nonce, &batch(2, "two")).await,
        Ok(Written::Done)
    );
    let log = store.read(room).await.expect("a log");
    assert_eq!((log.snapshot.len(), log.batches.len(), log.last), (LONG, 2, 2));
    assert_eq!(store.touch(room, first.nonce).await, Ok(Written::Done));
}

/// Another one takes it over: the first is refused in everything.
async fn move_on(store: &RedisStore, room: RoomId, first: &Claim) {
    let second = claim(2, "b", 20);
    let taken = store.claim(room, Some(first.nonce), &second).await;
    assert_eq!(taken, Ok(Claimed::Owned { in_vain: 1 }));
    let fenced = Ok(Written::Fenced(second.nonce));
    assert_eq!(store.append(room, first.nonce, &batch(3, "late")).await, fenced);
    assert_eq!(
        store
            .replace(room, first.nonce, 3, Bytes::from_static(b"late"))
            .await,
        fenced
    );
    assert_eq!(store.touch(room, first.nonce).await, fenced);
    assert_eq!(store.release(room, first.nonce).await, fenced);
    let replace = store
        .replace(room, second.nonce, 1, Bytes::from_static(b"old"))
        .await;
    assert_eq!(replace, Ok(Written::Ahead), "of before what is there");
    for _ in 0..2 {
        let replace = store
            .replace(room, second.nonce, 2, Bytes::from_static(b"new"))
            .await;
        assert_eq!(replace, Ok(Written::Done));
    }
    let log = store.read(room).await.expect("a log");
    assert_eq!((&*log.snapshot, log.batches.len(), log.last), (&b"new"[..], 0, 2));
    assert_eq!(store.release(room, second.nonce).await, Ok(Written::Done));
    assert_eq!(store.claim_of(room).await, Ok(None));
}

/// Rooms that take their owners down, are deleted, or are put aside.
async fn end(store: &RedisStore) {
    let (room, first) = (RoomId(Uuid::new_v4()), claim(1, "a", 10));
    store.claim(room, None, &first).await.expect("a claim");
    store
        .append(room, first.nonce, &batch(1, "x"))
        .await
        .expect("a batch");
    let mut before = first.nonce;
    for vain in 1..=3 {
        let next = claim(1 + u128::from(vain), "b", 100 + u64::from(vain));
        let taken = store.claim(room, Some(before), &next).await;
        assert_eq!(taken, Ok(Claimed::Owned { in_vain: vain }));
        // The same process once more: it has not died of it.
        let again = Claim {
            nonce: ClaimNonce(1_000 + u128::from(vain)),
            ..next.clone()
        };
        let taken = store.claim(room, Some(next.nonce), &again).await;
        assert_eq!(taken, Ok(Claimed::Owned { in_vain: vain }));
        before = again.nonce;
    }
    assert_eq!(
        store.append(room, before, &batch(2, "y")).await,
        Ok(Written::Done)
    );
    let next = claim(9, "c", 9);
    assert_eq!(
        store.claim(room, Some(before), &next).await,
        Ok(Claimed::Owned { in_vain: 1 })
    );
    assert_eq!(store.set_aside(room, next.nonce).await, Ok(Written::Done));
    assert_eq!(store.read(room).await.expect("a log").last, 0);
    assert_eq!(
        store.claim(room, None, &first).await,
        Ok(Claimed::Owned { in_vain: 0 })
    );
    store.delete(room).await.expect("a deletion");
    assert_eq!(store.claim(room, None, &first).await, Ok(Claimed::Gone));
    assert_eq!(
        store.append(room, first.nonce, &batch(1, "x")).await,
        Ok(Written::Gone)
    );
}

/// Leases of nodes.
async fn leases(store: &RedisStore) {
    let lease = Duration::from_millis(500);
    let (node, record) = (NodeId("a".to_owned()), |incarnation| NodeRecord {
        incarnation: Incarnation(incarnation),
        address: "127.0.0.1:1".to_owned(),
        version: "1".to_owned(),
        rules: "r".to_owned(),
    });
    assert_eq!(store.renew(&node, &record(1), lease).await, Ok(Renewed::Made));
    assert_eq!(store.renew(&node, &record(1), lease).await, Ok(Renewed::Kept));
    assert_eq!(store.renew(&node, &record(2), lease).await, Ok(Renewed::Taken));
    assert_eq!(store.living().await, Ok(vec![(node.clone(), record(1))]));
    sleep(lease * 2).await;
    assert_eq!(store.living().await, Ok(Vec::new()));
    assert_eq!(store.renew(&node, &record(2), lease).await, Ok(Renewed::Made));
    let process = NodeProcess {
        node,
        incarnation: Incarnation(2),
    };
    store.resign(&process).await.expect("an end");
    assert_eq!(store.living().await, Ok(Vec::new()));
}

#[tokio::test]
async fn one_redis_keeps_what_nodes_have_in_common() {
    let redis = RedisProcess::start().await;
    let store = RedisStore::new(RedisServers::Single(redis.url()), "t:".to_owned()).expect("a URL");
    live(&store).await;
    end(&store).await;
    leases(&store).await;
    assert_eq!(store.eviction_policy().await, Ok(Some("noeviction".to_owned())));
    // What it can't do is told, and done again when it can.
    redis.ask("CONFIG SET maxmemory 1").await;
    let (room, mine) = (RoomId(Uuid::new_v4()), claim(1, "a", 10));
    assert!(store.claim(room, None, &mine).await.is_err());
    redis.ask("CONFIG SET maxmemory 0").await;
    assert_eq!(
        store.claim(room, None, &mine).await,
        Ok(Claimed::Owned { in_vain: 0 })
    );
    redis.kill9();
    assert!(store.touch(room, mine.nonce).await.is_err());
    redis.run().await;
    let mut touched = store.touch(room, mine.nonce).await;
    for _ in 0..100 {
        if touched == Ok(Written::Done) {
            break;
        }
        sleep(Duration::from_millis(50)).await;
        touched = store.touch(room, mine.nonce).await;
    }
    assert_eq!(touched, Ok(Written::Done));
}

#[tokio::test]
async fn a_redis_cluster_keeps_it_too() {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(RedisProcess::start_clustered().await);
    }
    for (server, slots) in servers.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
        server.ask(&format!("CLUSTER ADDSLOTSRANGE {slots}")).await;
        server
            .ask(&format!("CLUSTER MEET 127.0.0.1 {}", servers[0].port))
            .await;
    }
    for server in &servers {
        let mut is_whole = false;
        for _ in 0..200 {
            let info = server.ask("CLUSTER INFO").await.unwrap_or_default();
            is_whole = info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3");
            if is_whole {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        assert!(is_whole, "the cluster does not come together");
    }
    let urls = servers.iter().map(RedisProcess::url).collect();
    let store = RedisStore::new(RedisServers::Cluster(urls), "t:".to_owned()).expect("URLs");
    for _ in 0..8 {
        live(&store).await;
    }
    end(&store).await;
    leases(&store).await;
}
