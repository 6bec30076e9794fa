//! The actor of one room: one mailbox, so one order. It carries the room's [`Shell`].

mod carried;
mod handle;
mod owner;
mod rings;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde::Serialize;

pub use self::handle::{Gauge, RoomRef};
use self::{carried::Carried, owner::Owner};
use crate::{
    access_revision::AccessRevision,
    edge::RoomLink,
    ids::{RoomId, SessionNo, TokenHash},
    journal::{JournalError, file::Staged, folder::Folder, threads::Threads},
    livekit::{MediaRoom, Seen},
    logged::LoggedRoom,
    ports::{Ports, Slept},
    protocol::meeting::Caller,
    registry::{Beginner, Life, Lifecycle},
    room::{
        Room,
        effects::Effects,
        input::{Input, Notice, Reattach, SeatTaken, Start, StartOutcome},
        locations::StreamLocations,
    },
    session::{Arriving, networks::SenderLimits},
    shell::{Asking, Redeemed, Shell, hand_over::Giving, outbox::SentCommand},
};

/// What a room's actor is told.
#[derive(Debug)]
pub enum RoomMsg {
    /// A call of `start`; its ticket is good once the answer says so.
    Start {
        start: Box<Start>,
        /// Before anything was read for it; absent where only a token speaks for the caller.
        as_of: Option<AccessRevision>,
        reply: RpcReplyPort<StartOutcome>,
    },
    /// Where streams of the room are sent to, for the recorder that has just got a ticket.
    Locations(StreamLocations),
    /// Whether a resumption token speaks for a caller.
    Knows {
        token: TokenHash,
        caller: Caller,
        reply: RpcReplyPort<bool>,
    },
    /// Redeems a ticket, once.
    Redeem {
        ticket: TokenHash,
        reply: RpcReplyPort<Option<Redeemed>>,
    },
    /// A redeemed ticket's socket stands.
    Attach {
        taken: SeatTaken,
        link: Arriving<RoomLink>,
    },
    /// A session that has outlived an earlier life of the room asks to go on.
    Reattach {
        asked: Reattach,
        link: Arriving<RoomLink>,
    },
    Command(SessionNo, SentCommand),
    Input(Input),
    /// Word from REST; what was read before this revision counts no more.
    Notice(Notice, AccessRevision),
    /// Handle what waits.
    Turn,
    /// What was being done with the log is over.
    Written(io::Result<()>),
    /// It has taken very long so far.
    LogHangs,
    /// The room was read anew after a panic.
    Rebuilt(Box<Result<Room, JournalError>>),
    /// LiveKit tells that somebody has come into one of its rooms, or that it was just made.
    Sighted(MediaRoom, Option<Box<Seen>>),
    /// Whether a room of LiveKit is the counterpart of one of the meeting's rooms; nothing while a panic is being undone.
    HasMediaRoom(MediaRoom, RpcReplyPort<Option<bool>>),
    /// The registry looks after its rooms.
    Sweep,
    /// What the room has become is to be in a snapshot.
    Snapshot,
    /// The snapshot of this number was written beside the log.
    Staged(u64, Result<Staged, JournalError>),
    /// The registry has taken the room out of its index.
    MayEnd,
    /// The room goes to another node.
    HandOver(Giving),
    /// The server stops: a snapshot, and sessions are closed with 1001.
    Stop(RpcReplyPort<()>),
    Observe(RpcReplyPort<RoomSummary>),
    /// What it takes for right, for the database; nothing while a panic is being undone.
    Slept(RpcReplyPort<Option<Slept>>),
}

/// What an operator, or a test, sees of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomSummary {
    pub id: RoomId,
    pub participants: usize,
    pub waiting: usize,
    pub sessions: usize,
    pub tickets: usize,
    pub waiting_inputs: usize,
    pub journal_bytes: usize,
    /// Number of the last input, and of the last event.
    pub input_seq: u64,
    pub event_seq: u64,
    /// The disk failed; the room lives in memory.
    pub disk_failed: bool,
}

/// Where a room's actor lives.
#[derive(Debug)]
pub struct Surroundings {
    pub life: Life,
    /// What was read before lets nobody in.
    pub revision: AccessRevision,
    /// Where a room that lives in memory because of the disk gets a journal again.
    pub folder: Option<Arc<Folder>>,
    pub threads: Arc<Threads>,
    pub ports: Ports,
    pub registry: Arc<dyn Lifecycle>,
    pub supervisor: ActorCell,
}

/// Starts the actor of a room under the supervisor; it begins by releasing these effects. For whom it begins is known where it has no
/// past.
pub async fn spawn(
    room: LoggedRoom,
    effects: Option<Effects>,
    beginner: Option<Beginner>,
    surroundings: Surroundings,
) -> Result<RoomRef, ractor::SpawnErr> {
    let Surroundings {
        life,
        revision,
        folder,
        threads,
        ports,
        registry,
        supervisor,
    } = surroundings;
    let id = room.room().id();
    let gauge = Arc::new(Gauge {
        waiting: AtomicUsize::new(0),
        waiting_bytes: AtomicUsize::new(0),
        disk_failed: AtomicBool::new(room.disk_failed()),
        owner: Owner::new(room.room(), beginner),
        entered: AtomicBool::new(room.room().has_meeting()),
        sockets: AtomicUsize::new(0),
        senders: SenderLimits::default(),
    });
    let args = Box::new(Args {
        shell: Shell::new(room, folder, revision),
        revival: effects,
        ports: (ports, threads),
        registry: (registry, life),
        gauge: Arc::clone(&gauge),
    });
    let (actor, _) = Actor::spawn_linked(None, RoomActor, args, supervisor).await?;
    Ok(RoomRef {
        id,
        life,
        actor,
        gauge,
    })
}

/// What a room's actor begins with.
#[derive(Debug)]
struct Args {
    shell: Shell<Carried>,
    revival: Option<Effects>,
    ports: (Ports, Arc<Threads>),
    registry: (Arc<dyn Lifecycle>, Life),
    gauge: Arc<Gauge>,
}

/// A shell and what carries it.
#[derive(Debug)]
struct State {
    shell: Shell<Carried>,
    carried: Carried,
    /// What a revival brought; released as soon as the actor runs.
    revival: Option<Effects>,
}

impl State {
    fn summary(&self) -> RoomSummary {
        let (logged, room) = (self.shell.room(), self.shell.room().room());
        let (participants, waiting) = room.occupancy();
        RoomSummary {
            id: room.id(),
            participants,
            waiting,
            sessions: self.shell.links().len(),
            tickets: room.access().tickets().len(),
            waiting_inputs: self.shell.waiting(),
            journal_bytes: logged.journal().bytes(),
            input_seq: room.input_seq(),
            event_seq: room.event_seq(),
            disk_failed: logged.disk_failed(),
        }
    }

    /// Who waits for an answer may have gone.
    fn handle(&mut self, message: RoomMsg) {
        let (shell, carried) = (&mut self.shell, &mut self.carried);
        match message {
            RoomMsg::Start {
                start,
                as_of,
                reply: asker,
            } => {
                let asking = Asking { as_of, asker };
                shell.start(carried, start, asking);
            }
            RoomMsg::Locations(locations) => shell.set_locations(locations),
            RoomMsg::Knows { token, caller, reply } => {
                let _ = reply.send(shell.knows(token, caller));
            }
            RoomMsg::Redeem { ticket, reply } => {
                let _ = reply.send(shell.redeem(carried, ticket));
            }
            RoomMsg::Attach { taken, link } => shell.attach(carried, link.arrive(), taken),
            RoomMsg::Reattach { asked, link } => shell.reattach(carried, link.arrive(), asked),
            RoomMsg::Command(session, sent) => shell.command(carried, session, sent),
            RoomMsg::Input(input) => {
                carried.note(&input);
                shell.input(carried, input);
            }
            RoomMsg::Notice(notice, revision) => shell.notice(carried, notice, revision),
            RoomMsg::Turn => shell.turn(carried),
            RoomMsg::Written(written) => shell.written(carried, written),
            RoomMsg::LogHangs => shell.log_hangs(),
            RoomMsg::Rebuilt(room) => shell.rebuilt(carried, *room),
            RoomMsg::Sighted(room, seen) => shell.sighted(carried, room, seen.as_deref()),
            RoomMsg::HasMediaRoom(media, reply) => {
                let has = shell
                    .is_whole()
                    .then(|| shell.room().room().has_media_room(media));
                let _ = reply.send(has);
            }
            RoomMsg::Sweep => shell.sweep(carried),
            RoomMsg::Snapshot => shell.take_snapshot(carried),
            RoomMsg::Staged(number, staged) => shell.staged(carried, number, staged),
            RoomMsg::MayEnd => shell.may_end(carried),
            RoomMsg::HandOver(giving) => shell.hand_over(carried, giving),
            RoomMsg::Stop(reply) => {
                carried.wait_for_stop(reply);
                shell.stop(carried);
            }
            RoomMsg::Observe(reply) => {
                let _ = reply.send(self.summary());
            }
            RoomMsg::Slept(reply) => {
                let slept = shell.is_whole().then(|| Slept::of(shell.room().room()));
                let _ = reply.send(slept);
            }
        }
    }
}

struct RoomActor;

impl Actor for RoomActor {
    type Msg = RoomMsg;
    type State = Box<State>;
    type Arguments = Box<Args>;

    async fn pre_start(
        &self,
        myself: ActorRef<RoomMsg>,
        args: Box<Args>,
    ) -> Result<Box<State>, ActorProcessingErr> {
        let Args {
            shell,
            revival,
            ports,
            registry,
            gauge,
        } = *args;
        let id = shell.id();
        Ok(Box::new(State {
            shell,
            carried: Carried::new((id, myself), ports, registry, gauge),
            revival,
        }))
    }

    async fn post_start(
        &self,
        _myself: ActorRef<RoomMsg>,
        state: &mut Box<State>,
    ) -> Result<(), ActorProcessingErr> {
        let revival = state.revival.take();
        state.shell.begin(&mut state.carried, revival);
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<RoomMsg>,
        message: RoomMsg,
        state: &mut Box<State>,
    ) -> Result<(), ActorProcessingErr> {
        state.carried.begin_slice();
        state.handle(message);
        Ok(())
    }
}
