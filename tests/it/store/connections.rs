//! Opening, migrating and closing databases.

use std::{path::Path, sync::Arc, time::Duration};

use colloquy::{
    config,
    store::{Db, StoreError, sharing_time_limit, users},
};
use futures_util::{FutureExt as _, future::join_all};

use super::Store;
use crate::databases::{Kind, TestDatabase};

on_both_databases!(Store:
    migrating_again_changes_nothing, servers_migrate_at_the_same_time, what_is_stored_stays,
    a_closed_database_is_unavailable, reads_wait_for_few_connections, reads_in_turn_are_on_one_connection,
    a_read_that_is_given_up_leaves_its_connection, what_a_request_holds_is_held_until_its_read_ends);

async fn migrating_again_changes_nothing(store: &Store) {
    let user = store.user("ada").await;
    store.db.migrate().await.expect("nothing to do");
    assert_eq!(
        users::by_id(&store.db, user.profile.id).await.expect("a query"),
        Some(user)
    );
}

async fn servers_migrate_at_the_same_time(store: &Store) {
    let kind = if store.settings.url.is_some() {
        Kind::Postgres
    } else {
        Kind::Sqlite
    };
    let fresh = TestDatabase::unmigrated(kind).await;
    let other = fresh.again().await;
    let (one, two) = tokio::join!(fresh.db.migrate(), other.migrate());
    one.expect("migrations");
    two.expect("migrations");
    assert_eq!(fresh.number("SELECT count(*) FROM tariffs").await, 1);
    other.close().await;
    fresh.finish().await;
}

async fn what_is_stored_stays(store: &Store) {
    let user = store.user("ada").await;
    let again = store.again().await;
    again.ping().await.expect("a sign of life");
    assert_eq!(
        users::by_id(&again, user.profile.id).await.expect("a query"),
        Some(user)
    );
    again.close().await;
}

async fn a_closed_database_is_unavailable(store: &Store) {
    let again = store.again().await;
    again.close().await;
    assert!(matches!(again.ping().await, Err(StoreError::Unavailable(_))));
}

async fn reads_wait_for_few_connections(store: &Store) {
    let settings = config::Database {
        connections_max: 2,
        ..store.settings.clone()
    };
    let few = Db::connect(&settings, store.folder.path()).await;
    let few = few.expect("a database");
    let user = store.user("ada").await.profile.id;
    let reads = (0..200).map(|_| users::by_id(&few, user));
    for read in join_all(reads).await {
        assert!(read.expect("a connection in time").is_some());
    }
    few.close().await;
}

/// Or SQLite would wake another thread for each read. It does not tell who read; PostgreSQL does.
async fn reads_in_turn_are_on_one_connection(store: &Store) {
    const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let user = store.user("ada").await.profile.id;
    let at_once = join_all((0..4).map(|_| users::by_id(&store.db, user))).await;
    assert!(at_once.iter().all(Result::is_ok));
    let Db::Postgres(_) = store.db else { return };
    let began = store.number(NOW).await;
    for _ in 0..10 {
        users::by_id(&store.db, user).await.expect("a user");
    }
    let readers = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE '%FROM users%'
         AND extract(epoch FROM query_start) * 1000000 > {began}"
    );
    assert_eq!(store.number(&readers).await, 1);
}

/// Or whoever breaks off would cost more than whoever waits.
async fn a_read_that_is_given_up_leaves_its_connection(store: &Store) {
    let user = store.user("ada").await.profile.id;
    let connections = || match &store.db {
        Db::Sqlite { read, .. } => read.size(),
        Db::Postgres(pool) => pool.size(),
    };
    users::by_id(&store.db, user).await.expect("a user");
    let before = connections();
    for _ in 0..50 {
        // Some are done at once.
        let _ = users::by_id(&store.db, user).now_or_never();
        assert!(connections() >= before);
        // Where it is not done with the one, another is made.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(connections() < before + 5, "{}", connections());
    assert!(users::by_id(&store.db, user).await.expect("a read").is_some());
}

/// PostgreSQL alone lets a read be held.
async fn what_a_request_holds_is_held_until_its_read_ends(store: &Store) {
    let user = store.user("ada").await.profile.id;
    let Db::Postgres(pool) = &store.db else { return };
    let mut holding = pool.begin().await.expect("a transaction");
    let lock = sqlx::query("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    lock.execute(&mut *holding).await.expect("the lock");
    let held = Arc::new(());
    let request = sharing_time_limit(held.clone(), users::by_id(&store.db, user));
    let given_up = tokio::time::timeout(Duration::from_millis(100), request).await;
    assert!(given_up.is_err());
    assert_eq!(Arc::strong_count(&held), 2);
    holding.rollback().await.expect("a rollback");
    let ended = async {
        while Arc::strong_count(&held) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    assert!(ended.is_ok(), "it is held for ever");
}

/// See `.cargo/config.toml`.
#[tokio::test]
async fn sqlite_is_built_to_keep_plans_and_to_count_nothing() {
    let database = TestDatabase::start(Kind::Sqlite).await;
    let Db::Sqlite { read, .. } = &database.db else {
        unreachable!("SQLite was asked for")
    };
    let options = sqlx::query_scalar("PRAGMA compile_options");
    let options: Vec<String> = options.fetch_all(&**read).await.expect("a list");
    for wanted in ["ENABLE_QPSG", "DEFAULT_MEMSTATUS=0"] {
        assert!(options.iter().any(|option| option == wanted), "{options:?}");
    }
    database.finish().await;
}

#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = TestDatabase::start(Kind::Sqlite).await;
    for entry in database.folder.path().read_dir().expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.file_name());
    }
    database.finish().await;
}

#[tokio::test]
async fn unusable_urls_are_refused() {
    for url in [
        "mysql://localhost/x",
        "sqlite::memory:",
        "sqlite://",
        "sqlite://x?mode=memory",
        "nonsense",
    ] {
        let settings = config::Database {
            url: Some(url.to_owned()),
            ..config::Database::default()
        };
        let error = Db::connect(&settings, Path::new("/nowhere"))
            .await
            .expect_err(url);
        assert!(matches!(error, StoreError::Url(_)), "{url}: {error:?}");
    }
}
