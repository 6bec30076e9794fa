//! Opening, migrating and closing databases.

use std::path::Path;

use colloquy::{
    config,
    store::{Db, StoreError, users},
};

use super::Store;
use crate::databases::{Kind, TestDatabase};

on_both_databases!(Store:
    migrating_again_changes_nothing, servers_migrate_at_the_same_time, what_is_stored_stays,
    a_closed_database_is_unavailable);

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

/// Or every statement with a bound LIMIT would be planned anew each time: see `.cargo/config.toml`.
#[tokio::test]
async fn sqlite_keeps_the_plans_of_its_statements() {
    let database = TestDatabase::start(Kind::Sqlite).await;
    let Db::Sqlite { read, .. } = &database.db else {
        unreachable!("SQLite was asked for")
    };
    let options = sqlx::query_scalar("PRAGMA compile_options");
    let options: Vec<String> = options.fetch_all(read).await.expect("a list");
    assert!(
        options.iter().any(|option| option == "ENABLE_QPSG"),
        "{options:?}"
    );
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
