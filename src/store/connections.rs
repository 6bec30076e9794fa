//! The connections to a database, those at hand that were in use a moment ago first.
//!
//! sqlx's pool hands its connections out by turns and asks each for a sign of life when it comes back. On SQLite, where each connection is
//! a thread, every read woke that thread twice, and the thread that had rested longest; on PostgreSQL every statement took two round
//! trips. What is at hand is neither asked nor changes by turns; it goes back to the pool as soon as somebody waits there.

use std::{
    collections::VecDeque,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Database, Pool, pool::PoolConnection};
use tokio::{runtime::Handle, time::timeout};

use super::interrupt::{Interrupt, Interruptible};

/// What has rested longer goes back to the pool, which looks whether it is still good before it is used again.
const REST_MAX: Duration = Duration::from_millis(500);

/// What has been in use for so long goes back to the pool, too, which closes what is too old.
const USE_MAX: Duration = Duration::from_mins(1);

/// How long a pool waits for a sign of life of a connection that comes back.
const RETURN_WAIT: Duration = Duration::from_secs(2);

/// The connections to a database. Clones share them. What executes a statement on the pool itself (`&*connections`) may have to wait for
/// others to end; nothing in the server does.
pub struct Connections<DB: Database> {
    pool: Pool<DB>,
    at_hand: Arc<Mutex<AtHand<DB>>>,
}

struct AtHand<DB: Database> {
    /// At the most; nothing after the end.
    max: usize,
    /// In the order in which they came back.
    resting: VecDeque<(Taken<DB>, Instant)>,
    /// Who waits for a connection of the pool.
    waiting: usize,
}

/// A connection, and since when it has been away from the pool.
pub(super) struct Taken<DB: Database> {
    pub connection: PoolConnection<DB>,
    pub interrupt: Interrupt,
    since: Instant,
}

impl<DB: Database> Taken<DB> {
    /// Gives it back to the pool, as sqlx does by itself, except that sqlx would wait for ever.
    fn give_back(mut self, runtime: &Handle) {
        runtime.spawn(timeout(RETURN_WAIT, async move {
            self.connection.return_to_pool().await;
        }));
    }
}

impl<DB: Database> AtHand<DB> {
    /// The one that came back last; all others have rested longer.
    fn take(&mut self) -> Option<Taken<DB>> {
        let (_, came_back) = self.resting.back()?;
        if came_back.elapsed() > REST_MAX {
            return None;
        }
        self.resting.pop_back().map(|(taken, _)| taken)
    }

    /// Keeps a connection, if it may; those that go back to the pool.
    fn keep(&mut self, taken: Taken<DB>) -> [Option<Taken<DB>>; 2] {
        let may_stay = self.waiting == 0 && taken.since.elapsed() < USE_MAX && self.resting.len() < self.max;
        let too_many = if may_stay {
            self.resting.push_back((taken, Instant::now()));
            None
        } else {
            Some(taken)
        };
        let is_rested = |(_, came_back): &mut (_, Instant)| came_back.elapsed() > REST_MAX;
        let rested = self.resting.pop_front_if(is_rested).map(|(rested, _)| rested);
        [too_many, rested]
    }
}

impl<DB: Interruptible> Connections<DB> {
    /// A connection at hand, else one of the pool.
    pub(super) async fn take(&self) -> sqlx::Result<Taken<DB>> {
        let at_hand = self.at_hand().take();
        if let Some(taken) = at_hand {
            return Ok(taken);
        }
        let mut connection = self.acquire().await?;
        Ok(Taken {
            interrupt: DB::interrupt(&mut connection).await?,
            connection,
            since: Instant::now(),
        })
    }
}

impl<DB: Database> Connections<DB> {
    /// Keeps at most half of a pool at hand: the rest is for who asks the pool.
    pub(super) fn new(pool: Pool<DB>) -> Self {
        let max = pool.options().get_max_connections() / 2;
        let at_hand = AtHand {
            max: usize::try_from(max).unwrap_or_default(),
            resting: VecDeque::new(),
            waiting: 0,
        };
        Self {
            pool,
            at_hand: Arc::new(Mutex::new(at_hand)),
        }
    }

    /// A connection of the pool, to which from now on all go back that are there, or come back.
    pub async fn acquire(&self) -> sqlx::Result<PoolConnection<DB>> {
        let _waiting = Waiting::begin(self);
        self.let_go();
        self.pool.acquire().await
    }

    /// Keeps a connection at hand whose state is known.
    pub(super) fn put(&self, taken: Taken<DB>, runtime: &Handle) {
        let back = self.at_hand().keep(taken);
        for taken in back.into_iter().flatten() {
            taken.give_back(runtime);
        }
    }

    /// Gives what is at hand back to the pool.
    fn let_go(&self) {
        let resting = std::mem::take(&mut self.at_hand().resting);
        if let Ok(runtime) = Handle::try_current() {
            for (taken, _) in resting {
                taken.give_back(&runtime);
            }
        }
    }

    /// Closes all after what they are doing.
    pub(super) async fn close(&self) {
        self.at_hand().max = 0;
        self.let_go();
        self.pool.close().await;
    }

    fn at_hand(&self) -> MutexGuard<'_, AtHand<DB>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for a connection of the pool, until dropped.
struct Waiting<'c, DB: Database>(&'c Connections<DB>);

impl<'c, DB: Database> Waiting<'c, DB> {
    fn begin(connections: &'c Connections<DB>) -> Self {
        connections.at_hand().waiting += 1;
        Self(connections)
    }
}

impl<DB: Database> Drop for Waiting<'_, DB> {
    fn drop(&mut self) {
        let mut at_hand = self.0.at_hand();
        at_hand.waiting = at_hand.waiting.saturating_sub(1);
    }
}

impl<DB: Database> Drop for AtHand<DB> {
    fn drop(&mut self) {
        // Without a runtime, sqlx could not take them back.
        for (taken, _) in self.resting.drain(..) {
            drop(taken.connection.detach());
        }
    }
}

impl<DB: Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            at_hand: Arc::clone(&self.at_hand),
        }
    }
}

impl<DB: Database> Deref for Connections<DB> {
    type Target = Pool<DB>;

    fn deref(&self) -> &Pool<DB> {
        &self.pool
    }
}

impl<DB: Database> fmt::Debug for Connections<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}
