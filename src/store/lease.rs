//! Connections on loan: what asks the database ends in time, and no connection goes back in a state that nobody knows.
//!
//! sqlx has no deadline for a statement, and its pool keeps the place of a connection that does not answer.

use std::{
    any::Any,
    cell::Cell,
    fmt,
    future::Future,
    io,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{Connection as _, Database};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    connections::{Connections, Taken},
    interrupt::Interruptible,
};

/// How long a request may wait for the database, all that it asks taken together; the same for one question or one
/// transaction of whoever is no request. Below the 5 s within which clients hear that they shall come again.
pub const TIME_LIMIT: Duration = Duration::from_secs(4);

/// How long a read whose caller has gone may still take; it is interrupted then.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(1);

/// How long an interrupted read may take to end; its connection is closed then.
const INTERRUPT_MAX: Duration = Duration::from_secs(1);

/// The same of one that the database ends by itself (`STATEMENT_MS_MAX` in `connect.rs`): given back before, places and connections would be
/// more than there are.
const ENDED_BY_ITSELF_MAX: Duration = Duration::from_secs(5);

/// What a request holds, such as a place among those of its caller.
pub type Held = Arc<dyn Any + Send + Sync>;

/// A request that asks the database.
struct Asking {
    /// What is left of its time limit.
    left: Cell<Duration>,
    /// What it holds until all that it has asked has ended.
    held: Held,
}

tokio::task_local! {
    static ASKING: Asking;
}

/// Runs a request: all that it asks of the database shares one [`TIME_LIMIT`]. What it has begun there keeps `held` until it ends, also
/// when the request itself is given up.
pub async fn sharing_time_limit<F: Future>(held: Held, request: F) -> F::Output {
    let left = Cell::new(TIME_LIMIT);
    ASKING.scope(Asking { left, held }, request).await
}

/// What the request holds that runs in this task; nothing outside of one. For work that goes on when the request is given up.
#[must_use]
pub fn held() -> Option<Held> {
    ASKING.try_with(|asking| Arc::clone(&asking.held)).ok()
}

/// What somebody may take who asks the database: [`TIME_LIMIT`], or what its request has left.
pub(super) struct Share {
    started: Instant,
    pub left: Duration,
}

impl Share {
    pub(super) fn begin() -> Self {
        Self {
            started: Instant::now(),
            left: ASKING.try_with(|asking| asking.left.get()).unwrap_or(TIME_LIMIT),
        }
    }

    /// Takes what was needed from what the request has. Outside of one nothing is shared.
    pub(super) fn end(self) {
        let left = self.left.saturating_sub(self.started.elapsed());
        let _ = ASKING.try_with(|asking| asking.left.set(left));
    }
}

/// Waits for a read. When it takes too long, or when the caller goes away, it is left alone: see [`Lease`]. (Boxed, so that all reads
/// of the same rows are one function to the compiler.)
pub(super) async fn in_time<T>(read: BoxFuture<'_, sqlx::Result<T>>) -> sqlx::Result<T> {
    let share = Share::begin();
    let done = timeout(share.left, read)
        .await
        .unwrap_or_else(|_| Err(too_slow()));
    share.end();
    done
}

/// Waits until `end`.
pub(super) async fn until<T>(end: Instant, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout_at(end, work).await.unwrap_or_else(|_| Err(too_slow()))
}

/// The error of a database that does not answer.
pub(super) fn too_slow() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "the database did not answer in time",
    ))
}

/// A connection on loan. It goes back when it was settled. Else a transaction is closed, which ends what it had begun; a read that was left
/// alone may end, and its connection goes back then. (Closed each time, connections would be made anew for whoever breaks off.)
pub struct Lease<DB: Database> {
    connections: Connections<DB>,
    /// There until the lease ends.
    taken: Option<Taken<DB>>,
    fate: Fate,
}

/// What becomes of a connection when its loan ends.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is closed: in the middle of a transaction, or broken.
    Closed,
    /// It goes back when it has done what was asked of it.
    LeftAlone,
    /// It goes back at once.
    Back,
}

impl<DB: Interruptible> Lease<DB> {
    /// For a transaction.
    pub(super) async fn take(connections: &Connections<DB>) -> sqlx::Result<Self> {
        Ok(Self {
            taken: Some(connections.take().await?),
            connections: connections.clone(),
            fate: Fate::Closed,
        })
    }

    /// For one statement that changes nothing.
    pub(super) async fn to_read(connections: &Connections<DB>) -> sqlx::Result<Self> {
        let mut lease = Self::take(connections).await?;
        lease.fate = Fate::LeftAlone;
        Ok(lease)
    }
}

impl<DB: Database> Lease<DB> {
    /// Ends the loan after a statement outside of transactions, and passes its outcome on.
    pub(super) fn settle<T>(mut self, outcome: sqlx::Result<T>) -> sqlx::Result<T> {
        self.fate = match &outcome {
            Err(error) if is_broken(error) => Fate::Closed,
            _ => Fate::Back,
        };
        outcome
    }

    /// Ends the loan after a commit or a rollback: after a failure it is not known whether the transaction is still open.
    pub(super) fn settle_end(mut self, ended: sqlx::Result<()>) -> sqlx::Result<()> {
        self.fate = match ended {
            Ok(()) => Fate::Back,
            Err(_) => Fate::Closed,
        };
        ended
    }
}

/// Whether the connection, not the statement, is what failed.
fn is_broken(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    matches!(error, E::Io(_) | E::Tls(_) | E::Protocol(_) | E::WorkerCrashed)
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else {
            return;
        };
        match (self.fate, Handle::try_current()) {
            (Fate::Back, Ok(runtime)) => self.connections.put(taken, &runtime),
            (Fate::LeftAlone, Ok(runtime)) => {
                runtime.spawn(let_end(self.connections.clone(), taken, held()));
            }
            _ => close(taken),
        }
    }
}

/// Waits until a connection has done what was asked of it, and takes it back.
async fn let_end<DB: Database>(connections: Connections<DB>, mut taken: Taken<DB>, held: Option<Held>) {
    // The answer to this comes behind all others.
    let mut ended = timeout(LEFT_ALONE_MAX, taken.connection.ping()).await;
    if ended.is_err() {
        let more = if taken.interrupt.begin() {
            INTERRUPT_MAX
        } else {
            ENDED_BY_ITSELF_MAX
        };
        ended = timeout(more, taken.connection.ping()).await;
    }
    match (ended, Handle::try_current()) {
        (Ok(Ok(())), Ok(runtime)) => {
            taken.interrupt.over();
            connections.put(taken, &runtime);
        }
        _ => close(taken),
    }
    drop(held);
}

/// Closes a connection, whatever it is doing.
fn close<DB: Database>(taken: Taken<DB>) {
    taken.interrupt.begin();
    drop(taken.connection.detach());
}

impl<DB: Database> Deref for Lease<DB> {
    type Target = DB::Connection;

    #[expect(
        clippy::expect_used,
        reason = "the connection is there until the lease is dropped"
    )]
    fn deref(&self) -> &Self::Target {
        &self.taken.as_ref().expect("a connection").connection
    }
}

impl<DB: Database> DerefMut for Lease<DB> {
    #[expect(
        clippy::expect_used,
        reason = "the connection is there until the lease is dropped"
    )]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.taken.as_mut().expect("a connection").connection
    }
}

impl<DB: Database> fmt::Debug for Lease<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("fate", &self.fate)
            .finish_non_exhaustive()
    }
}
