//! The two databases behind one type, and the one way to write.

use std::{future::Future, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::{
    StoreError,
    error::was_in_the_way,
    lease::{Lease, patiently, too_slow, until},
};

/// How long a transaction that failed waits for its rollback; without it the connection is closed.
const ROLLBACK_WAIT: Duration = Duration::from_millis(500);

/// How often a transaction is tried that others are in the way of.
const TRIES_MAX: u32 = 3;

/// A database. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub enum Db {
    Sqlite {
        /// One connection: SQLite has one writer, and waiting for it in our queue is fair.
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// An open transaction. Dropped without an end its connection is closed, by which the database rolls it back.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Lease<Sqlite>),
    Postgres(Lease<Postgres>),
}

impl Db {
    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if let Self::Sqlite { write, .. } = self {
            lent!(write, c => sqlx::query("SELECT 1").execute(c).await.map(drop))?;
        }
        read!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Closes the connections after what they are doing; later calls fail with [`StoreError::Unavailable`].
    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// The one way to write: `work` runs in a transaction and in a task of its own, so that a caller that is dropped
    /// half-way cancels nothing. An error rolls everything back, and so does a database that takes longer than
    /// [`TIME_LIMIT`](super::TIME_LIMIT). What PostgreSQL ends for the sake of another transaction is done again, at most
    /// [`TRIES_MAX`] times in all: `work` does nothing but ask the database.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + std::error::Error + Send + 'static,
    {
        let db = self.clone();
        patiently(|left| {
            // Boxed: on its way into its task the whole work would be moved again and again.
            unbroken(Box::pin(async move {
                let end = Instant::now() + left;
                for _ in 1..TRIES_MAX {
                    match db.try_once(end, work.clone()).await {
                        Err(error) if was_in_the_way(&error) => {
                            tracing::debug!("a transaction was in the way of another and is done again");
                        }
                        done => return done,
                    }
                }
                db.try_once(end, work).await
            }))
        })
        .await
    }

    /// One try of a transaction, which ends at `end`.
    async fn try_once<T, E, F>(&self, end: Instant, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
        E: From<StoreError>,
    {
        let mut tx = until(end, self.begin()).await.map_err(StoreError::from)?;
        let outcome = timeout_at(end, work(&mut tx))
            .await
            .map_err(|_| E::from(StoreError::from(too_slow())))?;
        match outcome {
            Ok(done) => {
                until(end, tx.end("COMMIT")).await.map_err(StoreError::from)?;
                Ok(done)
            }
            Err(error) => {
                // Where even that fails, the connection is closed and the database rolls back by itself.
                let rollback = until(Instant::now() + ROLLBACK_WAIT, tx.end("ROLLBACK"));
                if let Err(failure) = rollback.await {
                    let error: &dyn std::error::Error = &failure;
                    tracing::warn!(error, "could not roll back");
                }
                Err(error)
            }
        }
    }

    async fn begin(&self) -> sqlx::Result<Tx> {
        match self {
            Self::Sqlite { write, .. } => {
                let mut lease = Lease::take(write).await?;
                // A plain BEGIN would fail at its first write when another connection wrote meanwhile.
                let begun = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *lease).await;
                match begun {
                    Ok(_) => Ok(Tx::Sqlite(lease)),
                    Err(error) => lease.settle(Err(error)),
                }
            }
            Self::Postgres(pool) => {
                let mut lease = Lease::take(pool).await?;
                let begun = sqlx::raw_sql("BEGIN").execute(&mut *lease).await;
                match begun {
                    Ok(_) => Ok(Tx::Postgres(lease)),
                    Err(error) => lease.settle(Err(error)),
                }
            }
        }
    }
}

impl Tx {
    /// Commits or rolls back. A connection that did neither is closed.
    async fn end(self, how: &'static str) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(mut lease) => {
                let ended = sqlx::raw_sql(how).execute(&mut *lease).await.map(drop);
                lease.settle_end(ended)
            }
            Self::Postgres(mut lease) => {
                let ended = sqlx::raw_sql(how).execute(&mut *lease).await.map(drop);
                lease.settle_end(ended)
            }
        }
    }
}

/// Runs `work` to its end even when the caller is dropped, e.g. because its client went away. For what must follow a
/// commit, such as a notice to a room, as well as for the commit itself.
pub async fn unbroken<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(StoreError::Stopping.into()),
        },
    }
}
