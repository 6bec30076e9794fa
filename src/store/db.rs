//! The two databases behind one type, and the one way to write.

use std::future::Future;

use futures_util::future::BoxFuture;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tracing::Instrument as _;

use super::StoreError;

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

/// An open transaction. Dropped without a commit it is rolled back.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Applies the migrations that are missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => {
                // One transaction around all: sqlx locks out other servers that migrate on PostgreSQL only.
                let mut transaction = write.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::migrate!("migrations/sqlite").run(&mut *transaction).await?;
                transaction.commit().await?;
            }
            Self::Postgres(pool) => sqlx::migrate!("migrations/postgres").run(pool).await?,
        }
        Ok(())
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if let Self::Sqlite { write, .. } = self {
            sqlx::query("SELECT 1").execute(write).await?;
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
    /// half-way cancels nothing. An error rolls everything back.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let db = self.clone();
        unbroken(async move {
            let mut tx = db.begin().await?;
            match work(&mut tx).await {
                Ok(done) => {
                    tx.commit().await?;
                    Ok(done)
                }
                Err(error) => {
                    // Where even that fails, the connection is closed and the database rolls back by itself.
                    if let Err(failure) = tx.rollback().await {
                        let error: &dyn std::error::Error = &failure;
                        tracing::warn!(error, "could not roll back");
                    }
                    Err(error)
                }
            }
        })
        .await
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            // A plain BEGIN would fail at its first write when another connection wrote meanwhile.
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }
}

impl Tx {
    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await?,
            Self::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
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
