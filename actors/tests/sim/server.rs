//! The actor of a room: the real [`Shell`], carried one step at a time.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use colloquy_actors::{
    access_revision::AccessRevision,
    ids::{RoomId, SessionNo, Timestamp},
    journal::{JournalError, Rebuild},
    livekit::{Call, Livekit},
    logged::LoggedRoom,
    ports::BoxFuture,
    protocol::{Command, limits::TURN_BYTES_MAX},
    registry::{Life, RoomHandle as _},
    room::{
        Room, RoomSettings,
        access::Origin,
        cost::Cost,
        effects::{Effect, Effects},
        input::{Input, Notice, Stamped, Start},
    },
    shell::{Asking, Carrier, Shell, StartReply, carrier::WriteSnapshot},
    ticket::Claim,
};

use super::{
    chance::Chance,
    disk::Disk,
    ledger::Ledger,
    net::SimLink,
    process::{Mail, Mailbox, SimRoom},
};

/// A client's call of `start`.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    pub client: usize,
    pub ask: u64,
}

/// An input that was handled, and what came of it.
#[derive(Debug)]
pub struct Handled {
    pub stamped: Stamped,
    pub effects: Vec<Effect>,
    pub cost: Cost,
}

/// What the shell wants done, until the world does it.
pub struct Outside {
    now: Timestamp,
    wall: Timestamp,
    chance: Chance,
    is_turn_wanted: bool,
    append: Option<BoxFuture<'static, io::Result<()>>>,
    rebuild: Option<Rebuild>,
    /// Snapshots that are being written: an old one may end behind a newer one.
    snapshots: Vec<(u64, WriteSnapshot)>,
    /// When the room wants to be woken, in its own time.
    alarm: Option<Timestamp>,
    /// Inputs that were sent and did not end.
    waiting: usize,
    waiting_bytes: usize,
    /// Commands of the turn that have bytes, and how many.
    turn: (usize, usize),
    pub ledger: Ledger,
    /// Calls to LiveKit under way.
    pub calls: BTreeMap<u64, Call>,
    pub handled: Option<Handled>,
    /// The kind of the last input that made a rule panic, and what the rule said.
    pub panicked: Option<(&'static str, String)>,
    pub answers: Vec<(Asker, StartReply)>,
    /// What a replay does otherwise.
    pub difference: Option<String>,
    pub has_ended: bool,
    pub has_stopped: bool,
    place: Place,
}

/// What others hold of the room, and whom it tells of itself.
#[derive(Debug)]
pub struct Place {
    pub room: SimRoom,
    pub id: RoomId,
    pub mailbox: Mailbox,
}

impl Drop for Place {
    /// As an actor's outside does when it is dropped.
    fn drop(&mut self) {
        self.room.set_gone();
        self.mailbox.put(Mail::Gone(self.id, self.room.life()));
    }
}

pub struct Server {
    shell: Shell<Outside>,
    pub outside: Outside,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("shell", &self.shell)
            .finish_non_exhaustive()
    }
}

impl Server {
    fn new(
        room: LoggedRoom,
        ledger: Ledger,
        (now, wall): (Timestamp, Timestamp),
        revision: AccessRevision,
        place: Place,
        chance: &mut Chance,
    ) -> Self {
        let outside = Outside {
            now,
            wall,
            chance: Chance::new(chance.number()),
            is_turn_wanted: false,
            append: None,
            rebuild: None,
            snapshots: Vec::new(),
            alarm: None,
            waiting: 0,
            waiting_bytes: 0,
            turn: (0, 0),
            ledger,
            calls: BTreeMap::new(),
            handled: None,
            panicked: None,
            answers: Vec::new(),
            difference: None,
            has_ended: false,
            has_stopped: false,
            place,
        };
        Self {
            shell: Shell::new(room, None, revision),
            outside,
        }
    }

    /// A room without a log, which lives in memory where none can be written.
    pub fn create(
        disk: &Disk,
        settings: RoomSettings,
        livekit: &Arc<Livekit>,
        times: (Timestamp, Timestamp),
        (revision, place): (AccessRevision, Place),
        chance: &mut Chance,
    ) -> Self {
        let room = Room::new(place.id, settings);
        let ledger = Ledger::new(room.clone(), Arc::clone(livekit));
        let logged = LoggedRoom::begin(&room, Ok(disk.log()), Arc::clone(livekit));
        let logged = logged.expect("memory can always be written");
        let mut this = Self::new(logged, ledger, times, revision, place, chance);
        this.shell.begin(&mut this.outside, None);
        this
    }

    /// A room as its log tells it; the first that it hears is that everybody was lost.
    pub fn revive(
        disk: &Disk,
        mut ledger: Ledger,
        times: (Timestamp, Timestamp),
        (revision, place): (AccessRevision, Place),
        chance: &mut Chance,
    ) -> Result<Self, (Ledger, JournalError)> {
        let livekit = Arc::clone(&ledger.livekit);
        let revived = match LoggedRoom::revive(disk.log(), livekit, times.0, chance.number()) {
            Ok(revived) => revived,
            Err(error) => return Err((ledger, error)),
        };
        ledger.write(std::slice::from_ref(&revived.restarted));
        let mut this = Self::new(revived.room, ledger, times, revision, place, chance);
        let room = this.shell.room().room().clone();
        this.outside.look(&room, revived.restarted, &revived.effects);
        this.shell.begin(&mut this.outside, Some(revived.effects));
        Ok(this)
    }

    pub fn life(&self) -> Life {
        self.outside.place.room.life()
    }

    /// What others hold of it.
    pub fn handle(&self) -> &SimRoom {
        &self.outside.place.room
    }

    /// The room's time.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        self.shell.room().time(now)
    }

    /// The room, unless a panic is being undone.
    pub fn room(&self) -> Option<&LoggedRoom> {
        self.shell.is_whole().then(|| self.shell.room())
    }

    /// The line that a session receives, if it receives any.
    pub fn line_of(&self, session: SessionNo) -> Option<SessionNo> {
        self.shell.links().line_of(session)
    }

    pub fn input(&mut self, input: Input) {
        self.outside.waiting += 1;
        self.shell.input(&mut self.outside, input);
    }

    pub fn command(&mut self, session: SessionNo, command: Command) {
        self.outside.waiting += 1;
        // As long as some are that fill a turn.
        let bytes = usize::try_from(self.outside.chance.number() % 4).unwrap_or_default() * 300_000;
        self.outside.waiting_bytes += bytes;
        self.shell.command(&mut self.outside, session, command, bytes);
    }

    /// Word from the registry.
    pub fn tell(&mut self, notice: Notice) {
        self.input(Input::Notice(notice));
    }

    pub fn notice(&mut self, notice: Notice, revision: AccessRevision) {
        self.outside.waiting += 1;
        self.shell.notice(&mut self.outside, notice, revision);
    }

    pub fn start(&mut self, start: Start, as_of: Option<AccessRevision>, asker: Asker, ticket: String) {
        self.outside.waiting += 1;
        let asking = Asking { as_of, ticket, asker };
        self.shell.start(&mut self.outside, Box::new(start), asking);
    }

    pub fn redeem(&mut self, ticket: &str, now: Timestamp) -> Option<Claim> {
        self.outside.now = now;
        self.shell.redeem(&self.outside, ticket).map(|(claim, _)| claim)
    }

    pub fn attach(&mut self, link: SimLink, seat: (Claim, SessionNo), from: (Option<u64>, Option<Origin>)) {
        self.outside.waiting += 1;
        self.shell.attach(&mut self.outside, Some(link), seat, from);
    }

    /// LiveKit has answered.
    pub fn call_done(&mut self, call: u64, outcome: colloquy_actors::livekit::Outcome) {
        self.outside.calls.remove(&call);
        self.input(Input::CallDone { call, outcome });
    }

    /// Nothing waits and nothing is being done.
    pub fn is_idle(&self) -> bool {
        self.shell.is_between_turns() && self.shell.waiting() == 0 && self.outside.handled.is_none()
    }

    /// Does the next thing that the shell wants done, if it can be done.
    pub fn step(&mut self, (now, wall): (Timestamp, Timestamp)) {
        let (shell, outside) = (&mut self.shell, &mut self.outside);
        (outside.now, outside.wall) = (now, wall);
        if outside.alarm.is_some_and(|at| at <= shell.room().time(now)) {
            outside.alarm = None;
            outside.waiting += 1;
            shell.input(outside, Input::Tick);
        }
        if outside.handled.is_some() {
            return;
        }
        if let Some(append) = &mut outside.append {
            let written = append.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(written) = written {
                outside.append = None;
                shell.appended(outside, written);
            }
        } else if let Some(rebuild) = outside.rebuild.take() {
            shell.rebuilt(outside, rebuild());
        } else if std::mem::take(&mut outside.is_turn_wanted) {
            shell.turn(outside);
        }
    }

    /// Begins a snapshot, or ends one that is being written; it may fail.
    pub fn snapshot(&mut self, chance: &mut Chance) {
        let snapshots = &mut self.outside.snapshots;
        if snapshots.is_empty() {
            return self.shell.begin_snapshot(&mut self.outside, None);
        }
        let (number, write) = snapshots.remove(chance.below(snapshots.len()));
        let staged = if chance.one_in(5) {
            Err(JournalError::Io(io::Error::other("no space for a snapshot")))
        } else {
            write()
        };
        self.shell.staged(&mut self.outside, number, staged);
    }

    /// Once a minute.
    pub fn sweep(&mut self) {
        self.shell.sweep(&mut self.outside);
    }

    /// The server stops in order, with a last snapshot; whatever waits is dropped.
    pub fn stop(&mut self) {
        self.shell.stop(&mut self.outside);
    }

    /// No start meets the room any more; whether it has ended.
    pub fn may_end(&mut self) -> bool {
        self.shell.may_end(&mut self.outside);
        self.outside.has_ended
    }

    /// Whether everything that is in the log was handled.
    pub fn is_between_turns(&self) -> bool {
        self.shell.is_between_turns()
    }

    /// A seat without a socket, or a socket that is open and has no seat.
    pub fn torn(&self, mut sockets: impl Iterator<Item = SessionNo>) -> Option<String> {
        let (links, access) = (self.shell.links(), self.shell.room().room().access());
        let ghost = access
            .sessions()
            .find(|(session, _)| links.of_session(*session).is_none());
        if let Some((session, _)) = ghost {
            return Some(format!("a seat of {} without a socket", session.0));
        }
        let stray = |session: &SessionNo| {
            links.of_session(*session).is_none() || access.of_session(*session).is_none()
        };
        sockets
            .find(stray)
            .map(|session| format!("the socket {} has no seat", session.0))
    }

    /// What is counted is what waits.
    pub fn check_counts(&self) -> Result<(), String> {
        let links = self.shell.links();
        let unhandled = |session: &SessionNo| {
            links
                .of_session(*session)
                .is_some_and(|link| link.unhandled() > 0)
        };
        if self.outside.waiting_bytes > 0 {
            return Err(format!(
                "{} bytes are counted, none waits",
                self.outside.waiting_bytes
            ));
        }
        if self.outside.waiting > 0 {
            return Err(format!("{} inputs are counted, none waits", self.outside.waiting));
        }
        match links.sessions().find(unhandled) {
            Some(session) => Err(format!("a command of {} was never handled", session.0)),
            None => Ok(()),
        }
    }

    /// The log on the disk, or in memory where the disk failed, tells the state that the room has.
    pub fn check_log(&self) -> Result<(), String> {
        if !self.is_between_turns() {
            return Ok(());
        }
        let logged = self.shell.room();
        let read = logged.journal().rebuild(u64::MAX, &self.outside.ledger.livekit);
        let rebuilt = read().map_err(|error| error.to_string())?;
        if rebuilt == *logged.room() {
            Ok(())
        } else {
            Err(format!(
                "the journal gives {rebuilt:?}, the room is {:?}",
                logged.room()
            ))
        }
    }
}

impl Carrier for Outside {
    type Asker = Asker;
    type Link = SimLink;
    const LOOKS: bool = true;

    fn now(&self) -> Timestamp {
        self.now
    }

    fn wall(&self) -> Timestamp {
        self.wall
    }

    fn seed(&mut self) -> u64 {
        self.chance.number()
    }

    /// The world looks at the room after each input.
    fn is_slice_over(&self) -> bool {
        true
    }

    fn turn(&mut self) {
        self.is_turn_wanted = true;
    }

    fn append(&mut self, append: BoxFuture<'static, io::Result<()>>) {
        assert!(self.append.is_none(), "one append at a time");
        self.append = Some(append);
    }

    fn rebuild(&mut self, rebuild: Rebuild) {
        self.rebuild = Some(rebuild);
    }

    fn write_snapshot(&mut self, number: u64, write: WriteSnapshot) {
        self.snapshots.push((number, write));
    }

    fn wake_at(&mut self, at: Option<Timestamp>, _now: Timestamp) {
        self.alarm = at;
    }

    fn call(&mut self, id: u64, call: Call) {
        self.calls.insert(id, call);
    }

    fn cancel(&mut self, id: u64) {
        self.calls.remove(&id);
    }

    fn answer(&mut self, _room: &Room, asker: Asker, reply: StartReply) {
        self.answers.push((asker, reply));
    }

    fn entered(&mut self) {}

    fn waits(&mut self) {
        self.waiting += 1;
    }

    fn waits_no_more(&mut self) {
        self.waiting = self.waiting.checked_sub(1).expect("what was counted before");
    }

    fn takes_bytes(&mut self, bytes: usize) {
        if bytes > 0 {
            self.turn = (self.turn.0 + 1, self.turn.1 + bytes);
        }
        self.waiting_bytes = self
            .waiting_bytes
            .checked_sub(bytes)
            .expect("what was counted before");
    }

    fn show_disk(&mut self, _has_failed: bool) {}

    fn wants_to_end(&mut self, room: RoomId) {
        let Place {
            room: handle,
            mailbox,
            ..
        } = &self.place;
        mailbox.put(Mail::Ending(room, handle.life()));
    }

    fn stays(&mut self, room: RoomId) {
        let Place {
            room: handle,
            mailbox,
            ..
        } = &self.place;
        mailbox.put(Mail::Stays(room, handle.life()));
    }

    fn ended(&mut self, room: RoomId) {
        self.has_ended = true;
        let Place {
            room: handle,
            mailbox,
            ..
        } = &self.place;
        mailbox.put(Mail::Ended(room, handle.life()));
    }

    fn stopped(&mut self) {
        self.has_stopped = true;
    }

    fn look_at_panic(&mut self, of: &Stamped) {
        self.ledger.skipped(of);
        self.panicked = Some((kind(&of.input), super::last_panic()));
    }

    fn look_at_batch(&mut self, batch: &[Stamped]) {
        let (commands, bytes) = std::mem::take(&mut self.turn);
        assert!(
            commands <= 1 || bytes <= TURN_BYTES_MAX,
            "{bytes} bytes in one turn"
        );
        self.ledger.write(batch);
    }

    fn look(&mut self, room: &Room, stamped: Stamped, effects: &Effects) {
        if let Err(difference) = self.ledger.handled(room, &stamped, effects) {
            self.difference.get_or_insert(difference);
        }
        self.handled = Some(Handled {
            stamped,
            effects: effects.list.clone(),
            cost: effects.cost,
        });
    }
}

/// What an input is, in a word.
fn kind(input: &Input) -> &'static str {
    match input {
        Input::Start(_) => "start",
        Input::SeatTaken { .. } => "seat taken",
        Input::Command { .. } => "command",
        Input::Ended { .. } => "ended",
        Input::Tick => "tick",
        Input::CallDone { .. } => "call done",
        Input::Restarted => "restarted",
        Input::Notice(_) => "notice",
    }
}
