//! What a room's shell wants done, until the world does it.

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc};

use colloquy_actors::{
    ballots::Ballots,
    ids::{RoomId, TaskId, Timestamp},
    journal::Rebuild,
    ports::BoxFuture,
    protocol::limits::TURN_BYTES_MAX,
    registry::{Life, RoomHandle as _},
    room::{
        Room,
        cost::Cost,
        effects::{Effect, Effects},
        input::{Input, Stamped, StartOutcome},
    },
    sealed::Unsealer,
    shell::{Carrier, carrier::WriteSnapshot},
    task::{Task, Work},
};

use super::{
    chance::Chance,
    ledger::Ledger,
    net::SimLink,
    pads::Pads,
    process::{Mail, Mailbox, SimRoom},
    trial::Opener,
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
    pub now: Timestamp,
    pub wall: Timestamp,
    pub chance: Chance,
    pub is_turn_wanted: bool,
    /// What is being done with the log.
    pub writing: Option<BoxFuture<'static, io::Result<()>>>,
    pub rebuild: Option<Rebuild>,
    /// Snapshots that are being written: an old one may end behind a newer one.
    pub snapshots: Vec<(u64, WriteSnapshot)>,
    /// When the room wants to be woken, in its own time.
    pub alarm: Option<Timestamp>,
    /// Inputs that were sent and did not end.
    pub waiting: usize,
    pub waiting_bytes: usize,
    /// Commands of the turn that have bytes, and how many.
    pub turn: (usize, usize),
    pub ledger: Ledger,
    /// Calls to LiveKit under way.
    pub tasks: BTreeMap<TaskId, Work>,
    pub handled: Option<Handled>,
    /// The kind of the last input that made a rule panic, and what the rule said.
    pub panicked: Option<(&'static str, String)>,
    pub answers: Vec<(Asker, StartOutcome)>,
    /// What a replay does otherwise.
    pub difference: Option<String>,
    pub has_ended: bool,
    pub has_stopped: bool,
    pub place: Place,
}

/// What others hold of the room, and whom it tells of itself.
#[derive(Debug)]
pub struct Place {
    pub room: SimRoom,
    pub id: RoomId,
    pub mailbox: Mailbox,
    pub ballots: Ballots,
    /// Who knows the links that the room does not.
    pub pads: Rc<RefCell<Pads>>,
}

impl Place {
    /// Tells the registry something of this life of the room.
    fn tell(&self, what: impl FnOnce(RoomId, Life) -> Mail) {
        self.mailbox.put(what(self.id, self.room.life()));
    }
}

impl Drop for Place {
    /// As an actor's outside does when it is dropped.
    fn drop(&mut self) {
        self.room.set_gone();
        self.tell(Mail::Gone);
    }
}

impl Outside {
    pub fn new(
        (now, wall): (Timestamp, Timestamp),
        ledger: Ledger,
        place: Place,
        chance: &mut Chance,
    ) -> Self {
        Self {
            now,
            wall,
            chance: Chance::new(chance.number()),
            is_turn_wanted: false,
            writing: None,
            rebuild: None,
            snapshots: Vec::new(),
            alarm: None,
            waiting: 0,
            waiting_bytes: 0,
            turn: (0, 0),
            ledger,
            tasks: BTreeMap::new(),
            handled: None,
            panicked: None,
            answers: Vec::new(),
            difference: None,
            has_ended: false,
            has_stopped: false,
            place,
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

    fn ballots(&self) -> &Ballots {
        &self.place.ballots
    }

    fn wall(&self) -> Timestamp {
        self.wall
    }

    fn unsealer(&self) -> &dyn Unsealer {
        &Opener
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

    fn write(&mut self, doing: BoxFuture<'static, io::Result<()>>) {
        assert!(self.writing.is_none(), "one thing at a time");
        self.writing = Some(doing);
    }

    fn beside(&mut self, _doing: BoxFuture<'static, io::Result<()>>) {}

    fn rebuild(&mut self, rebuild: Rebuild) {
        self.rebuild = Some(rebuild);
    }

    fn write_snapshot(&mut self, number: u64, write: WriteSnapshot) {
        self.snapshots.push((number, write));
    }

    fn wake_at(&mut self, at: Option<Timestamp>, _now: Timestamp) {
        self.alarm = at;
    }

    fn task(&mut self, task: Task) {
        self.tasks.insert(task.id, task.work);
    }

    fn cancel(&mut self, task: TaskId) {
        self.tasks.remove(&task);
    }

    fn link(&self, task: TaskId) -> Option<String> {
        self.place.pads.borrow().link(task)
    }

    fn answer(&mut self, _room: &Room, asker: Asker, reply: StartOutcome) {
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

    fn keeps(&mut self, _sockets: usize, ring_bytes: usize) -> bool {
        ring_bytes > 2_000 && self.chance.one_in(300)
    }

    fn show_disk(&mut self, _has_failed: bool) {}

    fn wants_to_end(&mut self, _room: RoomId) {
        self.place.tell(Mail::Ending);
    }

    fn stays(&mut self, _room: RoomId) {
        self.place.tell(Mail::Stays);
    }

    fn ended(&mut self, _room: RoomId) {
        self.has_ended = true;
        self.place.tell(Mail::Ended);
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
        Input::SeatTaken(_) => "seat taken",
        Input::Command { .. } => "command",
        Input::Ended { .. } => "ended",
        Input::Tick => "tick",
        Input::TaskDone { .. } => "task done",
        Input::MediaTold(_) => "media told",
        Input::Restarted => "restarted",
        Input::Reattach(_) => "reattach",
        Input::EdgeLost { .. } => "edge lost",
        Input::LetGo => "let go",
        Input::Notice(_) => "notice",
    }
}
