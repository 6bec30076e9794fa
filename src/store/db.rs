//! The two databases behind one type, and the one way to write.

use std::{
    future::Future,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{Postgres, Sqlite};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::Instrument as _;

use super::{
    StoreError,
    connections::Connections,
    error::was_in_the_way,
    lease::{Lease, Share, held, too_slow, until},
};

/// How long a transaction that failed waits for its rollback; without it the connection is closed.
const ROLLBACK_WAIT: Duration = Duration::from_millis(500);

/// How long a COMMIT may take, whoever waits for it; then its connection is closed.
const COMMIT_MAX: Duration = Duration::from_secs(15);

/// How many transactions have ended since the process began of which somebody was not told what became of them.
static UNKNOWN: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));

/// How often a transaction is tried that others are in the way of.
const TRIES_MAX: u32 = 3;

/// A database. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub enum Db {
    Sqlite {
        /// One connection: SQLite has one writer, and waiting for it in our queue is fair.
        write: Connections<Sqlite>,
        read: Connections<Sqlite>,
    },
    Postgres(Connections<Postgres>),
}

/// The work of a transaction, which may be done again.
type Work = Box<dyn for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Verdict> + Send>;

/// What is to become of a transaction.
enum Verdict {
    Commit,
    Rollback,
    /// It is rolled back, as others were in its way, and may be tried again.
    Again,
}

/// Where a task puts what has come of its work.
struct Outcome<T, E>(Arc<Mutex<Option<Result<T, E>>>>);

impl<T, E> Default for Outcome<T, E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T, E> Clone for Outcome<T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, E: From<StoreError>> Outcome<T, E> {
    fn put(&self, done: Result<T, E>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    }

    /// Nothing is there only while the server stops.
    fn take(&self) -> Result<T, E> {
        let done = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        done.unwrap_or_else(|| Err(StoreError::Stopping.into()))
    }
}

/// An open transaction. Dropped without an end its connection is closed, by which the database rolls it back.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Lease<Sqlite>),
    Postgres(Lease<Postgres>),
}

impl Db {
    /// How many reads may be under way at the same time, of everybody.
    #[must_use]
    pub fn reads_max(&self) -> usize {
        let connections = match self {
            Self::Sqlite { read, .. } => read.options().get_max_connections(),
            Self::Postgres(pool) => pool.options().get_max_connections(),
        };
        usize::try_from(connections).unwrap_or(usize::MAX)
    }

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
    /// [`TIME_LIMIT`](super::TIME_LIMIT), but for [`StoreError::OutcomeUnknown`]. What PostgreSQL ends for the sake of another transaction is done again, at most
    /// [`TRIES_MAX`] times in all: `work` does nothing but ask the database.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + std::error::Error + Send + 'static,
    {
        let outcome = Outcome::default();
        let place = outcome.clone();
        let judged: Work = Box::new(move |tx| {
            let (work, place) = (work.clone(), place.clone());
            Box::pin(async move {
                let done = work(tx).await;
                let verdict = match &done {
                    Ok(_) => Verdict::Commit,
                    Err(error) if was_in_the_way(error) => Verdict::Again,
                    Err(_) => Verdict::Rollback,
                };
                place.put(done);
                verdict
            })
        });
        self.run(judged).await?;
        outcome.take()
    }

    /// Everything of a transaction that is the same for all: compiled once, as there are many.
    async fn run(&self, mut work: Work) -> Result<(), StoreError> {
        let (db, share) = (self.clone(), Share::begin());
        let end = Instant::now() + share.left;
        let done = run_to_its_end(Box::pin(async move {
            for _ in 1..TRIES_MAX {
                match db.try_once(end, &mut work).await {
                    Ok(Verdict::Again) => {}
                    Err(error) if was_in_the_way(&error) => {}
                    done => return done,
                }
                tracing::debug!("a transaction was in the way of another and is done again");
            }
            db.try_once(end, &mut work).await
        }));
        let done = done.await;
        share.end();
        done?.map(drop)
    }

    /// One try of a transaction, which ends at `end`.
    async fn try_once(&self, end: Instant, work: &mut Work) -> Result<Verdict, StoreError> {
        let mut tx = until(end, self.begin()).await?;
        let verdict = timeout_at(end, work(&mut tx)).await.map_err(|_| too_slow())?;
        if matches!(verdict, Verdict::Commit) {
            return commit(tx, end).await.map(|()| verdict);
        }
        // Where even that fails, the connection is closed and the database rolls back by itself.
        let rollback = until(Instant::now() + ROLLBACK_WAIT, tx.end("ROLLBACK"));
        if let Err(failure) = rollback.await {
            let error: &dyn std::error::Error = &failure;
            tracing::warn!(error, "could not roll back");
        }
        Ok(verdict)
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

/// Commits in a task of its own: what was sent is not taken back by whoever does not wait for the answer.
async fn commit(tx: Tx, end: Instant) -> Result<(), StoreError> {
    let committed = async move {
        let ended = until(Instant::now() + COMMIT_MAX, tx.end("COMMIT")).await;
        let ended = ended.map_err(StoreError::of_commit);
        let is_unknown = ended.as_ref().is_err_and(StoreError::is_outcome_unknown);
        if is_unknown || Instant::now() >= end {
            UNKNOWN.send_modify(|count| *count += 1);
        }
        ended
    };
    match timeout_at(end, run_to_its_end(Box::pin(committed))).await {
        Ok(ended) => ended?,
        Err(_) => Err(StoreError::OutcomeUnknown(too_slow())),
    }
}

/// Changes when somebody was not told what became of a transaction, and it has ended since: whatever follows from what is stored is to
/// be looked at again.
#[must_use]
pub fn unknown_outcomes() -> watch::Receiver<u64> {
    UNKNOWN.subscribe()
}

/// Runs `work` to its end even when the caller is dropped, e.g. because its client went away. For what must follow a
/// commit, such as a notice to a room, as well as for the commit itself.
pub async fn unbroken<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let outcome = Outcome::default();
    let place = outcome.clone();
    run_to_its_end(Box::pin(async move { place.put(work.await) })).await?;
    outcome.take()
}

/// Runs a boxed future in a task of its own, which keeps what the request holds. One type serves all of the same output: each type of a task is much code.
async fn run_to_its_end<T: Send + 'static>(work: BoxFuture<'static, T>) -> Result<T, StoreError> {
    let held = held();
    let work = async move {
        let done = work.await;
        drop(held);
        done
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(StoreError::Stopping),
        },
    }
}
