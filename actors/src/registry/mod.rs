//! The registry: finds, begins and revives rooms, and forgets them when they end.
//!
//! Like a room's shell it does no I/O itself: what it wants done goes to its [`Host`], what came of it comes back as a call. Its actor
//! carries it, and so does the simulator. All that must outlive its panic is in the table, [`Rooms`].

pub mod host;
mod owned;
pub mod rooms;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
};

use serde::Serialize;

use self::{
    host::Loading,
    owned::Owned,
    rooms::{Arrived, Entry},
};
pub use self::{
    host::{Beginner, Founder, Host, Life, Lifecycle, RoomHandle},
    rooms::{Came, Rooms},
};
use crate::{
    ids::{RoomId, Timestamp},
    protocol::limits::{PANIC_WINDOW_SECS, PANICS_MAX},
    room::{RoomSettings, input::Notice},
};

/// Rooms that are revived in the background at the same time.
const BACKGROUND: usize = 4;

/// What became of a search.
#[derive(Debug, Clone)]
pub enum Found<R> {
    Room(R),
    /// No such room lives or has a journal.
    None,
    /// The owner has as many living rooms as may be.
    TooMany,
    /// Not at this moment.
    Unavailable,
    /// Another node has it.
    Elsewhere,
}

/// What an operator, or a test, sees of the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RegistrySummary {
    pub rooms: usize,
    pub loading: usize,
    pub ending: usize,
}

/// Who waits for a room, and for whom it may begin anew.
type Waiting<H> = (Option<Beginner>, <H as Host>::Asker);

/// Finds rooms and keeps them.
pub struct Registry<H: Host> {
    rooms: Rooms<H::Room>,
    settings: RoomSettings,
    /// Who waits for rooms that are coming or ending.
    waiting: HashMap<RoomId, Vec<Waiting<H>>>,
    /// Rooms whose journal is being read.
    loading: HashSet<RoomId>,
    /// Rooms to revive when nothing else is to be done.
    revive: VecDeque<RoomId>,
    /// Shells that died a short time ago, by their rooms.
    deaths: VecDeque<(Timestamp, RoomId)>,
    /// Rooms that have yet to write their last snapshot; none before the server stops.
    stopping: Option<HashSet<RoomId>>,
}

impl<H: Host> fmt::Debug for Registry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("waiting", &self.waiting.len())
            .field("loading", &self.loading)
            .field("revive", &self.revive.len())
            .finish_non_exhaustive()
    }
}

impl<H: Host> Registry<H> {
    /// A registry over a table, which may be that of one that died.
    #[must_use]
    pub fn new(rooms: Rooms<H::Room>, settings: RoomSettings) -> Self {
        let (mut asleep, mut loading) = (Vec::new(), HashSet::new());
        rooms.for_each(|id, entry| match entry {
            Entry::Asleep => asleep.push(id),
            Entry::Coming(coming) if coming.beginner.is_none() => {
                loading.insert(id);
            }
            _ => {}
        });
        asleep.sort_unstable();
        Self {
            rooms,
            settings,
            waiting: HashMap::new(),
            loading,
            revive: asleep.into(),
            deaths: VecDeque::new(),
            stopping: None,
        }
    }

    /// The registry is carried; it may have had a predecessor that did not hear all.
    pub fn start(&mut self, host: &mut H) {
        self.catch_up(host);
        self.revive_next(host);
    }

    /// Finds a room; revives it, or begins it where somebody is given for whom.
    pub fn get(&mut self, host: &mut H, id: RoomId, begin: Option<Beginner>, asker: H::Asker) {
        enum Way<R> {
            Known(Found<R>),
            Wait,
            Load,
            Begin,
        }
        let way = if self.rooms.is_stopped() {
            Way::Known(Found::Unavailable)
        } else if self.rooms.is_deleted(id, host.now()) {
            // Who only has a token goes on to the database, which says that the room is gone; who read it before
            // that must not begin it again.
            Way::Known(begin.map_or(Found::None, |_| Found::Unavailable))
        } else {
            self.rooms.look(id, |entry| match entry {
                Some(Entry::Living(room)) => Way::Known(Found::Room(room.clone())),
                Some(Entry::Coming(_) | Entry::Ending(_)) => Way::Wait,
                Some(Entry::Asleep) => Way::Load,
                None => Way::Begin,
            })
        };
        let refused = match way {
            Way::Known(found) => Some(found),
            Way::Wait => None,
            Way::Load => {
                self.load(host, id, Loading::Revive);
                None
            }
            Way::Begin => begin.map_or(Some(Found::None), |beginner| self.begin(host, id, beginner)),
        };
        match refused {
            Some(found) => host.answer(asker, found),
            None => self.waiting.entry(id).or_default().push((begin, asker)),
        }
    }

    /// Begins a room without a journal, or says why not.
    fn begin(&mut self, host: &mut H, id: RoomId, beginner: Beginner) -> Option<Found<H::Room>> {
        if self.rooms.is_draining() {
            return Some(Found::Unavailable);
        }
        let owned = Owned::count(&self.rooms, beginner);
        if owned.are_too_many(beginner) {
            return Some(Found::TooMany);
        }
        let settings = RoomSettings {
            chat_bytes_max: owned.chat_bytes_of_next(),
            search_bytes_per_second: owned.search_bytes_of_next(),
            ..self.settings.clone()
        };
        self.rooms.expect(id, Some(beginner));
        host.begin(id, settings, beginner);
        None
    }

    fn load(&mut self, host: &mut H, id: RoomId, loading: Loading) {
        self.rooms.expect(id, None);
        self.loading.insert(id);
        host.load(id, loading);
    }

    /// Revives rooms in the background, a few at a time.
    fn revive_next(&mut self, host: &mut H) {
        while self.loading.len() < BACKGROUND && !self.rooms.is_stopped() {
            let Some(id) = self.revive.pop_front() else { return };
            let sleeps = |entry: Option<&Entry<_>>| matches!(entry, Some(Entry::Asleep));
            if self.rooms.look(id, sleeps) {
                self.load(host, id, Loading::Revive);
            }
        }
    }

    /// What became of a room that began, or was revived, is in the table.
    pub fn came(&mut self, host: &mut H, id: RoomId) {
        let Some(arrived) = self.rooms.take_in(id, host.now()) else {
            return;
        };
        self.loading.remove(&id);
        let found = match arrived {
            Arrived::Room(room) => {
                if self.rooms.is_stopped() {
                    host.stop(room.clone());
                }
                Found::Room(room)
            }
            Arrived::Gone => Found::None,
            Arrived::Asleep => {
                if !self.revive.contains(&id) {
                    self.revive.push_back(id);
                }
                // The next sweep tries again, or somebody who asks: not this moment.
                return self.answer_waiting(host, id, &Found::Unavailable);
            }
            Arrived::Unavailable => Found::Unavailable,
            Arrived::Elsewhere => Found::Elsewhere,
        };
        self.answer_waiting(host, id, &found);
        self.revive_next(host);
    }

    /// Finds arrivals and dead shells of which nobody said a word, and asks rooms that want to end once more.
    fn catch_up(&mut self, host: &mut H) {
        for id in self.rooms.arrivals() {
            self.came(host, id);
        }
        for (id, life) in self.rooms.gone() {
            self.gone(host, id, life);
        }
        // What they have decided may have been lost.
        self.rooms.for_each(|_, entry| {
            if let Entry::Ending(room) = entry {
                room.may_end();
            }
        });
    }

    fn answer_waiting(&mut self, host: &mut H, id: RoomId, found: &Found<H::Room>) {
        let is_refused = self.rooms.is_stopped() || self.rooms.is_deleted(id, host.now());
        let mut waiting = self.waiting.remove(&id).unwrap_or_default().into_iter();
        while let Some((begin, asker)) = waiting.next() {
            let answer = match (found, begin) {
                _ if is_refused => Some(Found::Unavailable),
                (Found::None, Some(beginner)) => self.begin(host, id, beginner),
                (found, _) => Some(found.clone()),
            };
            let Some(answer) = answer else {
                // It begins: the others wait for it too.
                let all = std::iter::once((begin, asker)).chain(waiting).collect();
                self.waiting.insert(id, all);
                return;
            };
            host.answer(asker, answer);
        }
    }

    /// A room wants to end: it is out of the way of starts, and may decide.
    pub fn ending(&mut self, id: RoomId, life: Life) {
        if let Some(room) = self.rooms.set_ending(id, life) {
            room.may_end();
        }
    }

    /// A room that wanted to end has got new work.
    pub fn stays(&mut self, host: &mut H, id: RoomId, life: Life) {
        if let Some(room) = self.rooms.set_living(id, life) {
            self.answer_waiting(host, id, &Found::Room(room));
        }
    }

    /// A room has ended, and its journal with it.
    pub fn ended(&mut self, host: &mut H, id: RoomId, life: Life) {
        if self.rooms.remove_if(id, |entry| entry.room(life).is_some()) {
            self.answer_waiting(host, id, &Found::None);
        }
    }

    /// Nobody carries the shell of a room any more. Where it has not ended in order, it is revived from its journal.
    pub fn gone(&mut self, host: &mut H, id: RoomId, life: Life) {
        if self.rooms.is_stopped() || !self.rooms.lives(id, life) {
            return;
        }
        let loading = if self.dies_too_often(host.now(), id) {
            tracing::error!(room.id = %id, "a room's actor died again and again; its journal is put aside");
            Loading::PutAside
        } else {
            tracing::error!(room.id = %id, "a room's actor died and is revived");
            Loading::Revive
        };
        self.load(host, id, loading);
    }

    /// What kills a room's shell may be in its journal: then it would never end.
    fn dies_too_often(&mut self, now: Timestamp, id: RoomId) -> bool {
        let is_over = |(at, _): &mut (Timestamp, _)| at.plus_secs(PANIC_WINDOW_SECS) < now;
        while self.deaths.pop_front_if(is_over).is_some() {}
        self.deaths.push_back((now, id));
        let of_it = self.deaths.iter().filter(|(_, room)| *room == id);
        of_it.count() >= PANICS_MAX
    }

    /// REST deleted a room. One that is just coming to life hears of it when it does.
    pub fn deleted(&mut self, host: &mut H, id: RoomId) {
        self.rooms.set_deleted(id, host.now());
        let room = self.rooms.look(id, |entry| entry?.any_life().cloned());
        if let Some(room) = room {
            room.tell(Notice::RoomDeleted);
        } else if self.rooms.remove_if(id, |entry| matches!(entry, Entry::Asleep)) {
            host.delete_journal(id);
        }
    }

    /// The database does not know these rooms any more.
    pub fn missing(&mut self, host: &mut H, rooms: Vec<RoomId>) {
        for id in rooms {
            self.deleted(host, id);
        }
    }

    /// Once a minute. Finds rooms whose notice of deletion got lost, and what else nobody said a word of; lets rooms that nobody entered
    /// end.
    pub fn sweep(&mut self, host: &mut H) {
        self.catch_up(host);
        let mut ids = Vec::new();
        self.rooms.for_each(|id, entry| {
            if let Entry::Living(room) = entry {
                room.sweep();
                ids.push(id);
            }
        });
        host.tidy();
        host.look_for_missing(ids);
        self.revive_next(host);
    }

    /// The server stops: no room is found any more, and each that lives writes its last snapshot and sends everybody out.
    pub fn stop(&mut self, host: &mut H) {
        self.rooms.set_stopped();
        self.waiting.clear();
        let mut ids = HashSet::new();
        let mut rooms = Vec::new();
        self.rooms.for_each(|id, entry| {
            if let Some(room) = entry.any_life() {
                ids.insert(id);
                rooms.push(room.clone());
            }
        });
        self.stopping = Some(ids);
        for room in rooms {
            host.stop(room);
        }
    }

    /// A room has written its last snapshot, or never will.
    pub fn stopped(&mut self, id: RoomId) {
        if let Some(stopping) = &mut self.stopping {
            stopping.remove(&id);
        }
    }

    /// Whether the server stops, and no room has anything left to write.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.stopping.as_ref().is_some_and(HashSet::is_empty)
    }

    #[must_use]
    pub fn summary(&self) -> RegistrySummary {
        let mut summary = RegistrySummary::default();
        self.rooms.for_each(|_, entry| match entry {
            Entry::Living(_) => summary.rooms += 1,
            Entry::Ending(_) => summary.ending += 1,
            Entry::Coming(_) => summary.loading += 1,
            Entry::Asleep => {}
        });
        summary
    }
}
