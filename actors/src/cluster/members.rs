//! Who lives: the lease of this node, and what is seen of those of others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::store::{ClusterStore, NodeId, NodeProcess, NodeRecord, Renewed, StoreDown};

/// Looks at which a node is not seen until it counts as dead.
const LOOKS_UNTIL_DEAD: u32 = 2;

/// Looks within one lease.
const LOOKS_PER_LEASE: u32 = 5;

/// Leases for which nobody trusts that a room without a claim has no owner, after the store was away or has lost something.
const DOUBTFUL_LEASES: u32 = 12;

/// Leases for which it is known who lived.
const LEASES_REMEMBERED: u32 = 2;

/// Processes that are neither seen nor asked for are forgotten after so many looks.
const LOOKS_REMEMBERED: u32 = 1_000;

/// What is known of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It has a lease, and is reached there.
    Lives(NodeRecord),
    Dead,
    /// It was seen a moment ago, or the store does not say.
    Unknown,
}

/// Who lives, cheap to clone.
#[derive(Debug, Clone)]
pub struct Members(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    me: NodeProcess,
    record: NodeRecord,
    lease: Duration,
    store: Arc<dyn ClusterStore>,
    view: Mutex<View>,
    made_again: Notify,
}

#[derive(Debug, Default)]
struct View {
    living: HashMap<NodeId, NodeRecord>,
    /// Others that lived a moment ago, and when they were seen.
    seen: HashMap<NodeId, (NodeRecord, Instant)>,
    /// Processes without a lease, by the looks at which they had none.
    absent: HashMap<NodeProcess, u32>,
    /// Since when the store has answered without a break.
    store_answers_since: Option<Instant>,
    doubtful_until: Option<Instant>,
    /// Since when the store has answered, and has lost nothing as far as this node knows.
    trusted_since: Option<Instant>,
    /// When a lease was last found to have ended before it was renewed.
    lapsed_at: Option<Instant>,
    /// When the renewal was sent that was answered last.
    renewed_at: Option<Instant>,
    /// Another process lives under this node's name.
    is_taken: bool,
}

/// No node can live under this name: another one does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    #[error("another process is the node `{0}`: each has its own `cluster.node`")]
    Taken(NodeId),
    #[error(transparent)]
    Store(#[from] StoreDown),
}

impl Members {
    /// Takes the lease of this node. Where a process of that name has just ended, its lease is waited for.
    pub async fn join(
        me: NodeProcess,
        record: NodeRecord,
        lease: Duration,
        store: Arc<dyn ClusterStore>,
    ) -> Result<Self, MembersError> {
        let this = Self(Arc::new(Inner {
            me,
            record,
            lease,
            store,
            view: Mutex::default(),
            made_again: Notify::new(),
        }));
        // A dead one's lease ends within its time; one that is renewed meanwhile does not.
        let until = Instant::now() + lease * 2;
        while !this.renew().await? {
            if Instant::now() >= until {
                return Err(MembersError::Taken(this.0.me.node.clone()));
            }
            sleep(lease / LOOKS_PER_LEASE).await;
        }
        this.look().await?;
        // What was before it knows nothing of.
        this.view().doubt(lease);
        Ok(this)
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.0.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn me(&self) -> &NodeProcess {
        &self.0.me
    }

    #[must_use]
    pub fn lease(&self) -> Duration {
        self.0.lease
    }

    /// Keeps the lease and looks at the others, for ever.
    pub async fn keep(self) {
        let mut looks = interval(self.0.lease / LOOKS_PER_LEASE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let seen = async {
                self.renew().await?;
                self.look().await
            };
            match timeout(self.0.lease, seen).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.store_is_away(&error),
                Err(_) => self.store_is_away(&StoreDown("no answer".to_owned())),
            }
        }
    }

    /// False where another process has the name.
    pub(super) async fn renew(&self) -> Result<bool, StoreDown> {
        let sent = Instant::now();
        let inner = &self.0;
        let renewed = inner
            .store
            .renew(&inner.me.node, &inner.record, inner.lease)
            .await?;
        let mut view = self.view();
        let was_renewed = view.renewed_at.is_some_and(|at| at + inner.lease > sent);
        if view.renewed_at.is_some() && !was_renewed {
            view.lapsed_at = Some(Instant::now());
        }
        view.is_taken = renewed == Renewed::Taken;
        match renewed {
            Renewed::Taken => {
                if view.renewed_at.is_some() {
                    tracing::error!(node = %inner.me.node, "another process has this node's name");
                }
                return Ok(false);
            }
            Renewed::Made if was_renewed => view.doubt(inner.lease),
            Renewed::Made | Renewed::Kept => {}
        }
        if renewed == Renewed::Made && view.renewed_at.is_some() {
            // It was lost, or this process slept: rooms here may be somebody else's by now.
            inner.made_again.notify_one();
        }
        view.renewed_at = Some(sent);
        Ok(true)
    }

    async fn look(&self) -> Result<(), StoreDown> {
        let living = self.0.store.living().await?;
        let mut view = self.view();
        view.store_answers_since.get_or_insert_with(Instant::now);
        let (now, kept) = (Instant::now(), self.0.lease * LEASES_REMEMBERED);
        let others = living.iter().filter(|(node, _)| *node != self.0.me.node);
        let others = others.map(|(node, record)| (node.clone(), (record.clone(), now)));
        view.seen.extend(others);
        view.seen.retain(|_, (_, at)| now.duration_since(*at) <= kept);
        let before = std::mem::replace(&mut view.living, living.into_iter().collect());
        for (node, record) in before {
            let process = NodeProcess {
                node,
                incarnation: record.incarnation,
            };
            view.absent.entry(process).or_insert(0);
        }
        let View { living, absent, .. } = &mut *view;
        absent.retain(|process, looks| {
            let lives = living
                .get(&process.node)
                .is_some_and(|record| record.incarnation == process.incarnation);
            *looks += 1;
            !lives && *looks < LOOKS_REMEMBERED
        });
        Ok(())
    }

    fn store_is_away(&self, error: &StoreDown) {
        let mut view = self.view();
        if view.store_answers_since.take().is_some() {
            tracing::warn!(%error, "the store of the cluster is away");
            // What it knows when it is back is looked at.
            self.0.made_again.notify_one();
        }
        view.doubt(self.0.lease);
    }

    /// The store has lost something: a room without a claim may have an owner.
    pub fn store_has_lost(&self) {
        self.view().doubt(self.0.lease);
    }

    /// Whether a room without a claim may have an owner.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.view()
            .doubtful_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// Whether the lease was renewed lately: four fifths of it are left to whoever thinks this node dead.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        let view = self.view();
        let good_for = self.0.lease * 4 / 5;
        !view.is_taken && view.renewed_at.is_some_and(|at| at.elapsed() < good_for)
    }

    /// Whether the store answers.
    #[must_use]
    pub fn does_store_answer(&self) -> bool {
        self.view().store_answers_since.is_some()
    }

    /// The others that live.
    #[must_use]
    pub fn peers(&self) -> Vec<(NodeId, NodeRecord)> {
        let view = self.view();
        let others = view.living.iter().filter(|(node, _)| **node != self.0.me.node);
        others
            .map(|(node, record)| (node.clone(), record.clone()))
            .collect()
    }

    /// The others that live, or did a moment ago: a store that has lost their leases does not know them.
    #[must_use]
    pub fn peers_of_late(&self) -> Vec<(NodeId, NodeRecord)> {
        let view = self.view();
        view.seen
            .iter()
            .map(|(node, (record, _))| (node.clone(), record.clone()))
            .collect()
    }

    /// Whether the lease has ended at some time within this, so that others may have had what was this node's.
    #[must_use]
    pub fn has_lapsed_within(&self, time: Duration) -> bool {
        let lapsed_at = self.view().lapsed_at;
        !self.has_lease() || lapsed_at.is_some_and(|at| at.elapsed() <= time)
    }

    /// For how long the store has answered here, and has lost nothing; looked at right now.
    pub async fn trusts_for(&self) -> Duration {
        match self.renew().await {
            Ok(true) => self
                .view()
                .trusted_since
                .map_or(Duration::ZERO, |since| since.elapsed()),
            Ok(false) | Err(_) => Duration::ZERO,
        }
    }

    /// Whether some of the others have other rules, and read nothing of logs but snapshots.
    #[must_use]
    pub fn have_other_rules(&self) -> bool {
        let view = self.view();
        let mut records = view.living.values();
        records.any(|record| record.rules != self.0.record.rules)
    }

    /// Waits until the lease had to be made again.
    pub async fn made_again(&self) {
        self.0.made_again.notified().await;
    }

    /// What is known of a process. One of which nothing is known yet is looked at from now on.
    #[must_use]
    pub fn fate(&self, process: &NodeProcess) -> Fate {
        let mut view = self.view();
        let record = view.living.get(&process.node);
        if let Some(record) = record.filter(|record| record.incarnation == process.incarnation) {
            return Fate::Lives(record.clone());
        }
        let looks = *view.absent.entry(process.clone()).or_insert(0);
        let store_answers = view
            .store_answers_since
            .is_some_and(|since| since.elapsed() >= self.0.lease * 6 / 5);
        if looks >= LOOKS_UNTIL_DEAD && store_answers {
            Fate::Dead
        } else {
            Fate::Unknown
        }
    }

    /// This process ends: others need not wait for its lease.
    pub async fn resign(&self) {
        let _ = self.0.store.resign(&self.0.me).await;
    }
}

impl View {
    fn doubt(&mut self, lease: Duration) {
        self.doubtful_until = Some(Instant::now() + lease * DOUBTFUL_LEASES);
        self.trusted_since = Some(Instant::now());
    }
}
