//! The process around the rooms: the real [`Registry`] over the real table, and what it wants done, until somebody does it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    rc::Rc,
};

use colloquy_actors::{
    access_revision::{AccessRevision, AccessRevisions},
    ballots::Ballots,
    ids::{RoomId, Timestamp, UserId},
    registry::{
        Beginner, Came, Found, Founder, Host, Life, Registry, RoomHandle, Rooms, host::Loading, rooms::Entry,
    },
    room::{RoomSettings, input::Notice},
};

use super::trial::BEGIN;

/// What a room hears from outside of its meeting.
#[derive(Debug)]
pub enum Word {
    Tell(Notice),
    Notice(Notice, AccessRevision),
    MayEnd,
    Sweep,
    Stop,
}

/// What the registry holds of a room that lives.
#[derive(Debug, Clone)]
pub struct SimRoom {
    life: Life,
    beginner: Option<Beginner>,
    inbox: Rc<RefCell<VecDeque<Word>>>,
    is_gone: Rc<Cell<bool>>,
}

impl SimRoom {
    pub fn new(life: Life, beginner: Option<Beginner>) -> Self {
        Self {
            life,
            beginner,
            inbox: Rc::default(),
            is_gone: Rc::default(),
        }
    }

    /// The next that the room hears.
    pub fn next(&self) -> Option<Word> {
        self.inbox.borrow_mut().pop_front()
    }

    pub fn has_word(&self) -> bool {
        !self.inbox.borrow().is_empty()
    }

    pub fn set_gone(&self) {
        self.is_gone.set(true);
    }

    fn put(&self, word: Word) {
        self.inbox.borrow_mut().push_back(word);
    }
}

impl RoomHandle for SimRoom {
    fn life(&self) -> Life {
        self.life
    }

    fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn owner(&self) -> Option<UserId> {
        self.beginner.and_then(|beginner| beginner.owner)
    }

    fn founder(&self) -> Founder {
        Founder::Owner
    }

    fn was_entered(&self) -> bool {
        true
    }

    fn tell(&self, notice: Notice) {
        self.put(Word::Tell(notice));
    }

    fn notice(&self, notice: Notice, revision: AccessRevision) {
        self.put(Word::Notice(notice, revision));
    }

    fn may_end(&self) {
        self.put(Word::MayEnd);
    }

    fn sweep(&self) {
        self.put(Word::Sweep);
    }
}

/// Who waits for a room: a client's call of `start`, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub room: RoomId,
    pub ask: u64,
}

/// What is on its way to the registry.
#[derive(Debug)]
pub enum Mail {
    Get(RoomId, Option<Beginner>, Caller),
    Came(RoomId),
    Ending(RoomId, Life),
    Stays(RoomId, Life),
    Ended(RoomId, Life),
    Gone(RoomId, Life),
    Deleted(RoomId),
    Sweep,
    Stopped(RoomId),
}

/// Rooms tell the registry of themselves by it.
#[derive(Debug, Clone, Default)]
pub struct Mailbox(Rc<RefCell<VecDeque<Mail>>>);

impl Mailbox {
    pub fn put(&self, mail: Mail) {
        self.0.borrow_mut().push_back(mail);
    }

    fn take(&self) -> Option<Mail> {
        self.0.borrow_mut().pop_front()
    }

    fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// Work on the journal of a room.
#[derive(Debug)]
pub enum Job {
    Begin(RoomSettings, Beginner),
    Load(Loading),
    Delete,
}

/// What the registry wants done outside.
#[derive(Debug)]
pub struct Front {
    now: Timestamp,
    jobs: Vec<(RoomId, Job)>,
    answers: Vec<(Caller, Found<SimRoom>)>,
    /// Who waits for an answer of the registry.
    callers: Vec<Caller>,
}

impl Host for Front {
    type Asker = Caller;
    type Room = SimRoom;

    fn now(&self) -> Timestamp {
        self.now
    }

    fn answer(&mut self, asker: Caller, found: Found<SimRoom>) {
        self.callers.retain(|caller| *caller != asker);
        self.answers.push((asker, found));
    }

    fn begin(&mut self, id: RoomId, settings: RoomSettings, beginner: Beginner) {
        self.add(id, Job::Begin(settings, beginner));
    }

    fn load(&mut self, id: RoomId, loading: Loading) {
        self.add(id, Job::Load(loading));
    }

    fn delete_journal(&mut self, id: RoomId) {
        self.add(id, Job::Delete);
    }

    fn tidy(&mut self) {}

    fn look_for_missing(&mut self, _rooms: Vec<RoomId>) {}

    fn stop(&mut self, room: SimRoom) {
        room.put(Word::Stop);
    }
}

impl Front {
    fn add(&mut self, id: RoomId, job: Job) {
        self.jobs.push((id, job));
    }
}

/// A process of the server; rooms of one process share it.
pub struct Process {
    registry: Registry<Front>,
    pub front: Front,
    pub rooms: Rooms<SimRoom>,
    pub revisions: AccessRevisions,
    pub mailbox: Mailbox,
    /// Gone with the process.
    pub ballots: Ballots,
    settings: RoomSettings,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("registry", &self.registry)
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// A process that finds the journals of these rooms.
    pub fn new(asleep: Vec<RoomId>, settings: RoomSettings, now: Option<Timestamp>) -> Self {
        let rooms = Rooms::new(asleep);
        let mut front = Front {
            now: now.unwrap_or(BEGIN),
            jobs: Vec::new(),
            answers: Vec::new(),
            callers: Vec::new(),
        };
        let mut registry = Registry::new(rooms.clone(), settings.clone());
        registry.start(&mut front);
        Self {
            registry,
            front,
            rooms,
            revisions: AccessRevisions::default(),
            mailbox: Mailbox::default(),
            ballots: Ballots::default(),
            settings,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.front.now
    }

    pub fn pass(&mut self, micros: u64) {
        self.front.now = Timestamp::from_micros(self.front.now.as_micros() + micros.cast_signed());
    }

    /// Asks for a room.
    pub fn get(&mut self, caller: Caller, begin: Option<Beginner>) {
        self.front.callers.push(caller);
        self.mailbox.put(Mail::Get(caller.room, begin, caller));
    }

    /// The registry reads a message; whether there was one.
    pub fn read(&mut self) -> bool {
        let Some(mail) = self.mailbox.take() else {
            return false;
        };
        let (registry, front) = (&mut self.registry, &mut self.front);
        match mail {
            Mail::Get(id, begin, caller) => registry.get(front, id, begin, caller),
            Mail::Came(id) => registry.came(front, id),
            Mail::Ending(id, life) => registry.ending(id, life),
            Mail::Stays(id, life) => registry.stays(front, id, life),
            Mail::Ended(id, life) => registry.ended(front, id, life),
            Mail::Gone(id, life) => registry.gone(front, id, life),
            Mail::Deleted(id) => registry.deleted(front, id),
            Mail::Sweep => registry.sweep(front),
            Mail::Stopped(id) => registry.stopped(id),
        }
        true
    }

    pub fn has_mail(&self) -> bool {
        !self.mailbox.is_empty()
    }

    /// The registry breaks and is restarted: what it was told and had not heard is lost, and whoever waits for it hears of that.
    pub fn break_registry(&mut self) {
        self.mailbox.clear();
        self.registry = Registry::new(self.rooms.clone(), self.settings.clone());
        let lost = std::mem::take(&mut self.front.callers);
        let answers = lost.into_iter().map(|caller| (caller, Found::Unavailable));
        self.front.answers.extend(answers);
        self.registry.start(&mut self.front);
    }

    /// The server is told to stop.
    pub fn stop(&mut self) {
        self.registry.stop(&mut self.front);
    }

    pub fn has_stopped(&self) -> bool {
        self.registry.has_stopped()
    }

    /// Takes the work on a room's journal that was asked for first.
    pub fn take_job(&mut self, id: RoomId) -> Option<Job> {
        let index = self.front.jobs.iter().position(|(room, _)| *room == id)?;
        Some(self.front.jobs.remove(index).1)
    }

    /// What became of a room.
    pub fn put(&mut self, id: RoomId, came: Came<SimRoom>) {
        self.rooms.put(id, came);
        self.mailbox.put(Mail::Came(id));
    }

    /// An answer for somebody who asked for a room.
    pub fn take_answer(&mut self, id: RoomId) -> Option<(Caller, Found<SimRoom>)> {
        let index = self
            .front
            .answers
            .iter()
            .position(|(caller, _)| caller.room == id)?;
        Some(self.front.answers.remove(index))
    }

    /// Nothing is on its way between the registry and a room.
    pub fn is_quiet(&self, id: RoomId) -> bool {
        self.mailbox.is_empty()
            && !self.front.jobs.iter().any(|(room, _)| *room == id)
            && !self.front.answers.iter().any(|(caller, _)| caller.room == id)
    }

    /// Whoever waits for a room that nobody makes would wait for ever.
    pub fn check(&self, id: RoomId, life: Option<Life>) -> Result<(), String> {
        if let Some(caller) = self.front.callers.iter().find(|caller| caller.room == id) {
            return Err(format!("nobody answers {caller:?}"));
        }
        let known = self.rooms.look(id, |entry| match entry {
            Some(Entry::Living(room)) => Ok(Some(room.life())),
            None | Some(Entry::Asleep) => Ok(None),
            other => Err(format!("the registry knows the room as {other:?}")),
        })?;
        if known == life {
            Ok(())
        } else {
            Err(format!(
                "the registry knows the life {known:?}, the room lives {life:?}"
            ))
        }
    }
}
