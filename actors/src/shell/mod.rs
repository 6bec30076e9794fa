//! Everything around the state machine of a room that is not input or output: which inputs make a turn, what is logged before it is
//! handled, what becomes of a panic, tickets, the lines of sessions, and when a room ends.
//!
//! A shell does no I/O itself: what it wants done goes to its [`Carrier`], what came of it comes back as a call. The room's actor
//! carries it, and so does the simulator.

pub mod carrier;
pub mod hand_over;
pub mod links;
pub mod outbox;
mod release;
mod sightings;
mod snapshots;
mod turn;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::Arc,
};

pub use self::{
    carrier::{Carrier, SessionLink},
    turn::sealed,
};
use self::{hand_over::Giving, links::Links, outbox::SentCommand, sightings::Sightings};
use crate::{
    access_revision::AccessRevision,
    ids::{RoomId, SessionNo, TaskId, Timestamp, TokenHash},
    journal::{Doing, JournalError, file::Staged, folder::Folder},
    logged::{LoggedRoom, Panicked},
    protocol::{codes::CloseCode, limits::TICKET_SECS, meeting::Caller},
    room::{
        effects::Effects,
        input::{Input, Notice, Reattach, SeatTaken, Stamped, Start, StartOutcome},
        locations::StreamLocations,
        tickets::Grant,
    },
};

/// A ticket that has been redeemed: the right to one session.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Redeemed {
    pub grant: Grant,
    /// For whom the ticket is good.
    pub caller: Caller,
    /// The number of the session.
    pub session: SessionNo,
}

/// Who hears of what becomes of an input.
#[derive(Debug)]
enum ReplyTo<A> {
    Nobody,
    /// The number of unhandled commands of this session goes down.
    Session(SessionNo),
    Start(A),
}

/// An input on its way.
struct Waiting<A> {
    input: Input,
    reply_to: ReplyTo<A>,
    /// What it was on the wire, where a client sent it.
    bytes: usize,
}

/// Inputs that are in the log, or on their way there.
struct Batch<A> {
    /// Those that were not handled yet.
    rest: VecDeque<(Stamped, ReplyTo<A>)>,
    /// Whether somebody asked for a seat.
    has_start: bool,
}

/// An input whose rule panicked, and what it would have brought.
struct Undoing<A> {
    panicked: Panicked,
    reply_to: ReplyTo<A>,
    /// The session that was to take a seat.
    arriving: Option<SessionNo>,
}

/// How far a turn has come.
enum Stage<A> {
    /// There is none.
    Between,
    /// The batch is being logged.
    Logging(Batch<A>),
    /// The disk failed: the batch is in a log in memory, and the file is being deleted.
    LeavingFile(Batch<A>),
    /// The batch is logged, and the thread was given back.
    Handling(Batch<A>),
    /// It is being logged that an input is skipped, before the rest is handled.
    Skipping(Undoing<A>, Batch<A>),
    /// The room is being read anew.
    Rebuilding(Undoing<A>, Batch<A>),
    /// A snapshot takes the place of the log; whether the room may end behind it.
    Adopting { may_end: bool },
    /// The last snapshot is being written, or made the log.
    Saving,
    /// It is being looked whether the log is still the room's.
    Touching,
    /// The log is being given to another node.
    Giving,
    /// The log is being deleted, or put aside: it is the end.
    Closing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Asked whether it may end.
    Ending,
    /// The server stops: the last snapshot is written as soon as the log allows.
    Stopping,
    /// No input is handled any more: the room ends, or has ended.
    Stopped,
}

/// What a start brings along beside its input.
#[derive(Debug)]
pub struct Asking<A> {
    /// Before anything was read for it; absent where only a token speaks for the caller.
    pub as_of: Option<AccessRevision>,
    pub asker: A,
}

/// The shell of one room.
pub struct Shell<C: Carrier> {
    room: LoggedRoom,
    /// Where a room that lives in memory because of the disk gets a journal again.
    folder: Option<Arc<Folder>>,
    /// The last time that REST took access from somebody, as far as it concerns this room.
    revision: AccessRevision,
    queue: VecDeque<Waiting<C::Asker>>,
    is_turn_asked_for: bool,
    /// Tickets whose sockets are on their way: each is redeemed once.
    redeemed: VecDeque<(Timestamp, TokenHash)>,
    links: Links<C::Link>,
    /// Sessions that got a number from this shell.
    sessions: u32,
    /// Tasks that are under way.
    tasks: BTreeSet<TaskId>,
    sightings: Sightings,
    /// Where its streams are sent to, as the newest recorder is to be told.
    locations: StreamLocations,
    alarm: Option<Timestamp>,
    phase: Phase,
    stage: Stage<C::Asker>,
    /// A snapshot that was written in the middle of a turn.
    staged: Option<Snapshot>,
    /// Somebody waits for the end.
    is_stop_asked_for: bool,
    /// The room goes to another node once it is saved.
    giving: Option<Giving>,
}

/// A snapshot by its number.
type Snapshot = (u64, Result<Staged, JournalError>);

impl<C: Carrier> fmt::Debug for Shell<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell")
            .field("id", &self.id())
            .field("phase", &self.phase)
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl<C: Carrier> Shell<C> {
    /// What was read before `revision` lets nobody in.
    #[must_use]
    pub fn new(room: LoggedRoom, folder: Option<Arc<Folder>>, revision: AccessRevision) -> Self {
        Self {
            room,
            folder,
            revision,
            queue: VecDeque::new(),
            is_turn_asked_for: false,
            redeemed: VecDeque::new(),
            links: Links::default(),
            sessions: 0,
            tasks: BTreeSet::new(),
            sightings: Sightings::default(),
            locations: StreamLocations::default(),
            alarm: None,
            phase: Phase::Running,
            stage: Stage::Between,
            staged: None,
            is_stop_asked_for: false,
            giving: None,
        }
    }

    /// The shell is carried: releases what a revival brought. A room that was revived has deadlines.
    pub fn begin(&mut self, carrier: &mut C, revival: Option<Effects>) {
        if let Some(effects) = revival {
            self.release(carrier, effects, ReplyTo::Nobody);
        }
        self.set_alarm(carrier);
    }

    #[must_use]
    pub fn id(&self) -> RoomId {
        self.room.room().id()
    }

    #[must_use]
    pub fn room(&self) -> &LoggedRoom {
        &self.room
    }

    #[must_use]
    pub fn links(&self) -> &Links<C::Link> {
        &self.links
    }

    /// Inputs that wait for a turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether everything that is logged was handled, so that log and room say the same.
    #[must_use]
    pub fn is_between_turns(&self) -> bool {
        matches!(self.stage, Stage::Between)
    }

    /// Whether nothing is being written to the log, or read from it.
    fn is_log_at_rest(&self) -> bool {
        matches!(self.stage, Stage::Between | Stage::Handling(_))
    }

    /// Whether the room has ended, and nothing is left to be done.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Stopped && self.is_between_turns()
    }

    /// Whether the room is as its inputs made it: not while a panic is being undone.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !matches!(self.stage, Stage::Skipping(..) | Stage::Rebuilding(..))
    }

    /// An input that somebody sent, and nobody waits for.
    pub fn input(&mut self, carrier: &mut C, input: Input) {
        let waiting = Waiting {
            input,
            reply_to: ReplyTo::Nobody,
            bytes: 0,
        };
        self.enqueue(carrier, waiting);
    }

    /// A command of a session, which waits for its end.
    pub fn command(&mut self, carrier: &mut C, session: SessionNo, sent: SentCommand) {
        let SentCommand {
            number,
            command,
            bytes,
        } = sent;
        let waiting = Waiting {
            input: Input::Command {
                session,
                number,
                command,
            },
            reply_to: ReplyTo::Session(session),
            bytes,
        };
        self.enqueue(carrier, waiting);
    }

    /// Word from REST: what was read before this revision counts no more.
    pub fn notice(&mut self, carrier: &mut C, notice: Notice, revision: AccessRevision) {
        self.revision = self.revision.max(revision);
        self.input(carrier, Input::Notice(notice));
    }

    /// A call of `start`.
    pub fn start(&mut self, carrier: &mut C, start: Box<Start>, asking: Asking<C::Asker>) {
        let Asking { as_of, asker } = asking;
        if as_of.is_some_and(|as_of| as_of < self.revision) {
            carrier.waits_no_more();
            return carrier.answer(self.room.room(), asker, StartOutcome::Outdated);
        }
        let waiting = Waiting {
            input: Input::Start(start),
            reply_to: ReplyTo::Start(asker),
            bytes: 0,
        };
        self.enqueue(carrier, waiting);
    }

    /// A recorder has got a ticket, and will be told of this.
    pub fn set_locations(&mut self, locations: StreamLocations) {
        self.locations = locations;
    }

    /// Whether a resumption token speaks for a caller.
    #[must_use]
    pub fn knows(&self, token: TokenHash, caller: Caller) -> bool {
        self.room.room().access().resume(token, caller).is_some()
    }

    /// Redeems a ticket, once: what it is good for, and for whom. Whoever was removed or shut out since is told so on the socket; its
    /// ticket is no guess. While a panic is being undone the room knows none: whoever asks then asks again.
    pub fn redeem(&mut self, carrier: &C, ticket: TokenHash) -> Option<Redeemed> {
        if !self.is_running() || !self.is_whole() {
            return None;
        }
        let now = self.room.time(carrier.now());
        while self.redeemed.pop_front_if(|(until, _)| *until <= now).is_some() {}
        if self.redeemed.iter().any(|(_, redeemed)| *redeemed == ticket) {
            return None;
        }
        let access = self.room.room().access();
        let (grant, asked_by) = access.tickets().get(ticket, now)?;
        let holder = access.get(grant.participant).map(|holder| holder.caller);
        let caller = holder.or(asked_by)?;
        self.redeemed.push_back((now.plus_secs(TICKET_SECS), ticket));
        self.sessions += 1;
        Some(Redeemed {
            grant,
            caller,
            session: self.room.room().session_no(self.sessions),
        })
    }

    /// A redeemed ticket's socket stands; none where it is gone already.
    pub fn attach(&mut self, carrier: &mut C, link: Option<C::Link>, taken: SeatTaken) {
        if let Some(link) = self.arriving(link) {
            link.takes_part_in(self.room.room().ring().nonce());
            self.links.insert(taken.session, link);
        }
        self.input(carrier, Input::SeatTaken(taken));
    }

    /// A session that has outlived an earlier shell of the room asks to go on.
    pub fn reattach(&mut self, carrier: &mut C, link: Option<C::Link>, asked: Reattach) {
        if let Some(link) = self.arriving(link) {
            self.links.insert_returning(asked.session, link);
        }
        self.input(carrier, Input::Reattach(asked));
    }

    /// A link that comes to the room, unless that is going down.
    fn arriving(&self, link: Option<C::Link>) -> Option<C::Link> {
        let link = link?;
        if self.is_running() {
            Some(link)
        } else {
            link.node_stops();
            None
        }
    }

    /// Keeps the journal young and the room in order, and lets a room end that nobody entered. A room that lives in memory because the
    /// disk failed tries to get a journal again.
    pub fn sweep(&mut self, carrier: &mut C) {
        if !self.is_running() || !self.is_between_turns() {
            return;
        }
        let id = self.id();
        if self.room.journal().is_in_common() {
            self.stage = Stage::Touching;
            return match self.room.journal().touch() {
                Doing::Over(touched) => self.written(carrier, touched),
                Doing::UnderWay(touching) => carrier.write(touching),
            };
        }
        let touching = self.room.journal().touch().or_tell(move |error| {
            tracing::warn!(room.id = %id, %error, "journal can't be touched");
        });
        if let Doing::UnderWay(touching) = touching {
            carrier.beside(touching);
        }
        self.look_after(carrier);
    }

    /// The log is still the room's, or not any more: one that is quiet hears of it so.
    pub(super) fn touched(&mut self, carrier: &mut C, touched: Result<(), JournalError>) {
        match touched {
            Err(error @ JournalError::Lost(_)) => self.fail(carrier, &error.into()),
            _ if self.phase == Phase::Stopping => self.save(carrier),
            _ => self.look_after(carrier),
        }
    }

    /// The store of the log has not answered for long: whoever is here comes back later. The room waits, since nobody else has what it has.
    pub fn log_hangs(&mut self) {
        if self.room.journal().is_in_common() && !self.links.is_empty() {
            tracing::warn!(room.id = %self.id(), "the store of the cluster does not answer; sockets are closed");
            self.close_all(CloseCode::TryAgain);
        }
    }

    fn look_after(&mut self, carrier: &mut C) {
        if let Some(stage) = self.stage_on_disk().filter(|_| !self.room.journal().is_staging()) {
            self.begin_snapshot(carrier, Some(stage));
        }
        self.mend(carrier);
        self.after_turn(carrier, true);
    }

    /// Whoever keeps rooms knows this one no more: it ends, unless something came meanwhile.
    pub fn may_end(&mut self, carrier: &mut C) {
        if self.is_over() {
            let deleting = self.room.delete_log();
            self.end(carrier, deleting);
        } else if self.is_running() {
            self.phase = Phase::Running;
            carrier.stays(self.id());
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Ending)
    }

    fn is_over(&self) -> bool {
        self.is_running() && self.is_between_turns() && self.queue.is_empty() && self.room.room().is_over()
    }

    /// The room ends when this is done with its log.
    fn end(&mut self, carrier: &mut C, closing: Doing) {
        (self.phase, self.stage) = (Phase::Stopped, Stage::Closing);
        match closing {
            Doing::Over(written) => self.written(carrier, written),
            Doing::UnderWay(closing) => carrier.write(closing),
        }
    }

    fn ended(&mut self, carrier: &mut C) {
        self.stage = Stage::Between;
        carrier.ended(self.id());
        if self.is_stop_asked_for {
            carrier.stopped();
        }
    }

    fn enqueue(&mut self, carrier: &mut C, waiting: Waiting<C::Asker>) {
        if !self.is_running() {
            carrier.takes_bytes(waiting.bytes);
            return carrier.waits_no_more();
        }
        self.queue.push_back(waiting);
        // Behind the turn that is being made another one is asked for anyway.
        if self.is_between_turns() {
            self.ask_for_turn(carrier);
        }
    }

    fn ask_for_turn(&mut self, carrier: &mut C) {
        if !std::mem::replace(&mut self.is_turn_asked_for, true) {
            carrier.turn();
        }
    }

    /// An input that nobody sent.
    fn own_input(&mut self, carrier: &mut C, input: Input) {
        carrier.waits();
        self.input(carrier, input);
    }

    /// Wakes the room at its next deadline.
    fn set_alarm(&mut self, carrier: &mut C) {
        let (next, now) = (self.room.room().next_deadline(), self.room.time(carrier.now()));
        // What is due already was to ring later, by a clock that has jumped since.
        if self.alarm != next || next.is_some_and(|at| at <= now) {
            self.alarm = next;
            carrier.wake_at(next, now);
        }
    }

    fn close_all(&mut self, code: CloseCode) {
        for link in self.links.drain() {
            link.close(code);
        }
    }
}
