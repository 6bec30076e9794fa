//! The registry: finds, begins and revives rooms, and forgets them when they end.

mod spawn;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, atomic::AtomicBool},
    time::Duration,
};

use dashmap::DashMap;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde::Serialize;

use crate::{
    access_revision::{AccessRevision, AccessRevisions},
    ids::{RoomId, Timestamp, UserId},
    journal::folder::Folder,
    livekit::Livekit,
    logged::Revived,
    ports::Ports,
    protocol::limits::{DELETED_ROOM_SECS, PANIC_WINDOW_SECS, PANICS_MAX},
    room::{
        RoomSettings,
        input::{Input, Notice},
    },
    room_actor::{Asker, RoomMsg, RoomRef},
};

/// Living rooms by id. Rebuilt by nobody: it outlives a panic of the registry.
pub type Index = Arc<DashMap<RoomId, RoomRef>>;

/// How often rooms are compared with the database, and rooms that nobody entered are ended.
const SWEEP: Duration = Duration::from_mins(1);

/// What the registry is told.
#[derive(Debug)]
pub enum RegistryMsg {
    /// Finds a room; revives it, or begins it when `begin` says so.
    Get {
        id: RoomId,
        begin: Option<Beginner>,
        reply: RpcReplyPort<Found>,
    },
    /// A journal was read, and the database asked, for a room that somebody waits for.
    Loaded {
        id: RoomId,
        loaded: Loaded,
    },
    /// A room wants to end.
    Ending(RoomId),
    /// A room that wanted to end has got new work.
    Stays(RoomId),
    /// A room has ended.
    Ended(RoomId),
    /// An actor under the supervisor has died.
    Died(ActorId),
    /// Word from REST that concerns all rooms, with its revision.
    Everywhere(Notice, AccessRevision),
    /// REST deleted a room.
    Deleted(RoomId),
    /// The database does not know these rooms any more.
    Missing(Vec<RoomId>),
    Sweep,
    /// The server stops: no new rooms, a snapshot of each, everybody out.
    Stop(RpcReplyPort<()>),
    Observe(RpcReplyPort<RegistrySummary>),
}

/// For whom a room may begin.
#[derive(Debug, Clone, Copy)]
pub struct Beginner {
    /// The room's owner, if it is known.
    pub owner: Option<UserId>,
    /// How many rooms of the owner may live; 0: any number.
    pub living_max: usize,
    /// Whether they are counted.
    pub counted: bool,
    /// Who begins it: rooms that others began shut no owner out, and of those that nobody entered only those count that somebody
    /// of the same network began.
    pub by: Asker,
}

/// What became of a search.
#[derive(Debug, Clone)]
pub enum Found {
    Room(RoomRef),
    /// No such room lives or has a journal.
    None,
    /// The owner has as many living rooms as may be.
    TooMany,
    /// Not at this moment.
    Unavailable,
}

/// What reviving brought.
#[derive(Debug)]
pub enum Loaded {
    /// With what REST would have told the room meanwhile.
    Room(Box<Revived>, Vec<Notice>),
    /// The journal is of no use (any more); a new room may begin.
    Gone,
    Unavailable,
}

/// What an operator, or a test, sees of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrySummary {
    pub rooms: usize,
    pub loading: usize,
    pub ending: usize,
}

/// What a registry begins with.
#[derive(Debug, Clone)]
pub struct Args {
    pub index: Index,
    /// None keeps journals in memory.
    pub folder: Option<Arc<Folder>>,
    pub settings: RoomSettings,
    pub livekit: Arc<Livekit>,
    /// No room begins any more.
    pub draining: Arc<AtomicBool>,
    pub revisions: AccessRevisions,
    pub ports: Ports,
    pub supervisor: ActorCell,
    /// Rooms with a journal of an earlier process, to be revived in the background.
    pub revive: Vec<RoomId>,
    pub myself: RegistryRef,
}

/// The registry as it is now: a restarted one takes the place of its predecessor.
#[derive(Debug, Clone, Default)]
pub struct RegistryRef(Arc<RwLock<Option<ActorRef<RegistryMsg>>>>);

impl RegistryRef {
    pub(crate) fn set(&self, registry: ActorRef<RegistryMsg>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(registry);
    }

    #[must_use]
    pub fn get(&self) -> Option<ActorRef<RegistryMsg>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the registry; one that is just being restarted misses it, and finds out by its sweep.
    pub fn cast(&self, message: RegistryMsg) {
        if let Some(registry) = self.get() {
            let _ = registry.cast(message);
        }
    }
}

/// Somebody who waits for a room, and for whom it may begin anew.
type Asking = (Option<Beginner>, RpcReplyPort<Found>);

#[derive(Debug)]
pub(crate) struct State {
    args: Args,
    /// Who waits for rooms that are being loaded or are ending, and whether the room may begin anew.
    waiting: HashMap<RoomId, Vec<Asking>>,
    /// Rooms whose journal is being read, with what concerns all rooms and was said meanwhile.
    loading: HashMap<RoomId, Vec<(Notice, AccessRevision)>>,
    ending: HashMap<RoomId, RoomRef>,
    /// Rooms to revive when nothing else is to be done.
    revive: VecDeque<RoomId>,
    /// Shells that died a short time ago, by their rooms.
    deaths: VecDeque<(Timestamp, RoomId)>,
    /// Ids that REST deleted a short time ago, with the end of the refusal.
    deleted: VecDeque<(Timestamp, RoomId)>,
    stopped: bool,
}

pub(crate) struct Registry;

impl State {
    async fn get(
        &mut self,
        myself: &ActorRef<RegistryMsg>,
        id: RoomId,
        begin: Option<Beginner>,
        reply: RpcReplyPort<Found>,
    ) {
        let found = if self.stopped {
            Found::Unavailable
        } else if self.is_deleted(id) {
            // Who only has a token goes on to the database, which says that the room is gone; who read it before
            // that must not begin it again.
            if begin.is_some() {
                Found::Unavailable
            } else {
                Found::None
            }
        } else if self.loading.contains_key(&id) || self.ending.contains_key(&id) {
            return self.waiting.entry(id).or_default().push((begin, reply));
        } else if let Some(room) = self.args.index.get(&id) {
            Found::Room(room.clone())
        } else if self.args.folder.as_ref().is_some_and(|folder| folder.has(id)) {
            self.waiting.entry(id).or_default().push((begin, reply));
            return self.load(myself, id);
        } else if let Some(beginner) = begin {
            self.begin(id, beginner).await
        } else {
            Found::None
        };
        // Whoever asked may have gone.
        let _ = reply.send(found);
    }

    fn is_deleted(&mut self, id: RoomId) -> bool {
        let now = self.args.ports.clock.now();
        while self.deleted.front().is_some_and(|(until, _)| *until <= now) {
            self.deleted.pop_front();
        }
        self.deleted.iter().any(|(_, deleted)| *deleted == id)
    }

    async fn loaded(&mut self, myself: &ActorRef<RegistryMsg>, id: RoomId, loaded: Loaded) {
        let heard = self.loading.remove(&id).unwrap_or_default();
        let found = match loaded {
            Loaded::Room(..) if self.stopped => Found::Unavailable,
            Loaded::Room(revived, missed) => {
                let Revived { room, effects, .. } = *revived;
                let found = self.spawn(id, room, Some(effects)).await;
                // Before anybody who waits for the room comes in.
                if let Found::Room(room) = &found {
                    let missed = missed.into_iter().map(Input::Notice);
                    missed.for_each(|notice| room.input(notice));
                    let heard = heard.into_iter();
                    heard.for_each(|(notice, revision)| room.notice(notice, revision));
                }
                found
            }
            Loaded::Gone => Found::None,
            Loaded::Unavailable => {
                self.revive.push_back(id);
                Found::Unavailable
            }
        };
        if self.is_deleted(id)
            && let Found::Room(room) = &found
        {
            room.input(Input::Notice(Notice::RoomDeleted));
        }
        self.answer_waiting(id, found).await;
        if !matches!(self.revive.back(), Some(last) if *last == id) {
            self.revive_next(myself);
        }
    }

    async fn answer_waiting(&mut self, id: RoomId, mut found: Found) {
        for (begin, reply) in self.waiting.remove(&id).unwrap_or_default() {
            if self.stopped || self.is_deleted(id) {
                found = Found::Unavailable;
            } else if let Some(beginner) = begin.filter(|_| matches!(found, Found::None)) {
                found = self.begin(id, beginner).await;
            }
            let _ = reply.send(found.clone());
        }
    }

    /// Takes the room out of the index, so that no new start meets it; it may then decide.
    fn ending(&mut self, id: RoomId) {
        if let Some((_, room)) = self.args.index.remove(&id) {
            let _ = room.actor().cast(RoomMsg::MayEnd);
            self.ending.insert(id, room);
        }
    }

    async fn stays(&mut self, id: RoomId) {
        if let Some(room) = self.ending.remove(&id) {
            self.args.index.insert(id, room.clone());
            self.answer_waiting(id, Found::Room(room)).await;
        }
    }

    async fn ended(&mut self, id: RoomId) {
        self.ending.remove(&id);
        self.args.index.remove(&id);
        self.answer_waiting(id, Found::None).await;
    }

    /// The shell of a room broke: it is revived from its journal.
    async fn died(&mut self, myself: &ActorRef<RegistryMsg>, actor: ActorId) {
        let is_it = |room: &RoomRef| room.cell().get_id() == actor;
        let living = self
            .args
            .index
            .iter()
            .find(|entry| is_it(entry.value()))
            .map(|entry| *entry.key());
        let ending = self
            .ending
            .iter()
            .find(|(_, room)| is_it(room))
            .map(|(id, _)| *id);
        let Some(id) = living.or(ending) else { return };
        if self.stopped {
            return;
        }
        self.args.index.remove(&id);
        self.ending.remove(&id);
        if self.dies_too_often(id) {
            tracing::error!(room.id = %id, "a room's actor died again and again; its journal is put aside");
            self.set_aside(id);
        } else {
            tracing::error!(room.id = %id, "a room's actor died and is revived");
        }
        if self.args.folder.as_ref().is_some_and(|folder| folder.has(id)) {
            self.load(myself, id);
        } else {
            self.answer_waiting(id, Found::None).await;
        }
    }

    /// What kills a room's shell may be in its journal: then it would never end.
    fn dies_too_often(&mut self, id: RoomId) -> bool {
        let now = self.args.ports.clock.now();
        let is_over = |(at, _): &mut (Timestamp, _)| at.plus_secs(PANIC_WINDOW_SECS) < now;
        while self.deaths.pop_front_if(is_over).is_some() {}
        self.deaths.push_back((now, id));
        let of_it = self.deaths.iter().filter(|(_, room)| *room == id);
        of_it.count() >= PANICS_MAX
    }

    fn set_aside(&self, id: RoomId) {
        if let Some(folder) = &self.args.folder
            && let Err(error) = folder.set_aside(id, self.args.ports.clock.now())
        {
            tracing::error!(room.id = %id, %error, "journal could not be put aside");
        }
    }

    /// Also rooms that are about to end, which may stay, and those that are just being revived.
    fn everywhere(&mut self, notice: Notice, revision: AccessRevision) {
        for heard in self.loading.values_mut() {
            heard.push((notice, revision));
        }
        for room in self.rooms().iter().chain(self.ending.values()) {
            room.notice(notice, revision);
        }
    }

    fn deleted(&mut self, id: RoomId) {
        let until = self.args.ports.clock.now().plus_secs(DELETED_ROOM_SECS);
        self.deleted.push_back((until, id));
        let ending = self.ending.get(&id).cloned();
        if let Some(room) = self.args.index.get(&id).map(|entry| entry.clone()).or(ending) {
            room.input(Input::Notice(Notice::RoomDeleted));
        } else if let Some(folder) = &self.args.folder
            && let Err(error) = folder.delete(id)
        {
            tracing::error!(room.id = %id, %error, "journal of a deleted room could not be deleted");
        }
    }

    fn rooms(&self) -> Vec<RoomRef> {
        let rooms = self.args.index.iter();
        rooms.map(|entry| entry.value().clone()).collect()
    }

    /// Finds rooms whose notice of deletion got lost, and lets rooms that nobody entered end.
    fn sweep(&mut self, myself: &ActorRef<RegistryMsg>) {
        let rooms = self.rooms();
        for room in &rooms {
            let _ = room.actor().cast(RoomMsg::Sweep);
        }
        if let Some(folder) = self.args.folder.clone() {
            tokio::task::spawn_blocking(move || {
                if let Err(error) = folder.tidy() {
                    tracing::warn!(%error, "old journals could not be deleted");
                }
            });
        }
        let ids: Vec<_> = rooms.iter().map(RoomRef::id).collect();
        let (directory, myself_then) = (Arc::clone(&self.args.ports.directory), myself.clone());
        tokio::spawn(async move {
            for ids in ids.chunks(500) {
                if let Ok(missing) = directory.missing_rooms(ids.to_vec()).await
                    && !missing.is_empty()
                {
                    let _ = myself_then.cast(RegistryMsg::Missing(missing));
                }
            }
        });
        self.revive_next(myself);
    }

    /// Every room writes its last snapshot and sends everybody out.
    fn stop(&mut self, reply: RpcReplyPort<()>) {
        self.stopped = true;
        self.waiting.clear();
        let rooms = self.rooms();
        tokio::spawn(async move {
            let mut stopping = tokio::task::JoinSet::new();
            for room in rooms {
                stopping.spawn(async move { room.actor().call(RoomMsg::Stop, None).await });
            }
            while stopping.join_next().await.is_some() {}
            let _ = reply.send(());
        });
    }
}

impl Actor for Registry {
    type Msg = RegistryMsg;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<RegistryMsg>,
        mut args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.myself.set(myself.clone());
        myself.send_interval(SWEEP, || RegistryMsg::Sweep);
        let revive = std::mem::take(&mut args.revive).into();
        Ok(State {
            args,
            waiting: HashMap::new(),
            loading: HashMap::new(),
            ending: HashMap::new(),
            revive,
            deaths: VecDeque::new(),
            deleted: VecDeque::new(),
            stopped: false,
        })
    }

    async fn post_start(
        &self,
        myself: ActorRef<RegistryMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.revive_next(&myself);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<RegistryMsg>,
        message: RegistryMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RegistryMsg::Get { id, begin, reply } => state.get(&myself, id, begin, reply).await,
            RegistryMsg::Loaded { id, loaded } => state.loaded(&myself, id, loaded).await,
            RegistryMsg::Ending(id) => state.ending(id),
            RegistryMsg::Stays(id) => state.stays(id).await,
            RegistryMsg::Ended(id) => state.ended(id).await,
            RegistryMsg::Died(actor) => state.died(&myself, actor).await,
            RegistryMsg::Everywhere(notice, revision) => state.everywhere(notice, revision),
            RegistryMsg::Deleted(id) => state.deleted(id),
            RegistryMsg::Missing(rooms) => rooms.into_iter().for_each(|id| state.deleted(id)),
            RegistryMsg::Sweep => state.sweep(&myself),
            RegistryMsg::Stop(reply) => state.stop(reply),
            RegistryMsg::Observe(reply) => {
                let summary = RegistrySummary {
                    rooms: state.args.index.len(),
                    loading: state.loading.len(),
                    ending: state.ending.len(),
                };
                let _ = reply.send(summary);
            }
        }
        Ok(())
    }
}
