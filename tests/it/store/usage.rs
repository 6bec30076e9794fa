//! What is counted for quotas.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use colloquy::{
    config::Quotas,
    quotas::{Period, Quota},
    store::{
        StoreError,
        usage::{self, Counter, QuotaError, QuotaExceeded},
    },
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{Store, at};

on_both_databases!(Store:
    a_counter_is_raised_to_its_limit_and_no_further,
    as_many_as_there_is_room_for_are_counted,
    what_is_rolled_back_is_not_counted,
    the_next_day_begins_at_nothing,
    many_at_once_count_exactly,
    a_user_is_limited_by_tariff_and_settings,
    counters_outlast_the_server,
);

const MAILS: Quota = Quota::MailsPerDay;

async fn raise(store: &Store, counter: &Counter, by: u64, max: Option<u64>) -> Result<u64, QuotaError> {
    let counter = counter.clone();
    store
        .db
        .transaction(move |tx| Box::pin(async move { usage::raise(tx, &counter, by, max, at(0)).await }))
        .await
}

async fn a_counter_is_raised_to_its_limit_and_no_further(store: &Store) {
    let (ada, bob) = (Uuid::new_v4(), Uuid::new_v4());
    let counter = Counter::of_id(ada, MAILS);
    assert_eq!(raise(store, &counter, 2, Some(3)).await.expect("room"), 2);
    match raise(store, &counter, 2, Some(3)).await {
        Err(QuotaError::Exceeded(exceeded)) => assert_eq!(
            exceeded,
            QuotaExceeded {
                quota: MAILS,
                max: 3,
                used: 2,
                ends_in_secs: Some(Period::Day.secs_left(at(0))),
            }
        ),
        other => panic!("not exceeded: {other:?}"),
    }
    assert_eq!(raise(store, &counter, 1, Some(3)).await.expect("room"), 3);
    assert_eq!(raise(store, &counter, 5, None).await.expect("no limit"), 8);
    assert_eq!(usage::used(&store.db, &counter, at(0)).await.expect("a query"), 8);
    // Others, and other quotas of the same, have counters of their own.
    let others = [
        Counter::of_id(bob, MAILS),
        Counter::of_id(ada, Quota::ExternalInviteesPerDay),
        Counter::of_bytes(&[7; 32], MAILS),
    ];
    for other in others {
        assert_eq!(usage::used(&store.db, &other, at(0)).await.expect("a query"), 0);
        assert_eq!(raise(store, &other, 1, Some(1)).await.expect("room"), 1);
    }
}

async fn as_many_as_there_is_room_for_are_counted(store: &Store) {
    let counter = Counter::of_id(Uuid::new_v4(), MAILS);
    let mut granted = Vec::new();
    for (wanted, max) in [(3, Some(5)), (3, Some(5)), (3, Some(5)), (4, None)] {
        let counter = counter.clone();
        let raised: Result<u64, StoreError> = store
            .db
            .transaction(move |tx| {
                Box::pin(async move { usage::raise_up_to(tx, &counter, wanted, max, at(0)).await })
            })
            .await;
        granted.push(raised.expect("a count"));
    }
    assert_eq!(granted, [3, 2, 0, 4]);
    assert_eq!(usage::used(&store.db, &counter, at(0)).await.expect("a query"), 9);
}

async fn what_is_rolled_back_is_not_counted(store: &Store) {
    let counter = Counter::of_id(Uuid::new_v4(), MAILS);
    let again = counter.clone();
    let undone = store.db.transaction(move |tx| {
        Box::pin(async move {
            usage::raise(tx, &again, 1, Some(1), at(0)).await?;
            Err::<(), _>(QuotaError::Store(StoreError::Stopping))
        })
    });
    undone.await.expect_err("rolled back");
    assert_eq!(usage::used(&store.db, &counter, at(0)).await.expect("a query"), 0);
    assert_eq!(raise(store, &counter, 1, Some(1)).await.expect("room"), 1);
}

async fn the_next_day_begins_at_nothing(store: &Store) {
    let counter = Counter::of_id(Uuid::new_v4(), MAILS);
    raise(store, &counter, 3, Some(3)).await.expect("room");
    let tomorrow = Period::Day.start(at(0)) + TimeDelta::days(1);
    assert_eq!(
        usage::used(&store.db, &counter, tomorrow).await.expect("a query"),
        0
    );
    // Both days count by themselves until the older is cleared away.
    let last = tomorrow - TimeDelta::microseconds(1);
    assert_eq!(usage::used(&store.db, &counter, last).await.expect("a query"), 3);
    assert_eq!(usage::count_old(&store.db, tomorrow).await.expect("a query"), 1);
    assert_eq!(
        usage::delete_old(&store.db, tomorrow, 10).await.expect("a query"),
        1
    );
    assert_eq!(usage::used(&store.db, &counter, last).await.expect("a query"), 0);
}

async fn many_at_once_count_exactly(store: &Store) {
    let counter = Counter::of_id(Uuid::new_v4(), MAILS);
    let raised = join_all((0..20).map(|_| raise(store, &counter, 1, Some(7)))).await;
    let refused = |raised: &&Result<u64, QuotaError>| matches!(raised, Err(QuotaError::Exceeded(_)));
    assert_eq!(raised.iter().filter(refused).count(), 13);
    assert_eq!(raised.iter().filter(|raised| raised.is_ok()).count(), 7);
    assert_eq!(usage::used(&store.db, &counter, at(0)).await.expect("a query"), 7);
}

async fn a_user_is_limited_by_tariff_and_settings(store: &Store) {
    let ada = store.user("ada").await.profile.id;
    let settings = Quotas {
        rooms_max: 2,
        events_max: 9,
        ..Quotas::NONE
    };
    let limits = async |user| {
        let limits: Result<usage::Limits, StoreError> = store
            .db
            .transaction(move |tx| Box::pin(async move { usage::take_user(tx, user, settings, at(5)).await }))
            .await;
        let limits = limits.expect("limits");
        let names = [Quota::RoomsMax, Quota::EventsMax, Quota::InvitesPerRoomMax];
        names.map(|quota| limits.of(quota))
    };
    assert_eq!(limits(ada).await, [Some(2), Some(9), None]);
    store
        .execute(r#"UPDATE tariffs SET quotas = '{"rooms_max": 7, "events_max": 0}'"#)
        .await;
    assert_eq!(limits(ada).await, [Some(7), None, None]);
    assert_eq!(
        limits(Uuid::new_v4()).await,
        [Some(2), Some(9), None],
        "a user who is gone"
    );
    let limits = usage::Limits::new(BTreeMap::new(), settings);
    assert!(limits.one_more(Quota::RoomsMax, 1).is_ok());
    let exceeded = limits.one_more(Quota::RoomsMax, 3).expect_err("a limit");
    assert_eq!((exceeded.max, exceeded.used, exceeded.ends_in_secs), (2, 3, None));
    assert!(
        limits.one_more(Quota::InvitesPerRoomMax, u64::MAX).is_ok(),
        "no limit"
    );
}

async fn counters_outlast_the_server(store: &Store) {
    let counter = Counter::of_id(Uuid::new_v4(), MAILS);
    raise(store, &counter, 3, Some(3)).await.expect("room");
    let again = store.again().await;
    assert_eq!(usage::used(&again, &counter, at(0)).await.expect("a query"), 3);
    again.close().await;
}
