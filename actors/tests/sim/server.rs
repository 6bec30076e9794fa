//! The actor of a room: the real [`Shell`], carried one step at a time.

use std::{
    fmt, io,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use colloquy_actors::{
    access_revision::AccessRevision,
    ids::{SessionNo, TaskId, Timestamp, TokenHash},
    journal::JournalError,
    livekit::{Livekit, MediaRoom, Seen},
    logged::LoggedRoom,
    registry::{Life, RoomHandle as _},
    room::{
        Room, RoomSettings,
        input::{Input, Notice, Reattach, SeatTaken, Start},
    },
    shell::{Asking, Carrier as _, Redeemed, Shell, outbox::SentCommand},
    task::Outcome,
};

use super::{
    chance::Chance,
    disk::Disk,
    ledger::Ledger,
    net::SimLink,
    outside::{Asker, Outside, Place},
    process::SimRoom,
};

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
        let outside = Outside::new((now, wall), ledger, place, chance);
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
        let logged = LoggedRoom::begin(&room, Ok(disk.log()), livekit);
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
    ) -> Result<Self, Box<(Ledger, JournalError)>> {
        let livekit = Arc::clone(&ledger.livekit);
        let revived = match LoggedRoom::revive(disk.log(), livekit, times.0, chance.number()) {
            Ok(revived) => revived,
            Err(error) => return Err(Box::new((ledger, error))),
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

    pub fn command(&mut self, session: SessionNo, sent: SentCommand) {
        self.outside.waiting += 1;
        self.outside.waiting_bytes += sent.bytes;
        self.shell.command(&mut self.outside, session, sent);
    }

    /// Word from the registry.
    pub fn tell(&mut self, notice: Notice) {
        self.input(Input::Notice(notice));
    }

    pub fn notice(&mut self, notice: Notice, revision: AccessRevision) {
        self.outside.waiting += 1;
        self.shell.notice(&mut self.outside, notice, revision);
    }

    pub fn start(&mut self, start: Start, as_of: Option<AccessRevision>, asker: Asker) {
        self.outside.waiting += 1;
        let asking = Asking { as_of, asker };
        self.shell.start(&mut self.outside, Box::new(start), asking);
    }

    pub fn redeem(&mut self, ticket: TokenHash, now: Timestamp) -> Option<Redeemed> {
        self.outside.now = now;
        self.shell.redeem(&self.outside, ticket)
    }

    pub fn attach(&mut self, link: SimLink, taken: SeatTaken) {
        self.outside.waiting += 1;
        self.shell.attach(&mut self.outside, Some(link), taken);
    }

    pub fn reattach(&mut self, link: SimLink, asked: Reattach) {
        self.outside.waiting += 1;
        self.shell.reattach(&mut self.outside, Some(link), asked);
    }

    /// LiveKit tells of somebody, or of a room.
    pub fn sighted(&mut self, room: MediaRoom, seen: Option<&Seen>) {
        self.shell.sighted(&mut self.outside, room, seen);
    }

    /// Something was done outside, or not.
    pub fn task_done(&mut self, task: TaskId, outcome: Outcome) {
        self.outside.tasks.remove(&task);
        self.input(Input::TaskDone { task, outcome });
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
        if let Some(doing) = &mut outside.writing {
            let written = doing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(written) = written {
                outside.writing = None;
                shell.written(outside, written);
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
        if snapshots.is_empty() || chance.one_in(4) {
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

    /// No start meets the room any more.
    pub fn may_end(&mut self) {
        self.shell.may_end(&mut self.outside);
    }

    /// Whether nothing of the meeting is left.
    pub fn is_over(&self) -> bool {
        self.shell.room().room().is_over()
    }

    /// Whether the room lives in memory because the disk failed.
    pub fn disk_failed(&self) -> bool {
        self.shell.room().disk_failed()
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
