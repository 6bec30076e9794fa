//! Keeps a second server out of a PostgreSQL database: both would answer for the same rooms.
//!
//! SQLite needs none of this: its file lies in the data folder, whose journals are locked.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::{Db, StoreError};

/// Key of the advisory lock: the bytes of `colloquy`.
const KEY: i64 = i64::from_be_bytes(*b"colloquy");

/// How long to wait for a server that is just ending.
const WAIT: Duration = Duration::from_secs(15);

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(200);

/// The right to be the server of a database, held by a connection of its own.
#[derive(Debug)]
pub struct ServerLock {
    db: Db,
    held: Option<PgConnection>,
}

impl Db {
    /// Locks other servers out, waiting at most 15 s for one that is just ending.
    pub async fn lock_server(&self) -> Result<ServerLock, StoreError> {
        let mut lock = ServerLock {
            db: self.clone(),
            held: None,
        };
        let deadline = Instant::now() + WAIT;
        while !lock.hold().await? {
            if Instant::now() >= deadline {
                return Err(StoreError::InUse);
            }
            sleep(RETRY).await;
        }
        Ok(lock)
    }
}

impl ServerLock {
    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db.ping().await
    }

    /// Whether the lock is held; a lost connection is replaced. False when another server holds it.
    pub async fn hold(&mut self) -> Result<bool, StoreError> {
        let Db::Postgres(pool) = &self.db else {
            return Ok(true);
        };
        if let Some(connection) = &mut self.held {
            if connection.ping().await.is_ok() {
                return Ok(true);
            }
            self.held = None;
        }
        let mut connection = pool.acquire().await?.detach();
        let locked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(KEY)
            .fetch_one(&mut connection)
            .await?;
        if locked {
            self.held = Some(connection);
        }
        Ok(locked)
    }
}
