//! Jobs take what they delete in the order in which requests take it.

use colloquy::jobs::Job;
use serde_json::json;

use super::{Plan, days_ago, event, room, run};
use crate::store::Store;

on_both_databases!(Store: jobs_take_the_owner_before_the_event, jobs_take_the_owner_before_the_room);

async fn jobs_take_the_owner_before_the_event(store: &Store) {
    let ada = store.user("ada").await;
    let plan = Plan {
        created_at: days_ago(2),
        ends_at: None,
        is_adhoc: true,
        series: None,
    };
    event(store, &ada, plan).await;
    takes_the_owner_before(store, "events", Job::AdhocEventCleanup).await;
}

async fn jobs_take_the_owner_before_the_room(store: &Store) {
    let ada = store.user("ada").await;
    room(store, &ada, days_ago(1000)).await;
    takes_the_owner_before(store, "rooms", Job::RoomCleanup).await;
}

/// Who deletes by REST takes the owner first: in another order, both would wait for each other.
async fn takes_the_owner_before(store: &Store, table: &str, job: Job) {
    let parameters = json!({});
    let work = run(store, job, &parameters);
    if let Some((free, report)) = store.free_while_users_are_taken(table, work).await {
        assert_eq!((free, report.deleted), (1, 1));
    }
}
