//! Ending a statement that nobody waits for any more.
//!
//! PostgreSQL ends them by itself (`statement_timeout`). SQLite would go on to the end, on the thread of its connection: whoever asks for
//! what takes long would have more and more threads at work, however few connections a pool may have.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;
use sqlx::{Database, PgConnection, Postgres, Sqlite, SqliteConnection};

/// Steps of SQLite's machine between two looks: some tenths of a millisecond.
const STEPS: i32 = 10_000;

/// Ends what a connection does. Of PostgreSQL it does nothing.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Option<Arc<AtomicBool>>);

impl Interrupt {
    /// Ends the statement that runs, and those that follow, until [`Self::over`]; false where that can't be.
    pub fn begin(&self) -> bool {
        self.set(true)
    }

    /// The connection may be used again.
    pub fn over(&self) {
        self.set(false);
    }

    fn set(&self, on: bool) -> bool {
        if let Some(flag) = &self.0 {
            flag.store(on, Ordering::Relaxed);
        }
        self.0.is_some()
    }
}

/// A database whose connections can be told to end what they do.
pub trait Interruptible: Database {
    /// Of a connection that does nothing now.
    fn interrupt(connection: &mut Self::Connection) -> BoxFuture<'_, sqlx::Result<Interrupt>>;
}

impl Interruptible for Sqlite {
    fn interrupt(connection: &mut SqliteConnection) -> BoxFuture<'_, sqlx::Result<Interrupt>> {
        Box::pin(async move {
            let flag = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&flag);
            let mut handle = connection.lock_handle().await?;
            handle.set_progress_handler(STEPS, move || !seen.load(Ordering::Relaxed));
            Ok(Interrupt(Some(flag)))
        })
    }
}

impl Interruptible for Postgres {
    fn interrupt(_connection: &mut PgConnection) -> BoxFuture<'_, sqlx::Result<Interrupt>> {
        Box::pin(ready(Ok(Interrupt::default())))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::time::{sleep, timeout};

    use crate::{
        config,
        store::{
            Db, StoreError,
            lease::{Held, sharing_time_limit},
        },
    };

    const ENDLESS: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    async fn read(db: &Db, sql: &'static str) -> Result<i64, StoreError> {
        Ok(read!(db, c => sqlx::query_scalar(sql).fetch_one(c).await)?)
    }

    #[tokio::test]
    async fn what_nobody_waits_for_ends_and_keeps_its_place_until_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::connect(&config::Database::default(), folder.path()).await;
        let db = db.expect("a database");
        let held: Held = Arc::new(());
        for _ in 0..3 {
            let request = sharing_time_limit(held.clone(), read(&db, ENDLESS));
            assert!(timeout(Duration::from_millis(50), request).await.is_err());
            assert_eq!(Arc::strong_count(&held), 2);
            let ended = async {
                while Arc::strong_count(&held) > 1 {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            assert!(
                timeout(Duration::from_secs(30), ended).await.is_ok(),
                "it goes on"
            );
        }
        // All on one connection, which is still good.
        let Db::Sqlite { read: readers, .. } = &db else {
            panic!("SQLite");
        };
        assert_eq!(readers.size(), 1);
        assert_eq!(read(&db, "SELECT 7").await.expect("a read"), 7);
        assert_eq!(readers.size(), 1);
        db.close().await;
    }
}
