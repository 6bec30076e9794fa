//! Several nodes as one: each room has one owner among them, whose claim stands in a store that all have in common.
//!
//! A node claims a room when somebody enters who finds no owner, and takes rooms over whose owner is dead. Correct is this by the fence
//! alone: whoever writes under another claim than the one that stands is refused, and nothing leaves a room before it is written.
//! Leases only say when it is time to take over.

mod handshake;
mod heirs;
mod links;
mod log;
mod members;
mod owner;
mod pump;
pub mod store;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

pub use self::{
    handshake::ClusterSecrets,
    log::{AroundLog, ClusterLog},
    members::{Fate, Members, MembersError},
    owner::Here,
};
use self::{
    links::NodeLinks,
    store::{
        Claim, ClaimNonce, Claimed, ClusterStore, Incarnation, NodeId, NodeProcess, NodeRecord, StoreDown,
        StoredLog,
    },
};
use crate::{
    edge::{
        Uplink,
        wire::{Answer, NodeCall},
    },
    ids::RoomId,
    journal::format,
    ports::{BoxFuture, Random, Unavailable},
    protocol::codes::CloseCode,
};

/// A node that does not answer within this does not say whether it runs a room.
const RUNS_WAIT: Duration = Duration::from_millis(200);

/// How old the last snapshot of a room gets that has changed, while nodes have different rules.
const SNAPSHOT_FOR_OTHERS: Duration = Duration::from_secs(5);

/// Connections to all others stand within this, or it is not known what they run.
const CONNECT_WAIT: Duration = Duration::from_secs(1);

/// A claim is given away within this, or not.
const GIVE: Duration = Duration::from_secs(2);

/// Between two tries of that.
const GIVE_RETRY: Duration = Duration::from_millis(50);

/// So many claims in a row without anything in the log end a room: it takes its process down.
const CLAIMS_IN_VAIN_MAX: u32 = 3;

/// How a node takes part in a cluster.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// Its name.
    pub node: NodeId,
    /// Where it listens to others.
    pub listen: SocketAddr,
    /// Where others reach it; absent where that is the same.
    pub address: Option<String>,
    pub secrets: ClusterSecrets,
    /// For how long a node lives without a sign of life.
    pub lease: Duration,
    /// Of the program.
    pub version: String,
    pub store: Arc<dyn ClusterStore>,
}

/// Why a node did not become part of its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("cannot listen to other nodes at {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error(transparent)]
    Members(#[from] MembersError),
}

/// What an operator sees of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ClusterSummary {
    /// Others that live.
    pub peers: usize,
    /// Connections to owners, and from edges.
    pub links_up: usize,
    pub links_down: usize,
    pub has_lease: bool,
    pub store_answers: bool,
}

/// What became of an attempt to own a room.
#[derive(Debug)]
pub enum Ownership {
    Mine(ClusterLog),
    /// Another node has it.
    Elsewhere,
    /// There is nothing to own: nobody has a log of it.
    Nothing,
    /// Not at this moment.
    Unavailable,
}

/// This node in its cluster, cheap to clone.
#[derive(Debug, Clone)]
pub struct Cluster {
    store: Arc<dyn ClusterStore>,
    members: Members,
    links: NodeLinks,
    random: Arc<dyn Random>,
}

/// While some nodes have other rules, which replay no inputs, what rooms here have become is in snapshots soon.
async fn keep_snapshots_young(members: Members, here: Arc<dyn Here>) {
    loop {
        sleep(SNAPSHOT_FOR_OTHERS).await;
        if members.have_other_rules() {
            here.take_snapshots();
        }
    }
}

/// Has all rooms here look whether they are still this node's, whenever the lease was lost.
async fn look_at_rooms(members: Members, here: Arc<dyn Here>) {
    loop {
        members.made_again().await;
        here.look_at_rooms();
    }
}

impl AroundLog for Cluster {
    fn store_has_lost(&self) {
        self.members.store_has_lost();
    }

    fn may_claim_again(&self, good_ago: Duration) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            // As long as the lease is kept nobody takes anything over.
            if !self.members.has_lapsed_within(good_ago) {
                return true;
            }
            let Ok(uplinks) = timeout(CONNECT_WAIT, self.uplinks()).await else {
                return true;
            };
            let says = uplinks.into_iter().map(async |uplink| {
                let uplink = uplink.ok()?;
                match uplink.call(NodeCall::TrustsStore, CONNECT_WAIT).await {
                    Ok(Answer::For(millis)) => Some(Duration::from_millis(millis)),
                    _ => None,
                }
            });
            // One that had the store all the time knows that it has lost nothing: then the claim has ended elsewhere.
            let says = join_all(says).await;
            !says
                .into_iter()
                .flatten()
                .any(|trusts_for| trusts_for >= good_ago)
        })
    }
}

impl Cluster {
    /// Takes a node's lease, and listens to others from then on.
    pub async fn join(
        settings: ClusterSettings,
        random: Arc<dyn Random>,
    ) -> Result<(Self, TcpListener), ClusterError> {
        let listen_error = |error| ClusterError::Listen(settings.listen, error);
        let listener = TcpListener::bind(settings.listen).await.map_err(listen_error)?;
        let bound = listener.local_addr().map_err(listen_error)?;
        let me = NodeProcess {
            node: settings.node,
            incarnation: Incarnation(random.seed()),
        };
        let record = NodeRecord {
            incarnation: me.incarnation,
            address: settings.address.unwrap_or_else(|| bound.to_string()),
            version: settings.version,
            rules: format::RULES_HASH.to_owned(),
        };
        let store = settings.store;
        let members = Members::join(me.clone(), record, settings.lease, Arc::clone(&store)).await?;
        let links = NodeLinks::new(me, settings.secrets, Arc::clone(&random));
        let this = Self {
            store,
            members,
            links,
            random,
        };
        Ok((this, listener))
    }

    /// Works until the returned tasks are aborted.
    #[must_use]
    pub fn begin(&self, listener: TcpListener, here: Arc<dyn Here>) -> Vec<tokio::task::AbortHandle> {
        let accepting = self.links.clone().accept(listener, Arc::clone(&here));
        [
            tokio::spawn(self.members.clone().keep()).abort_handle(),
            tokio::spawn(accepting).abort_handle(),
            tokio::spawn(look_at_rooms(self.members.clone(), Arc::clone(&here))).abort_handle(),
            tokio::spawn(keep_snapshots_young(self.members.clone(), Arc::clone(&here))).abort_handle(),
            tokio::spawn(heirs::take_over(self.clone(), here)).abort_handle(),
        ]
        .into()
    }

    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    #[must_use]
    pub fn summary(&self) -> ClusterSummary {
        let (links_up, links_down) = self.links.count();
        ClusterSummary {
            peers: self.members.peers().len(),
            links_up,
            links_down,
            has_lease: self.members.has_lease(),
            store_answers: self.members.does_store_answer(),
        }
    }

    /// Who owns a room.
    pub async fn owner(&self, room: RoomId) -> Result<Option<NodeProcess>, StoreDown> {
        Ok(self.store.claim_of(room).await?.map(|claim| claim.owner))
    }

    /// The connection to a node that lives.
    pub async fn uplink(&self, node: &NodeId, record: &NodeRecord) -> Result<Arc<Uplink>, Unavailable> {
        self.links.uplink(node, record).await.map_err(|error| {
            tracing::debug!(%node, %error, "a node is not reached");
            Unavailable
        })
    }

    /// The connections to all others that live, or did a moment ago; none of those that are not reached.
    pub async fn uplinks(&self) -> Vec<Result<Arc<Uplink>, Unavailable>> {
        let peers = self.members.peers_of_late();
        let links = peers.iter().map(|(node, record)| self.uplink(node, record));
        join_all(links).await
    }

    fn claim(&self, replaced: Option<ClaimNonce>) -> Claim {
        let half = || u128::from(self.random.seed());
        Claim {
            nonce: ClaimNonce(half() << 64 | half()),
            owner: self.members.me().clone(),
            replaced,
        }
    }

    fn log(&self, room: RoomId, claim: Claim, log: StoredLog) -> ClusterLog {
        ClusterLog::new(room, claim, log, Arc::clone(&self.store), Arc::new(self.clone()))
    }

    /// Owns a room that nobody owns.
    pub async fn claim_first(&self, room: RoomId) -> Ownership {
        // Also where the store has lost everything just now.
        if self.members.renew().await != Ok(true) {
            return Ownership::Unavailable;
        }
        if self.members.is_doubtful()
            && let Some(refused) = self.ask_whether_it_runs(room).await
        {
            return refused;
        }
        let mine = self.claim(None);
        match self.store.claim(room, None, &mine).await {
            Ok(Claimed::Owned { .. }) => Ownership::Mine(self.log(room, mine, StoredLog::default())),
            Ok(Claimed::Taken) => Ownership::Elsewhere,
            Ok(Claimed::Gone) | Err(StoreDown(_)) => Ownership::Unavailable,
        }
    }

    /// The store may have lost the claim of a room that runs: all others say whether they have it.
    async fn ask_whether_it_runs(&self, room: RoomId) -> Option<Ownership> {
        let uplinks = timeout(CONNECT_WAIT, self.uplinks()).await;
        let Ok(uplinks) = uplinks else {
            return Some(Ownership::Unavailable);
        };
        let answers = uplinks.into_iter().map(async |uplink| {
            let Ok(uplink) = uplink else { return None };
            uplink.call(NodeCall::Runs(room), RUNS_WAIT).await.ok()
        });
        join_all(answers)
            .await
            .into_iter()
            .find_map(|answer| match answer {
                Some(Answer::Says(Some(false))) => None,
                Some(Answer::Says(Some(true))) => Some(Ownership::Elsewhere),
                _ => Some(Ownership::Unavailable),
            })
    }

    /// Takes a room over whose owner is dead, or is this node itself.
    pub async fn take_over(&self, room: RoomId) -> Ownership {
        match self.try_to_take_over(room).await {
            Ok(ownership) => ownership,
            Err(error) => {
                tracing::warn!(room.id = %room, %error, "a room can't be taken over at this moment");
                Ownership::Unavailable
            }
        }
    }

    async fn try_to_take_over(&self, room: RoomId) -> Result<Ownership, StoreDown> {
        let Some(claim) = self.store.claim_of(room).await? else {
            return Ok(Ownership::Nothing);
        };
        if !self.members.has_lease() {
            return Ok(Ownership::Unavailable);
        }
        if claim.owner != *self.members.me() {
            match self.members.fate(&claim.owner) {
                Fate::Lives(_) => return Ok(Ownership::Elsewhere),
                Fate::Unknown => return Ok(Ownership::Unavailable),
                Fate::Dead if !self.is_out_of_the_way(&claim.owner).await => {
                    return Ok(Ownership::Unavailable);
                }
                Fate::Dead => {}
            }
        }
        let mine = self.claim(Some(claim.nonce));
        let in_vain = match self.store.claim(room, Some(claim.nonce), &mine).await? {
            Claimed::Owned { in_vain } => in_vain,
            Claimed::Taken => return Ok(Ownership::Elsewhere),
            Claimed::Gone => return Ok(Ownership::Nothing),
        };
        if claim.owner != mine.owner {
            let _ = self.store.disown(&claim.owner, room).await;
        }
        if in_vain >= CLAIMS_IN_VAIN_MAX {
            tracing::error!(room.id = %room, "a room ended its owner again and again; its log is put aside");
            self.store.set_aside(room, mine.nonce).await?;
            let _ = self.store.disown(&mine.owner, room).await;
            return Ok(Ownership::Nothing);
        }
        let log = self.store.read(room).await?;
        Ok(Ownership::Mine(self.log(room, mine, log)))
    }

    /// Whether a process without a lease is not reached, or says itself that it does nothing.
    async fn is_out_of_the_way(&self, owner: &NodeProcess) -> bool {
        let Some(uplink) = self.links.standing(owner) else {
            return true;
        };
        let says = uplink.call(NodeCall::HasLease, RUNS_WAIT).await;
        matches!(says, Ok(Answer::Says(Some(false))))
    }

    /// Gives a room that this node owns to another, whose process takes it up.
    pub async fn give(&self, room: RoomId, to: NodeProcess) -> std::io::Result<()> {
        let failed = |why: &str| std::io::Error::other(why.to_owned());
        let until = Instant::now() + GIVE;
        let Some(claim) = self.store.claim_of(room).await.map_err(std::io::Error::other)? else {
            return Err(failed("nobody owns it"));
        };
        if claim.owner != *self.members.me() {
            return Err(failed("another node owns it"));
        }
        let theirs = Claim {
            owner: to,
            ..self.claim(Some(claim.nonce))
        };
        loop {
            match self.store.claim(room, Some(claim.nonce), &theirs).await {
                Ok(Claimed::Owned { .. }) => break,
                Ok(Claimed::Taken | Claimed::Gone) => return Err(failed("another node owns it")),
                // It may have been done: it is asked again until somebody says so.
                Err(_) if Instant::now() < until => sleep(GIVE_RETRY).await,
                Err(error) => return Err(std::io::Error::other(error)),
            }
        }
        let _ = self.store.disown(&claim.owner, room).await;
        Ok(())
    }

    /// A room's actor died again and again: its log is kept for post-mortem.
    pub async fn set_aside(&self, room: RoomId) -> Result<(), StoreDown> {
        match self.store.claim_of(room).await? {
            Some(claim) if claim.owner == *self.members.me() => {
                self.store.set_aside(room, claim.nonce).await?;
                self.store.disown(&claim.owner, room).await
            }
            _ => Ok(()),
        }
    }

    /// The room was deleted, whoever owned it.
    pub async fn delete(&self, room: RoomId) -> Result<(), StoreDown> {
        self.store.delete(room).await
    }

    /// This node stops: the sessions that it has in rooms of others end.
    pub fn close_sessions(&self, code: CloseCode) {
        for uplink in self.links.uplinks() {
            uplink.close_sessions(code);
        }
    }

    /// What rooms have for other nodes counts as too much.
    #[cfg(feature = "fault-injection")]
    pub fn give_up_edges(&self) {
        self.links.give_up_edges();
    }

    /// Cuts all connections; those that are needed are made anew.
    pub fn cut_links(&self) {
        self.links.close();
    }

    /// This node ends: others need not wait for its lease.
    pub async fn leave(&self) {
        self.members.resign().await;
        self.links.close();
    }
}
