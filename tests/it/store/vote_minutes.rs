//! What is written down of votes: of a room so many, the newest.

use chrono::TimeDelta;
use colloquy::store::vote_minutes::{self, VoteMinutes};
use uuid::Uuid;

use super::{Store, at};

on_both_databases!(Store: of_too_many_minutes_the_oldest_go, minutes_are_kept_once);

const KEPT_MAX: u32 = 3;

async fn keep(store: &Store, room: Uuid, vote: u128, minute: i64) {
    let minutes = VoteMinutes {
        vote: Uuid::from_u128(vote),
        room,
        initiator: None,
        ended_at: at(0) + TimeDelta::minutes(minute),
        text: format!("{{\"vote\":{vote}}}"),
    };
    vote_minutes::keep(&store.db, minutes, KEPT_MAX)
        .await
        .expect("stored");
}

/// Which of the first ten votes are kept.
async fn kept(store: &Store) -> Vec<u128> {
    let mut kept = Vec::new();
    for vote in 1..=10 {
        let id = store.literal(Uuid::from_u128(vote));
        let count = format!("SELECT count(*) FROM vote_minutes WHERE vote_id = {id}");
        if store.number(&count).await == 1 {
            kept.push(vote);
        }
    }
    kept
}

async fn of_too_many_minutes_the_oldest_go(store: &Store) {
    let ada = store.user("ada").await;
    let room = store.event(&ada, |_| {}).await.room_id;
    let other = store.event(&ada, |_| {}).await.room_id;
    keep(store, other, 1, 0).await;
    for (vote, minute) in [(2, 30), (3, 10), (4, 20)] {
        keep(store, room, vote, minute).await;
    }
    assert_eq!(kept(store).await, [1, 2, 3, 4]);
    keep(store, room, 5, 40).await;
    assert_eq!(kept(store).await, [1, 2, 4, 5], "the oldest of this room is gone");
    keep(store, room, 6, 50).await;
    assert_eq!(kept(store).await, [1, 2, 5, 6]);
    // What was waited for long is older than all that are there.
    keep(store, room, 7, 5).await;
    assert_eq!(kept(store).await, [1, 2, 5, 6]);
}

async fn minutes_are_kept_once(store: &Store) {
    let ada = store.user("ada").await;
    let room = store.event(&ada, |_| {}).await.room_id;
    for minute in [1, 2] {
        keep(store, room, 1, minute).await;
    }
    keep(store, Uuid::new_v4(), 2, 1).await;
    assert_eq!(kept(store).await, [1], "of a room that is gone nothing is kept");
}
