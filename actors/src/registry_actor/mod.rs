//! The actor of the registry: it carries a [`Registry`], and is restarted when that breaks.

mod carried;
mod jobs;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort};

use self::carried::Carried;
use crate::{
    access_revision::AccessRevisions,
    cluster::Cluster,
    ids::RoomId,
    journal::{folder::Folder, threads::Threads},
    livekit::Livekit,
    ports::Ports,
    registry::{Beginner, Found, Life, Lifecycle, Registry, RegistrySummary, Rooms},
    room::RoomSettings,
    room_actor::RoomRef,
};

/// How often rooms are compared with the database, and rooms that nobody entered are ended.
const SWEEP: Duration = Duration::from_mins(1);

/// What the registry is told.
#[derive(Debug)]
pub enum RegistryMsg {
    /// Finds a room; revives it, or begins it where somebody is given for whom.
    Get {
        id: RoomId,
        begin: Option<Beginner>,
        reply: RpcReplyPort<Found<RoomRef>>,
    },
    /// What became of a room that somebody waits for is in the table.
    Came(RoomId),
    /// A room wants to end.
    Ending(RoomId, Life),
    /// A room that wanted to end has got new work.
    Stays(RoomId, Life),
    /// A room has ended.
    Ended(RoomId, Life),
    /// Nobody carries a room's shell any more.
    Gone(RoomId, Life),
    /// REST deleted a room.
    Deleted(RoomId),
    /// The database does not know these rooms any more.
    Missing(Vec<RoomId>),
    Sweep,
    /// The server stops: no new rooms, a snapshot of each, everybody out.
    Stop(RpcReplyPort<()>),
    /// A room has written its last snapshot, or is gone.
    Stopped(RoomId),
    Observe(RpcReplyPort<RegistrySummary>),
}

/// What a registry begins with.
#[derive(Debug, Clone)]
pub struct Args {
    pub rooms: Rooms<RoomRef>,
    /// None keeps journals in memory, or in the store of the cluster.
    pub folder: Option<Arc<Folder>>,
    /// Who owns rooms; none where this is the only node.
    pub cluster: Option<Cluster>,
    /// For work on journals.
    pub threads: Arc<Threads>,
    pub settings: RoomSettings,
    pub livekit: Arc<Livekit>,
    pub revisions: AccessRevisions,
    pub ports: Ports,
    pub supervisor: ActorCell,
    pub myself: RegistryRef,
}

/// The registry as it is now: a restarted one takes the place of its predecessor.
#[derive(Debug, Clone, Default)]
pub struct RegistryRef(Arc<RwLock<Option<ActorRef<RegistryMsg>>>>);

impl RegistryRef {
    fn set(&self, registry: ActorRef<RegistryMsg>) {
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

impl Lifecycle for RegistryRef {
    fn ending(&self, room: RoomId, life: Life) {
        self.cast(RegistryMsg::Ending(room, life));
    }

    fn stays(&self, room: RoomId, life: Life) {
        self.cast(RegistryMsg::Stays(room, life));
    }

    fn ended(&self, room: RoomId, life: Life) {
        self.cast(RegistryMsg::Ended(room, life));
    }

    fn gone(&self, room: RoomId, life: Life) {
        self.cast(RegistryMsg::Gone(room, life));
    }
}

/// A registry, what carries it, and who waits for its end.
#[derive(Debug)]
pub(crate) struct State {
    registry: Registry<Carried>,
    carried: Carried,
    stop_replies: Vec<RpcReplyPort<()>>,
}

impl State {
    fn handle(&mut self, message: RegistryMsg) {
        let (registry, carried) = (&mut self.registry, &mut self.carried);
        match message {
            RegistryMsg::Get { id, begin, reply } => registry.get(carried, id, begin, reply),
            RegistryMsg::Came(id) => registry.came(carried, id),
            RegistryMsg::Ending(id, life) => registry.ending(id, life),
            RegistryMsg::Stays(id, life) => registry.stays(carried, id, life),
            RegistryMsg::Ended(id, life) => registry.ended(carried, id, life),
            RegistryMsg::Gone(id, life) => registry.gone(carried, id, life),
            RegistryMsg::Deleted(id) => registry.deleted(carried, id),
            RegistryMsg::Missing(rooms) => registry.missing(carried, rooms),
            RegistryMsg::Sweep => registry.sweep(carried),
            RegistryMsg::Stop(reply) => {
                self.stop_replies.push(reply);
                registry.stop(carried);
            }
            RegistryMsg::Stopped(id) => registry.stopped(id),
            RegistryMsg::Observe(reply) => {
                let _ = reply.send(registry.summary());
            }
        }
        if self.registry.has_stopped() {
            for reply in self.stop_replies.drain(..) {
                let _ = reply.send(());
            }
        }
    }
}

pub(crate) struct RegistryActor;

impl Actor for RegistryActor {
    type Msg = RegistryMsg;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<RegistryMsg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.myself.set(myself.clone());
        myself.send_interval(SWEEP, || RegistryMsg::Sweep);
        Ok(State {
            registry: Registry::new(args.rooms.clone(), args.settings.clone()),
            carried: Carried::new(args),
            stop_replies: Vec::new(),
        })
    }

    async fn post_start(
        &self,
        _myself: ActorRef<RegistryMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.registry.start(&mut state.carried);
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<RegistryMsg>,
        message: RegistryMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.handle(message);
        Ok(())
    }
}
