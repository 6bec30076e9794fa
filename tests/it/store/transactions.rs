//! Transactions run to their end whatever becomes of their callers.

use std::{sync::Arc, time::Duration};

use colloquy::{
    config::Quotas,
    store::{
        Db, StoreError, Tx,
        connections::Connections,
        guest_access::GuestAccess,
        rooms::{self, NewRoom},
        unbroken, usage,
    },
};
use sqlx::{PgPool, Postgres};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::{Store, at};

on_both_databases!(Store:
    an_error_rolls_everything_back, a_caller_that_goes_away_cancels_nothing, aborted_callers_leave_no_open_transaction,
    many_writers_wait_for_each_other, a_panic_reaches_the_caller, who_was_in_the_way_of_another_tries_again);

const RENAME: &str = "UPDATE tariffs SET name = 'Renamed'";
const RENAMED: &str = "SELECT count(*) FROM tariffs WHERE name = 'Renamed'";

async fn rename(tx: &mut Tx) -> Result<(), StoreError> {
    match tx {
        Tx::Sqlite(tx) => sqlx::query(RENAME).execute(&mut **tx).await.map(drop)?,
        Tx::Postgres(tx) => sqlx::query(RENAME).execute(&mut **tx).await.map(drop)?,
    }
    Ok(())
}

async fn an_error_rolls_everything_back(store: &Store) {
    let failed: Result<(), StoreError> = store
        .db
        .transaction(|tx| {
            Box::pin(async move {
                rename(tx).await?;
                Err(StoreError::NoFreeSipId)
            })
        })
        .await;
    assert!(matches!(failed, Err(StoreError::NoFreeSipId)));
    assert_eq!(store.number(RENAMED).await, 0);
}

async fn a_caller_that_goes_away_cancels_nothing(store: &Store) {
    let (db, go_on) = (store.db.clone(), Arc::new(Notify::new()));
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let (ended, has_ended) = oneshot::channel();
    let waits = Arc::clone(&go_on);
    let caller = tokio::spawn(unbroken(async move {
        db.transaction(move |tx| {
            Box::pin(async move {
                begins.notify_one();
                waits.notified().await;
                rename(tx).await
            })
        })
        .await?;
        ended.send(()).expect("a listener");
        Ok::<_, StoreError>(())
    }));
    begun.notified().await;
    caller.abort();
    assert!(caller.await.expect_err("aborted").is_cancelled());
    go_on.notify_one();
    has_ended.await.expect("what follows the commit");
    assert_eq!(store.number(RENAMED).await, 1);
}

async fn aborted_callers_leave_no_open_transaction(store: &Store) {
    let owner = store.user("ada").await;
    for number in 0..100 {
        let (db, owner) = (store.db.clone(), owner.clone());
        let caller = tokio::spawn(async move {
            let new = NewRoom {
                id: Uuid::new_v4(),
                tenant_id: owner.tenant_id,
                created_by: owner.profile.id,
                created_at: at(number),
                password: None,
                waiting_room: false,
                guest_access: GuestAccess::default(),
                e2e_encryption: false,
                sip: true,
            };
            rooms::create(&db, new, Quotas::NONE).await
        });
        // After some turns of the scheduler, a different number each time.
        for _ in 0..rand::random_range(0..20) {
            tokio::task::yield_now().await;
        }
        caller.abort();
    }
    let observer = store.again().await;
    if let (Db::Postgres(pool), Db::Postgres(observer)) = (&store.db, &observer) {
        assert_eq!(
            open_transactions(pool, store.settings.connections_max, observer).await,
            0
        );
    }
    observer.close().await;
    let complete = "SELECT count(*) - (SELECT count(*) FROM sip_configs) FROM rooms";
    assert_eq!(store.number(complete).await, 0);
    let written = tokio::time::timeout(Duration::from_secs(10), store.user("bob")).await;
    assert_eq!(written.expect("the writer is free").profile.display_name, "bob");
}

/// Transactions that the pool's connections have open while nobody uses them.
async fn open_transactions(pool: &Connections<Postgres>, connections: u32, observer: &PgPool) -> i64 {
    let (mut held, mut backends) = (Vec::new(), Vec::new());
    for _ in 0..connections {
        let mut connection = pool.acquire().await.expect("a connection");
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut *connection)
            .await
            .expect("a number");
        backends.push(backend);
        held.push(connection);
    }
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1) AND state LIKE 'idle in transaction%'";
    let query = sqlx::query_scalar(open).bind(backends);
    query.fetch_one(observer).await.expect("a number")
}

async fn many_writers_wait_for_each_other(store: &Store) {
    let other = store.again().await;
    let owner = store.user("ada").await;
    let writers = (0..100).map(|number| {
        let db = if number % 2 == 0 {
            store.db.clone()
        } else {
            other.clone()
        };
        let owner = owner.clone();
        tokio::spawn(async move {
            let new = NewRoom {
                id: Uuid::new_v4(),
                tenant_id: owner.tenant_id,
                created_by: owner.profile.id,
                created_at: at(number),
                password: None,
                waiting_room: false,
                guest_access: GuestAccess::default(),
                e2e_encryption: false,
                sip: false,
            };
            rooms::create(&db, new, Quotas::NONE).await
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a task").expect("a room");
    }
    assert_eq!(store.number("SELECT count(*) FROM rooms").await, 100);
    other.close().await;
}

async fn a_panic_reaches_the_caller(store: &Store) {
    let db = store.db.clone();
    let caller = tokio::spawn(async move {
        db.transaction::<(), StoreError, _>(|tx| {
            Box::pin(async move {
                rename(tx).await?;
                panic!("a defect")
            })
        })
        .await
    });
    assert!(caller.await.expect_err("a panic").is_panic());
    assert_eq!(store.number(RENAMED).await, 0);
    store.user("ada").await;
}

/// Each of the two takes what the other waits for: PostgreSQL ends one of them. SQLite has one writer.
async fn who_was_in_the_way_of_another_tries_again(store: &Store) {
    let ada = store.user("ada").await.profile.id;
    let bob = store.user("bob").await.profile.id;
    let both = |first: Uuid, second: Uuid| {
        store.db.transaction(move |tx| {
            Box::pin(async move {
                usage::take_user(tx, first, Quotas::NONE, at(1)).await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
                usage::take_user(tx, second, Quotas::NONE, at(1)).await?;
                Ok::<_, StoreError>(())
            })
        })
    };
    let (one, other) = tokio::join!(both(ada, bob), both(bob, ada));
    one.expect("a transaction");
    other.expect("a transaction");
}
