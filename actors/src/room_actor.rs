//! The actor of one room: one mailbox, so one order. It logs inputs in batches, has them handled, releases the effects.

mod handle;
pub mod kept;
mod links;
mod owner;
mod release;
mod turn;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde::Serialize;
use tokio::task::{AbortHandle, JoinHandle};
use uuid::Uuid;

pub use self::{
    handle::{Gauge, RoomRef},
    owner::Asker,
};
use self::{kept::Kept, links::Links, owner::Owner};
use crate::{
    access_revision::AccessRevision,
    ids::{ParticipantId, RoomId, SessionNo, Timestamp, TokenHash},
    journal::{JournalError, file::Staged, folder::Folder},
    livekit,
    logged::LoggedRoom,
    ports::Ports,
    protocol::{Command, codes::CloseCode, meeting::Caller},
    registry::RegistryRef,
    room::{
        access::Origin,
        effects::Effects,
        input::{Input, Notice, Start},
    },
    session::{Arriving, Link},
    ticket::{Claim, Tickets},
};

/// What a room's actor is told.
#[derive(Debug)]
pub enum RoomMsg {
    /// A call of `start`; the ticket is good once the answer says so.
    Start {
        start: Box<Start>,
        /// Before anything was read for it; absent where only a token speaks for the caller.
        as_of: Option<AccessRevision>,
        ticket: String,
        reply: RpcReplyPort<StartReply>,
    },
    /// Whether a resumption token speaks for a caller.
    Knows {
        token: TokenHash,
        caller: Caller,
        reply: RpcReplyPort<bool>,
    },
    /// Takes a ticket.
    Redeem {
        ticket: String,
        reply: RpcReplyPort<Option<(Claim, Caller)>>,
    },
    /// A redeemed ticket's socket stands.
    Attach {
        claim: Claim,
        session: SessionNo,
        link: Arriving,
        resume_from: Option<u64>,
        origin: Option<Origin>,
    },
    Command {
        session: SessionNo,
        command: Command,
    },
    Input(Input),
    /// Word from REST; what was read before this revision counts no more.
    Notice(Notice, AccessRevision),
    /// Handle what waits.
    Turn,
    /// The registry looks after its rooms.
    Sweep,
    /// The snapshot of this number was written beside the log.
    Staged(u64, Result<Staged, JournalError>),
    /// The registry has taken the room out of its index.
    MayEnd,
    /// The server stops: a snapshot, and sessions are closed with 1001.
    Stop(RpcReplyPort<()>),
    Observe(RpcReplyPort<RoomSummary>),
}

/// The answer to a `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartReply {
    Issued(ParticipantId),
    NeedsIdentity,
    NeedsFacts,
    NoBreakoutRooms,
    Banned,
    /// Somebody lost access since the database was asked.
    Outdated,
    /// Not at this moment: the room is going down.
    Unavailable,
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

/// Starts the actor of a room under the supervisor; it begins by releasing these effects. What was read before `revision` lets
/// nobody in.
pub async fn spawn(
    room: LoggedRoom,
    effects: Option<Effects>,
    revision: AccessRevision,
    folder: Option<Arc<Folder>>,
    ports: Ports,
    registry: RegistryRef,
    supervisor: ActorCell,
) -> Result<RoomRef, ractor::SpawnErr> {
    let id = room.room().id();
    let gauge = Arc::new(Gauge {
        waiting: AtomicUsize::new(0),
        next_session: AtomicU64::new(room.room().access().last_session().0 + 1),
        disk_failed: AtomicBool::new(room.disk_failed()),
        owner: Owner::of(room.room()),
        entered: AtomicBool::new(room.room().has_meeting()),
    });
    let args = Shell {
        revival: effects,
        revision,
        folder,
        ..Shell::new(room, ports, registry, Arc::clone(&gauge))
    };
    let (actor, _) = Actor::spawn_linked(None, RoomActor, args, supervisor).await?;
    Ok(RoomRef { id, actor, gauge })
}

/// An input on its way, with whoever waits for it.
#[derive(Debug)]
struct Waiting {
    input: Input,
    from: From,
}

#[derive(Debug)]
enum From {
    Nobody,
    /// The number of unhandled commands of this session goes down.
    Session(SessionNo),
    Start {
        ticket: String,
        /// What the ticket will be good for; the participant is found by the room.
        claim: Claim,
        reply: RpcReplyPort<StartReply>,
    },
}

/// Everything around the state machine.
#[derive(Debug)]
struct Shell {
    room: LoggedRoom,
    /// What a revival brought; released as soon as the actor runs.
    revival: Option<Effects>,
    /// The last time that REST took access from somebody, as far as it concerns this room.
    revision: AccessRevision,
    /// Where a room that lives in memory because of the disk gets a journal again.
    folder: Option<Arc<Folder>>,
    ports: Ports,
    registry: RegistryRef,
    gauge: Arc<Gauge>,
    queue: VecDeque<Waiting>,
    turn_cast: bool,
    tickets: Tickets,
    links: Links,
    kept: Kept,
    /// Calls to LiveKit that are under way.
    calls: HashMap<u64, AbortHandle>,
    alarm: Option<(Timestamp, JoinHandle<()>)>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Asked the registry to end.
    Ending,
    /// No input is handled any more.
    Stopped,
}

impl Shell {
    fn new(room: LoggedRoom, ports: Ports, registry: RegistryRef, gauge: Arc<Gauge>) -> Self {
        Self {
            room,
            revival: None,
            revision: AccessRevision::default(),
            folder: None,
            ports,
            registry,
            gauge,
            queue: VecDeque::new(),
            turn_cast: false,
            tickets: Tickets::default(),
            links: Links::default(),
            kept: Kept::default(),
            calls: HashMap::new(),
            alarm: None,
            phase: Phase::Running,
        }
    }

    fn id(&self) -> RoomId {
        self.room.room().id()
    }

    fn enqueue(&mut self, myself: &ActorRef<RoomMsg>, input: Input, from: From) {
        if self.phase == Phase::Stopped {
            return self.gauge.down();
        }
        self.queue.push_back(Waiting { input, from });
        if !std::mem::replace(&mut self.turn_cast, true) {
            let _ = myself.cast(RoomMsg::Turn);
        }
    }

    /// An input that nobody sent.
    fn input(&mut self, myself: &ActorRef<RoomMsg>, input: Input) {
        self.gauge.waiting.fetch_add(1, Ordering::Relaxed);
        self.enqueue(myself, input, From::Nobody);
    }

    fn show_disk(&self) {
        let failed = self.room.disk_failed();
        self.gauge.disk_failed.store(failed, Ordering::Relaxed);
    }

    fn summary(&self) -> RoomSummary {
        let room = self.room.room();
        let (participants, waiting) = room.occupancy();
        RoomSummary {
            id: room.id(),
            participants,
            waiting,
            sessions: self.links.len(),
            tickets: self.tickets.len(),
            waiting_inputs: self.queue.len(),
            journal_bytes: self.room.journal().bytes(),
            input_seq: room.input_seq(),
            event_seq: room.event_seq(),
            disk_failed: self.room.disk_failed(),
        }
    }

    fn start(
        &mut self,
        myself: &ActorRef<RoomMsg>,
        start: Box<Start>,
        as_of: Option<AccessRevision>,
        ticket: String,
        reply: RpcReplyPort<StartReply>,
    ) {
        if as_of.is_some_and(|as_of| as_of < self.revision) {
            self.gauge.down();
            // Whoever asked may have gone.
            let _ = reply.send(StartReply::Outdated);
            return;
        }
        let claim = Claim {
            participant: ParticipantId(Uuid::nil()),
            caller: start.caller,
            token: start.token,
            breakout_room: start.breakout_room,
        };
        self.enqueue(myself, Input::Start(start), From::Start { ticket, claim, reply });
    }

    fn attach(&mut self, session: SessionNo, link: Link) {
        if self.phase == Phase::Stopped {
            link.close(CloseCode::GoingAway);
        } else {
            self.links.insert(session, link);
        }
    }

    fn redeem(&mut self, ticket: &str) -> Option<(Claim, Caller)> {
        let claim = self.tickets.redeem(ticket, self.ports.clock.now())?;
        // Whoever was removed or shut out since is told so on the socket; its ticket is no guess.
        let holder = self.room.room().access().get(claim.participant);
        let caller = holder.map_or(claim.caller, |holder| holder.caller);
        (self.phase != Phase::Stopped).then_some((claim, caller))
    }

    /// Wakes the room at its next deadline.
    fn set_alarm(&mut self, myself: &ActorRef<RoomMsg>) {
        let next = self.room.room().next_deadline();
        if self.alarm.as_ref().map(|(at, _)| *at) == next {
            return;
        }
        if let Some((_, task)) = self.alarm.take() {
            task.abort();
        }
        if let Some(at) = next {
            let micros = at
                .as_micros()
                .saturating_sub(self.room.time(self.ports.clock.now()).as_micros())
                .max(0);
            let wait = Duration::from_micros(micros.unsigned_abs());
            let (actor, gauge) = (myself.clone(), Arc::clone(&self.gauge));
            let task = tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                gauge.waiting.fetch_add(1, Ordering::Relaxed);
                let _ = actor.cast(RoomMsg::Input(Input::Tick));
            });
            self.alarm = Some((at, task));
        }
    }

    /// Asks LiveKit for something; what became of it is an input.
    fn call(&mut self, myself: &ActorRef<RoomMsg>, call: u64, wanted: livekit::Call) {
        let (media, actor) = (Arc::clone(&self.ports.media), myself.clone());
        let gauge = Arc::clone(&self.gauge);
        let task = tokio::spawn(async move {
            let outcome = media.call(wanted).await;
            gauge.waiting.fetch_add(1, Ordering::Relaxed);
            let _ = actor.cast(RoomMsg::Input(Input::CallDone { call, outcome }));
        });
        self.calls.insert(call, task.abort_handle());
    }

    fn cancel_call(&mut self, call: u64) {
        if let Some(task) = self.calls.remove(&call) {
            task.abort();
        }
    }

    fn close_all(&mut self, code: CloseCode) {
        for link in self.links.drain() {
            link.close(code);
        }
    }

    /// The last snapshot, and everybody out: what the sessions report after that is not a leave.
    fn stop(&mut self) {
        self.phase = Phase::Stopped;
        // Whoever waits for a ticket is told by the dropped reply port.
        self.queue.clear();
        if let Err(error) = self.room.snapshot_now() {
            tracing::error!(room.id = %self.id(), %error, "last snapshot failed; the journal stays as it is");
        }
        self.close_all(CloseCode::GoingAway);
    }
}

/// The socket of a redeemed ticket stands.
fn seat_taken(claim: Claim, session: SessionNo, resume_from: Option<u64>, origin: Option<Origin>) -> Input {
    Input::SeatTaken {
        participant: claim.participant,
        token: claim.token,
        session,
        breakout_room: claim.breakout_room,
        resume_from,
        origin,
    }
}

struct RoomActor;

impl Actor for RoomActor {
    type Msg = RoomMsg;
    type State = Shell;
    type Arguments = Shell;

    async fn pre_start(&self, _myself: ActorRef<RoomMsg>, shell: Shell) -> Result<Shell, ActorProcessingErr> {
        Ok(shell)
    }

    /// A room that was revived has deadlines, and a room that was opened without need may end.
    async fn post_start(
        &self,
        myself: ActorRef<RoomMsg>,
        shell: &mut Shell,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(effects) = shell.revival.take() {
            release::effects(shell, &myself, effects, From::Nobody);
        }
        shell.set_alarm(&myself);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<RoomMsg>,
        message: RoomMsg,
        shell: &mut Shell,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RoomMsg::Start {
                start,
                as_of,
                ticket,
                reply,
            } => shell.start(&myself, start, as_of, ticket, reply),
            RoomMsg::Knows { token, caller, reply } => {
                let known = shell.room.room().access().resume(token, caller);
                let _ = reply.send(known.is_some());
            }
            RoomMsg::Redeem { ticket, reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(shell.redeem(&ticket));
            }
            RoomMsg::Attach {
                claim,
                session,
                link,
                resume_from,
                origin,
            } => {
                if let Some(link) = link.arrive() {
                    shell.attach(session, link);
                }
                let taken = seat_taken(claim, session, resume_from, origin);
                shell.enqueue(&myself, taken, From::Nobody);
            }
            RoomMsg::Command { session, command } => {
                let command = Input::Command { session, command };
                shell.enqueue(&myself, command, From::Session(session));
            }
            RoomMsg::Input(input) => shell.enqueue(&myself, input, From::Nobody),
            RoomMsg::Notice(notice, revision) => {
                shell.revision = shell.revision.max(revision);
                shell.enqueue(&myself, Input::Notice(notice), From::Nobody);
            }
            RoomMsg::Turn => turn::run(shell, &myself).await,
            RoomMsg::Sweep => turn::sweep(shell, &myself),
            RoomMsg::Staged(number, staged) => {
                if let Err(error) = shell.room.adopt(number, staged) {
                    tracing::warn!(room.id = %shell.id(), %error, "snapshot failed; the longer journal stays");
                }
                shell.show_disk();
            }
            RoomMsg::MayEnd => turn::end_if_over(shell, &myself),
            RoomMsg::Stop(reply) => {
                shell.stop();
                let _ = reply.send(());
                myself.stop(None);
            }
            RoomMsg::Observe(reply) => {
                let _ = reply.send(shell.summary());
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<RoomMsg>,
        shell: &mut Shell,
    ) -> Result<(), ActorProcessingErr> {
        if let Some((_, task)) = shell.alarm.take() {
            task.abort();
        }
        for (_, task) in shell.calls.drain() {
            task.abort();
        }
        Ok(())
    }
}
