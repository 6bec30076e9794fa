//! The log of a room in a cluster. Its owner has it in memory and the store has it too: nothing is logged before the store has said so.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::store::{Claim, Claimed, ClusterStore, LogBatch, StoreDown, Stored, StoredLog, Written};
use crate::{
    ids::RoomId,
    journal::{Doing, LogLost, storage::Storage},
    ports::BoxFuture,
};

/// Between two tries of something that the store did not do.
const RETRY: Duration = Duration::from_millis(100);

/// A room that begins, or is taken up, waits so long for the store; one that lives waits for ever.
const BEGIN: Duration = Duration::from_secs(4);

/// Before what the store has lost is brought to it again.
const PAUSE: Duration = Duration::from_millis(5);

/// A room's log. Clones are one.
#[derive(Clone)]
pub struct ClusterLog(Arc<Inner>);

struct Inner {
    room: RoomId,
    claim: Claim,
    store: Arc<dyn ClusterStore>,
    around: Arc<dyn AroundLog>,
    held: Mutex<Held>,
}

/// What a log needs to know of its node.
pub trait AroundLog: Send + Sync {
    /// The store has lost something.
    fn store_has_lost(&self);

    /// Whether a claim that the store does not know any more may be made again, when it was good so long ago: not where others have
    /// owned the room meanwhile, and ended it.
    fn may_claim_again(&self, good_ago: Duration) -> BoxFuture<'_, bool>;
}

/// What the store has, or is about to get.
struct Held {
    snapshot: Bytes,
    /// The number of the last batch that the snapshot covers.
    upto: u64,
    batches: Vec<Bytes>,
    /// The snapshot is not in the store yet.
    is_new: bool,
    /// When the store said last that the claim is good.
    good_at: Instant,
}

impl Held {
    fn last(&self) -> u64 {
        self.upto + self.batches.len() as u64
    }

    fn bytes(&self) -> Vec<u8> {
        let mut all = self.snapshot.to_vec();
        for batch in &self.batches {
            all.extend_from_slice(batch);
        }
        all
    }

    /// All that there is becomes the snapshot.
    fn begin_with(&mut self, bytes: Bytes) {
        (self.upto, self.batches) = (self.last(), Vec::new());
        (self.snapshot, self.is_new) = (bytes, true);
    }
}

impl fmt::Debug for ClusterLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterLog")
            .field("room", &self.0.room)
            .field("claim", &self.0.claim)
            .finish_non_exhaustive()
    }
}

impl ClusterLog {
    /// The log of a room that is owned by this claim.
    pub fn new(
        room: RoomId,
        claim: Claim,
        log: StoredLog,
        store: Arc<dyn ClusterStore>,
        around: Arc<dyn AroundLog>,
    ) -> Self {
        let held = Held {
            upto: log.last.saturating_sub(log.batches.len() as u64),
            snapshot: log.snapshot.into(),
            batches: log.batches.into_iter().map(Bytes::from).collect(),
            is_new: false,
            good_at: Instant::now(),
        };
        Self(Arc::new(Inner {
            room,
            claim,
            store,
            around,
            held: Mutex::new(held),
        }))
    }

    /// Brings the store what [`Storage::reset`] has put here.
    pub async fn sync(&self) -> io::Result<()> {
        let inner = &self.0;
        let until = Some(Instant::now() + BEGIN);
        while inner.held().is_new {
            inner.write_snapshot(until).await?;
        }
        Ok(())
    }

    /// The room is not to be: its claim goes.
    pub async fn give_up(&self) {
        let (store, claim) = (&self.0.store, &self.0.claim);
        let _ = store.release(self.0.room, claim.nonce).await;
        let _ = store.disown(&claim.owner, self.0.room).await;
    }

    fn doing<F>(&self, doing: impl FnOnce(Arc<Inner>) -> F) -> Doing
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Doing::UnderWay(Box::pin(doing(Arc::clone(&self.0))))
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn append(&self, bytes: Bytes) -> io::Result<()> {
        let batch = LogBatch {
            number: self.held().last() + 1,
            bytes,
        };
        self.until_done(|| self.store.append(self.room, self.claim.nonce, &batch))
            .await?;
        self.held().batches.push(batch.bytes);
        Ok(())
    }

    /// Asks the store again and again until it has done this; what it has lost it is brought before that.
    async fn until_done<'a>(&'a self, ask: impl Fn() -> Stored<'a, Written>) -> io::Result<()> {
        loop {
            let written = ask().await;
            match self.judge(written, None).await? {
                Next::Done => return Ok(()),
                Next::Again => {}
                Next::BringBack(after) => self.bring_back(after, None).await?,
            }
        }
    }

    /// What an answer of the store means for the log.
    async fn judge(&self, written: Result<Written, StoreDown>, until: Option<Instant>) -> io::Result<Next> {
        let lost = |lost: LogLost| Err(io::Error::other(lost));
        match written {
            Ok(Written::Done) => {
                self.held().good_at = Instant::now();
                Ok(Next::Done)
            }
            Ok(Written::Behind(after)) => {
                self.around.store_has_lost();
                sleep(PAUSE).await;
                Ok(Next::BringBack(Some(after)))
            }
            Ok(Written::Ahead) => lost(LogLost::Ahead),
            Ok(Written::Gone) => lost(LogLost::Deleted),
            // A failover of the store has brought back the claim whose place this one took.
            Ok(Written::Fenced(by)) if Some(by) == self.claim.replaced => self.claim_again(Some(by)).await,
            Ok(Written::Fenced(_)) => lost(LogLost::Fenced),
            Ok(Written::Lost) => {
                let good_ago = self.held().good_at.elapsed();
                if self.around.may_claim_again(good_ago).await {
                    self.claim_again(None).await
                } else {
                    lost(LogLost::Fenced)
                }
            }
            Err(StoreDown(_)) if until.is_none_or(|until| Instant::now() < until) => {
                sleep(RETRY).await;
                Ok(Next::Again)
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// The store has lost the claim.
    async fn claim_again(&self, expected: Option<super::store::ClaimNonce>) -> io::Result<Next> {
        tracing::warn!(room.id = %self.room, "the store has lost the claim of a room; it is made again");
        self.around.store_has_lost();
        match self.store.claim(self.room, expected, &self.claim).await {
            Ok(Claimed::Owned { .. }) => Ok(Next::BringBack(None)),
            Ok(Claimed::Taken) => Err(io::Error::other(LogLost::Fenced)),
            Ok(Claimed::Gone) => Err(io::Error::other(LogLost::Deleted)),
            Err(StoreDown(_)) => {
                sleep(RETRY).await;
                Ok(Next::Again)
            }
        }
    }

    /// The store gets again what it has lost: the batches after this one, or all.
    async fn bring_back(&self, after: Option<u64>, until: Option<Instant>) -> io::Result<()> {
        let missing = {
            let held = self.held();
            after.filter(|after| *after >= held.upto).map(|after| {
                let missing = held.batches.iter().enumerate().map(|(index, bytes)| LogBatch {
                    number: held.upto + index as u64 + 1,
                    bytes: bytes.clone(),
                });
                missing.filter(|batch| batch.number > after).collect::<Vec<_>>()
            })
        };
        let Some(missing) = missing else {
            let bytes = Bytes::from(self.held().bytes());
            self.held().begin_with(bytes);
            return self.write_snapshot(until).await;
        };
        for batch in missing {
            loop {
                let written = self.store.append(self.room, self.claim.nonce, &batch).await;
                match self.judge(written, until).await? {
                    Next::Done => break,
                    Next::Again => {}
                    // It is lost once more: the next append finds out.
                    Next::BringBack(_) => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// The snapshot takes the place of what the store has.
    async fn write_snapshot(&self, until: Option<Instant>) -> io::Result<()> {
        loop {
            let (upto, snapshot) = {
                let held = self.held();
                (held.upto, held.snapshot.clone())
            };
            let written = self
                .store
                .replace(self.room, self.claim.nonce, upto, snapshot)
                .await;
            match self.judge(written, until).await? {
                Next::Done => break,
                Next::Again | Next::BringBack(_) => {}
            }
        }
        self.held().is_new = false;
        Ok(())
    }
}

/// What is to be done after an answer of the store.
enum Next {
    Done,
    Again,
    /// Batches after this one, or all.
    BringBack(Option<u64>),
}

impl Storage for ClusterLog {
    /// In memory; [`ClusterLog::sync`] brings it to the store.
    fn reset(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.held().begin_with(Bytes::copy_from_slice(bytes));
        Ok(())
    }

    fn replace(&mut self, bytes: Vec<u8>) -> Doing {
        self.doing(|log| async move {
            // Where it fails, the store has the log before it, or this one: both are good, and memory has what both say.
            log.held().begin_with(bytes.into());
            log.write_snapshot(None).await
        })
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(self.0.held().bytes())
    }

    fn append(&mut self, bytes: &[u8]) -> Doing {
        let bytes = Bytes::copy_from_slice(bytes);
        self.doing(|log| async move { log.append(bytes).await })
    }

    /// In memory: whoever cuts begins the log anew.
    fn cut(&mut self, bytes: usize) -> io::Result<()> {
        let mut held = self.0.held();
        let mut whole = held.bytes();
        whole.truncate(bytes);
        held.begin_with(whole.into());
        Ok(())
    }

    fn is_in_common(&self) -> bool {
        true
    }

    fn touch(&self) -> Doing {
        self.doing(|log| async move {
            log.until_done(|| log.store.touch(log.room, log.claim.nonce))
                .await
        })
    }

    fn delete(&self) -> Doing {
        self.doing(|log| async move {
            log.held().begin_with(Bytes::new());
            let until = Instant::now() + BEGIN;
            loop {
                match log.store.release(log.room, log.claim.nonce).await {
                    Ok(_) => break,
                    Err(error) if Instant::now() >= until => return Err(io::Error::other(error)),
                    Err(_) => sleep(RETRY).await,
                }
            }
            let _ = log.store.disown(&log.claim.owner, log.room).await;
            Ok(())
        })
    }

    fn set_aside(&self) -> Doing {
        self.doing(|log| async move {
            let aside = log.store.set_aside(log.room, log.claim.nonce).await;
            let _ = log.store.disown(&log.claim.owner, log.room).await;
            aside.map(|_| ()).map_err(io::Error::other)
        })
    }
}
