//! Rooms of other nodes, and what those ask of this one.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{CALL_TIMEOUT, Live, RETRY, StartError, located::Located};
use crate::{
    cluster::{
        Cluster, ClusterSummary, Fate, Here,
        store::{NodeId, NodeProcess, NodeRecord},
    },
    edge::{
        Uplink,
        wire::{Answer, NodeCall, RoomLife},
    },
    ids::RoomId,
    ports::{BoxFuture, Unavailable},
    registry::{Beginner, Found, RoomHandle as _},
    room::input::{Notice, Start},
    room_actor::{RoomMsg, RoomRef},
};

/// Word from REST is brought to a room for so long: a node that is not reached by then is dead, and whoever takes over its rooms asks the
/// database.
const TELL_FOR: Duration = Duration::from_mins(1);

/// Between two tries of that.
const TELL_RETRY: Duration = Duration::from_millis(500);

/// This node's part in a cluster.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    pub cluster: Cluster,
    pub tasks: Arc<[AbortHandle]>,
}

/// Where a room is to be looked for.
enum Where {
    Here,
    Nowhere,
    At(NodeId, NodeRecord),
    /// Its owner is dead, or was this node: its log is for whoever takes it up.
    ToTakeUp,
    /// In a moment it will be known.
    Unknown,
}

impl Live {
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref().map(|membership| &membership.cluster)
    }

    /// Other nodes reach the rooms here from now on.
    pub(super) fn take_part(&mut self, cluster: Cluster, listener: TcpListener) {
        self.cluster = Some(Membership {
            cluster: cluster.clone(),
            tasks: Arc::new([]),
        });
        let tasks = cluster.begin(listener, Arc::new(self.clone()));
        self.cluster = Some(Membership {
            cluster,
            tasks: tasks.into(),
        });
    }

    /// This node ends; the others need not wait for it.
    pub(super) async fn leave(&self) {
        let Some(membership) = &self.cluster else { return };
        for task in membership.tasks.iter() {
            task.abort();
        }
        membership.cluster.leave().await;
    }

    /// What the cluster looks like from here; none where this is the only node.
    #[must_use]
    pub fn observe_cluster(&self) -> Option<ClusterSummary> {
        self.cluster().map(Cluster::summary)
    }

    /// A room, wherever it runs: revived here if it sleeps, begun here if nobody has it and somebody is given for whom.
    pub(super) async fn locate(
        &self,
        id: RoomId,
        begin: Option<Beginner>,
    ) -> Result<Option<Located>, StartError> {
        if let Some(room) = self.rooms.living(id) {
            return Ok(Some(Located::Here(room)));
        }
        let Some(cluster) = self.cluster() else {
            return here(self.find(id, begin).await).ok_or(StartError::Unavailable)?;
        };
        let until = Instant::now() + CALL_TIMEOUT;
        while Instant::now() < until {
            let found = match self.look_for(cluster, id).await {
                Where::Here => here(self.find(id, begin).await),
                Where::ToTakeUp => {
                    self.rooms.sleeps(id);
                    here(self.find(id, begin).await)
                }
                Where::Nowhere if begin.is_some() => here(self.find(id, begin).await),
                Where::Nowhere => return Ok(None),
                Where::At(node, record) => match cluster.uplink(&node, &record).await {
                    Ok(uplink) => self.find_at(&uplink, id, begin).await,
                    Err(Unavailable) => None,
                },
                Where::Unknown => None,
            };
            match found {
                Some(found) => return found,
                None => sleep(RETRY).await,
            }
        }
        Err(StartError::Unavailable)
    }

    async fn look_for(&self, cluster: &Cluster, id: RoomId) -> Where {
        if self.rooms.knows(id) {
            return Where::Here;
        }
        let owner = match cluster.owner(id).await {
            Ok(Some(owner)) => owner,
            Ok(None) => return Where::Nowhere,
            Err(_) => return Where::Unknown,
        };
        if owner != *cluster.members().me() {
            match cluster.members().fate(&owner) {
                Fate::Lives(record) => return Where::At(owner.node, record),
                Fate::Unknown => return Where::Unknown,
                Fate::Dead => {}
            }
        }
        Where::ToTakeUp
    }

    /// Asks its owner for a room; nothing where that does not answer, or is not its owner any more.
    async fn find_at(
        &self,
        uplink: &Arc<Uplink>,
        room: RoomId,
        begin: Option<Beginner>,
    ) -> Option<Result<Option<Located>, StartError>> {
        match uplink
            .call(NodeCall::Find { room, begin }, CALL_TIMEOUT)
            .await
            .ok()?
        {
            Answer::Found { life, owner } => {
                let of = RoomLife { room, life };
                let room = uplink.room(of, owner, || self.rooms.next_life());
                Some(Ok(Some(Located::There(room))))
            }
            Answer::NotFound => Some(Ok(None)),
            Answer::TooMany => Some(Err(StartError::TooManyRooms)),
            Answer::Unavailable => Some(Err(StartError::Unavailable)),
            _ => None,
        }
    }

    /// Asks the owner of a room something that nobody waits for.
    pub(super) fn ask_owner(&self, room: RoomId, call: NodeCall) {
        if self.cluster.is_none() {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            let Some(cluster) = this.cluster() else { return };
            if let Where::At(node, record) = this.look_for(cluster, room).await
                && let Ok(uplink) = cluster.uplink(&node, &record).await
            {
                let _ = uplink.call(call, CALL_TIMEOUT).await;
            }
        });
    }

    /// Word from REST for a room that another node may run.
    pub(super) fn tell_others(&self, room: RoomId, notice: &Notice) {
        if self.cluster.is_none() {
            return;
        }
        let (this, notice) = (self.clone(), notice.clone());
        tokio::spawn(async move {
            let Some(cluster) = this.cluster() else { return };
            let until = Instant::now() + TELL_FOR;
            while Instant::now() < until && !this.has_told(cluster, room, &notice).await {
                sleep(TELL_RETRY).await;
            }
            if notice == Notice::RoomDeleted {
                // Its owner ends it in order. Whoever has it still then, or begins it on a node that has not heard, is refused.
                while Instant::now() < until && !matches!(cluster.owner(room).await, Ok(None)) {
                    sleep(TELL_RETRY).await;
                }
                let until = until + TELL_FOR;
                while Instant::now() < until && cluster.delete(room).await.is_err() {
                    sleep(TELL_RETRY).await;
                }
            }
        });
    }

    /// Whether the room's owner has heard, or there is none that has not read the same in the database.
    async fn has_told(&self, cluster: &Cluster, room: RoomId, notice: &Notice) -> bool {
        let owner = match cluster.owner(room).await {
            Ok(Some(owner)) if owner == *cluster.members().me() => return true,
            Ok(Some(owner)) => owner,
            Ok(None) => return true,
            Err(_) => return false,
        };
        match cluster.members().fate(&owner) {
            Fate::Lives(record) => {
                let notice = notice.clone();
                tells(cluster, (&owner.node, &record), NodeCall::Notice { room, notice }).await
            }
            Fate::Dead => true,
            Fate::Unknown => false,
        }
    }

    /// Word from REST for all rooms of all nodes.
    pub(super) fn tell_all_others(&self, notice: &Notice) {
        let Some(cluster) = self.cluster() else { return };
        for (node, record) in cluster.members().peers_of_late() {
            let (cluster, notice) = (cluster.clone(), notice.clone());
            let process = NodeProcess {
                node,
                incarnation: record.incarnation,
            };
            tokio::spawn(async move {
                let until = Instant::now() + TELL_FOR;
                while Instant::now() < until && cluster.members().fate(&process) != Fate::Dead {
                    let call = NodeCall::NoticeToAll(notice.clone());
                    if tells(&cluster, (&process.node, &record), call).await {
                        return;
                    }
                    sleep(TELL_RETRY).await;
                }
            });
        }
    }

    /// Whether a room is in use: somebody owns it.
    ///
    /// # Errors
    /// When the store of the cluster does not say.
    pub async fn is_in_use(&self, room: RoomId) -> Result<bool, Unavailable> {
        if self.rooms.living(room).is_some() {
            return Ok(true);
        }
        match self.cluster() {
            Some(cluster) => cluster
                .owner(room)
                .await
                .map(|owner| owner.is_some())
                .map_err(|_| Unavailable),
            None => Ok(false),
        }
    }
}

/// Whether a node has heard it.
async fn tells(cluster: &Cluster, (node, record): (&NodeId, &NodeRecord), call: NodeCall) -> bool {
    let Ok(uplink) = cluster.uplink(node, record).await else {
        return false;
    };
    matches!(uplink.call(call, CALL_TIMEOUT).await, Ok(Answer::Done))
}

/// What the registry has found here; nothing where it says that another node has it.
fn here(found: Found<RoomRef>) -> Option<Result<Option<Located>, StartError>> {
    match found {
        Found::Room(room) => Some(Ok(Some(Located::Here(room)))),
        Found::None => Some(Ok(None)),
        Found::TooMany => Some(Err(StartError::TooManyRooms)),
        Found::Unavailable => Some(Err(StartError::Unavailable)),
        Found::Elsewhere => None,
    }
}

impl Here for Live {
    fn answer(&self, call: NodeCall) -> BoxFuture<'static, Answer> {
        let this = self.clone();
        Box::pin(async move { this.answer_node(call).await })
    }

    fn take_snapshots(&self) {
        for room in self.rooms.all() {
            let _ = room.actor().cast(RoomMsg::Snapshot);
        }
    }

    fn look_at_rooms(&self) {
        for room in self.rooms.all() {
            room.sweep();
        }
    }

    fn take_up(&self, room: RoomId) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            // Where it does not come, the next look tries again.
            let _ = this.locate(room, None).await;
        })
    }

    fn room(&self, of: RoomLife) -> Option<RoomRef> {
        self.rooms.of_life(of.room, of.life)
    }
}

impl Live {
    /// What another node asks.
    async fn answer_node(&self, call: NodeCall) -> Answer {
        match call {
            NodeCall::Find { room, begin } => self.find_for_node(room, begin).await,
            NodeCall::Start {
                of,
                start,
                read_millis_ago,
            } => self.start_for_node(of, start, read_millis_ago).await,
            NodeCall::Knows { of, token, caller } => match Here::room(self, of) {
                Some(room) => Answer::Says(Some(Located::Here(room).knows(token, caller).await)),
                None => Answer::Elsewhere,
            },
            NodeCall::Redeem { of, ticket } => match Here::room(self, of) {
                Some(room) => {
                    let redeemed = Located::Here(room).redeem(ticket).await;
                    redeemed.map_or(Answer::Elsewhere, Answer::Redeemed)
                }
                None => Answer::Elsewhere,
            },
            NodeCall::Notice { room, notice } => {
                self.hear(room, notice);
                Answer::Done
            }
            NodeCall::NoticeToAll(notice) => {
                self.rooms.notice_all(&notice, self.revisions.next());
                Answer::Done
            }
            NodeCall::Sighted { media, seen } => {
                if self.rooms.knows(media.room) {
                    self.media_sighted(media, seen.map(|seen| *seen));
                }
                Answer::Done
            }
            NodeCall::HasMediaRoom(media) => match self.rooms.living(media.room) {
                Some(room) => Answer::Says(Located::Here(room).has_media_room(media).await),
                None => Answer::Says(None),
            },
            NodeCall::Locations { room, locations } => {
                if self.rooms.knows(room) {
                    self.set_stream_locations(room, locations);
                }
                Answer::Done
            }
            NodeCall::TakeUp(room) => {
                Here::take_up(self, room).await;
                Answer::Done
            }
            NodeCall::Runs(room) => Answer::Says(Some(self.rooms.runs(room))),
            NodeCall::HasLease => Answer::Says(self.cluster().map(|cluster| cluster.members().has_lease())),
            NodeCall::TrustsStore => self.says_how_long_it_trusts().await,
        }
    }

    async fn start_for_node(&self, of: RoomLife, start: Box<Start>, read_millis_ago: Option<u64>) -> Answer {
        let as_of = read_millis_ago.map(|ago| self.revisions.so_long_ago(Duration::from_millis(ago)));
        let Some(room) = Here::room(self, of) else {
            return Answer::Elsewhere;
        };
        let started = super::located::start_here(&room, start, as_of).await;
        started.map_or(Answer::Elsewhere, Answer::Started)
    }

    async fn says_how_long_it_trusts(&self) -> Answer {
        let trusts_for = match self.cluster() {
            Some(cluster) => cluster.members().trusts_for().await,
            None => Duration::ZERO,
        };
        Answer::For(u64::try_from(trusts_for.as_millis()).unwrap_or(u64::MAX))
    }

    async fn find_for_node(&self, id: RoomId, begin: Option<Beginner>) -> Answer {
        // One that is here, or was given to this node a moment ago; whatever else, the asker looks again who owns it.
        let place = match self.cluster() {
            Some(cluster) => self.look_for(cluster, id).await,
            None => Where::Nowhere,
        };
        let found = match place {
            Where::Here => self.find(id, begin).await,
            Where::ToTakeUp => {
                self.rooms.sleeps(id);
                self.find(id, begin).await
            }
            Where::Nowhere | Where::At(..) | Where::Unknown => Found::Elsewhere,
        };
        match found {
            Found::Room(room) => Answer::Found {
                life: room.life(),
                owner: room.owner(),
            },
            Found::None => Answer::NotFound,
            Found::TooMany => Answer::TooMany,
            Found::Unavailable => Answer::Unavailable,
            Found::Elsewhere => Answer::Elsewhere,
        }
    }
}
