//! The table of all rooms of this process: those that live, those that are coming to life, and those that have a journal.
//!
//! It outlives a panic of the registry, so nothing in it is known to the registry alone.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use dashmap::{DashMap, mapref::entry::Entry as Slot};

use super::host::{Beginner, Life, RoomHandle};
use crate::{
    access_revision::AccessRevision,
    ids::{RoomId, Timestamp},
    protocol::limits::DELETED_ROOM_SECS,
    room::input::Notice,
};

/// What became of a room that was to begin, or to be revived.
#[derive(Debug)]
pub enum Came<R> {
    /// With what REST would have told it while it slept.
    Room(R, Vec<Notice>),
    /// The journal is of no use (any more); a new room may begin.
    Gone,
    /// Not at this moment.
    Unavailable,
    /// Another node has it.
    Elsewhere,
}

/// A room on its way to life.
#[derive(Debug)]
pub struct Coming<R> {
    /// For whom it begins; none where it is revived.
    pub beginner: Option<Beginner>,
    /// What concerns all rooms and was said meanwhile.
    heard: Vec<(Notice, AccessRevision)>,
    /// What became of it, until the registry looks.
    came: Option<Came<R>>,
}

/// What is known of a room.
#[derive(Debug)]
pub enum Entry<R> {
    /// It has a journal and does not live.
    Asleep,
    Coming(Coming<R>),
    Living(R),
    /// It wanted to end: no start meets it before it has decided.
    Ending(R),
}

/// The table, cheap to clone.
#[derive(Debug)]
pub struct Rooms<R>(Arc<Table<R>>);

#[derive(Debug)]
struct Table<R> {
    entries: DashMap<RoomId, Entry<R>>,
    /// Ids that REST deleted a short time ago, with the end of the refusal.
    deleted: Mutex<VecDeque<(Timestamp, RoomId)>>,
    lives: AtomicU64,
    is_draining: AtomicBool,
    is_stopped: AtomicBool,
}

impl<R> Clone for Rooms<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: RoomHandle> Rooms<R> {
    /// A table of rooms that only have a journal.
    #[must_use]
    pub fn new(asleep: impl IntoIterator<Item = RoomId>) -> Self {
        Self(Arc::new(Table {
            entries: asleep.into_iter().map(|id| (id, Entry::Asleep)).collect(),
            deleted: Mutex::default(),
            lives: AtomicU64::new(1),
            is_draining: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
        }))
    }

    /// A number for a new life of a room.
    #[must_use]
    pub fn next_life(&self) -> Life {
        Life(self.0.lives.fetch_add(1, Ordering::Relaxed))
    }

    /// A room that lives and does not think about its end.
    #[must_use]
    pub fn living(&self, id: RoomId) -> Option<R> {
        match &*self.0.entries.get(&id)? {
            Entry::Living(room) => Some(room.clone()),
            _ => None,
        }
    }

    /// All rooms that live, also those that think about their end.
    #[must_use]
    pub fn all(&self) -> Vec<R> {
        let rooms = self.0.entries.iter();
        rooms.filter_map(|entry| entry.any_life().cloned()).collect()
    }

    /// Whether no room lives, apart from those that think about their end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self
            .0
            .entries
            .iter()
            .any(|entry| matches!(&*entry, Entry::Living(_)))
    }

    /// Looks at each entry; none may be changed meanwhile by whoever looks.
    pub fn for_each(&self, mut look: impl FnMut(RoomId, &Entry<R>)) {
        for entry in &self.0.entries {
            look(*entry.key(), &entry);
        }
    }

    /// Looks at one entry.
    pub fn look<T>(&self, id: RoomId, look: impl FnOnce(Option<&Entry<R>>) -> T) -> T {
        look(self.0.entries.get(&id).as_deref())
    }

    /// Word from REST for one room. One that sleeps asks the database before it lives; one that is coming hears it first of all.
    pub fn notice(&self, id: RoomId, notice: Notice, revision: AccessRevision) {
        if let Some(mut entry) = self.0.entries.get_mut(&id) {
            entry.hear(notice, revision);
        }
    }

    /// Word from REST for all rooms.
    pub fn notice_all(&self, notice: &Notice, revision: AccessRevision) {
        for mut entry in self.0.entries.iter_mut() {
            entry.hear(notice.clone(), revision);
        }
    }

    /// The room is about to begin or to be revived.
    pub(super) fn expect(&self, id: RoomId, beginner: Option<Beginner>) {
        let coming = Coming {
            beginner,
            heard: Vec::new(),
            came: None,
        };
        self.0.entries.insert(id, Entry::Coming(coming));
    }

    /// Its log is where this node may take it up, unless more is known of the room.
    pub fn sleeps(&self, id: RoomId) {
        self.0.entries.entry(id).or_insert(Entry::Asleep);
    }

    /// Whether a room lives here.
    #[must_use]
    pub fn runs(&self, id: RoomId) -> bool {
        self.look(id, |entry| entry.is_some_and(|entry| entry.any_life().is_some()))
    }

    /// Whether anything is known of a room here.
    #[must_use]
    pub fn knows(&self, id: RoomId) -> bool {
        self.0.entries.contains_key(&id)
    }

    /// The room of this life, if it is here, also where it thinks about its end.
    #[must_use]
    pub fn of_life(&self, id: RoomId, life: Life) -> Option<R> {
        self.0.entries.get(&id)?.room(life).cloned()
    }

    /// What became of a room that was expected. The registry is to be told to look.
    pub fn put(&self, id: RoomId, came: Came<R>) {
        if let Some(mut entry) = self.0.entries.get_mut(&id)
            && let Entry::Coming(coming) = &mut *entry
        {
            coming.came = Some(came);
        }
    }

    /// Rooms of which is known what became of them, and of which the registry has not heard.
    pub(super) fn arrivals(&self) -> Vec<RoomId> {
        let entries = self.0.entries.iter();
        let here = entries.filter(|entry| matches!(&**entry, Entry::Coming(Coming { came: Some(_), .. })));
        here.map(|entry| *entry.key()).collect()
    }

    /// Rooms whose shell nobody carries any more.
    pub(super) fn gone(&self) -> Vec<(RoomId, Life)> {
        let mut gone = Vec::new();
        self.for_each(|id, entry| {
            if let Some(room) = entry.any_life().filter(|room| room.is_gone()) {
                gone.push((id, room.life()));
            }
        });
        gone
    }

    /// Takes in a room that came: it hears what it missed before anybody finds it. None where there is nothing to be taken.
    pub(super) fn take_in(&self, id: RoomId, now: Timestamp) -> Option<Arrived<R>> {
        let Slot::Occupied(mut slot) = self.0.entries.entry(id) else {
            return None;
        };
        let Entry::Coming(coming) = slot.get_mut() else {
            return None;
        };
        let (came, is_revived) = (coming.came.take()?, coming.beginner.is_none());
        Some(match came {
            Came::Room(room, missed) => {
                for notice in missed {
                    room.tell(notice);
                }
                for (notice, revision) in coming.heard.drain(..) {
                    room.notice(notice, revision);
                }
                if self.is_deleted(id, now) {
                    room.tell(Notice::RoomDeleted);
                }
                slot.insert(Entry::Living(room.clone()));
                Arrived::Room(room)
            }
            Came::Unavailable if is_revived => {
                slot.insert(Entry::Asleep);
                Arrived::Asleep
            }
            Came::Unavailable => {
                slot.remove();
                Arrived::Unavailable
            }
            Came::Gone => {
                slot.remove();
                Arrived::Gone
            }
            Came::Elsewhere => {
                slot.remove();
                Arrived::Elsewhere
            }
        })
    }

    /// Takes a living room out of the way of starts; none where it is another one, or does not live.
    pub(super) fn set_ending(&self, id: RoomId, life: Life) -> Option<R> {
        self.swap(id, life, Entry::Ending)
    }

    /// Starts meet the room again.
    pub(super) fn set_living(&self, id: RoomId, life: Life) -> Option<R> {
        self.swap(id, life, Entry::Living)
    }

    fn swap(&self, id: RoomId, life: Life, to: impl FnOnce(R) -> Entry<R>) -> Option<R> {
        let mut entry = self.0.entries.get_mut(&id)?;
        let room = entry.room(life)?.clone();
        *entry = to(room.clone());
        Some(room)
    }

    /// Whether this life of a room is in the table.
    pub(super) fn lives(&self, id: RoomId, life: Life) -> bool {
        let entry = self.0.entries.get(&id);
        entry.is_some_and(|entry| entry.room(life).is_some())
    }

    /// Forgets a room that has ended, or the journal of one that sleeps.
    pub(super) fn remove_if(&self, id: RoomId, is_it: impl FnOnce(&Entry<R>) -> bool) -> bool {
        self.0.entries.remove_if(&id, |_, entry| is_it(entry)).is_some()
    }

    /// REST deleted a room: none of its id begins for a while.
    pub fn set_deleted(&self, id: RoomId, now: Timestamp) {
        let mut deleted = self.0.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.push_back((now.plus_secs(DELETED_ROOM_SECS), id));
    }

    pub(super) fn is_deleted(&self, id: RoomId, now: Timestamp) -> bool {
        let mut deleted = self.0.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        while deleted.pop_front_if(|(until, _)| *until <= now).is_some() {}
        deleted.iter().any(|(_, other)| *other == id)
    }

    /// No room begins from now on; journals are still revived.
    pub fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }

    /// No room is found any more.
    pub(super) fn set_stopped(&self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Relaxed)
    }
}

/// A room that came, as whoever waits for it finds it.
#[derive(Debug)]
pub(super) enum Arrived<R> {
    Room(R),
    Gone,
    /// Its journal can't be read at this moment: it sleeps on.
    Asleep,
    /// It could not begin.
    Unavailable,
    Elsewhere,
}

impl<R: RoomHandle> Entry<R> {
    fn hear(&mut self, notice: Notice, revision: AccessRevision) {
        match self {
            Self::Living(room) | Self::Ending(room) => room.notice(notice, revision),
            Self::Coming(coming) => coming.heard.push((notice, revision)),
            Self::Asleep => {}
        }
    }

    /// The room, if it lives, also where it thinks about its end.
    pub(super) fn any_life(&self) -> Option<&R> {
        match self {
            Self::Living(room) | Self::Ending(room) => Some(room),
            Self::Asleep | Self::Coming(_) => None,
        }
    }

    /// The room of this life.
    pub(super) fn room(&self, life: Life) -> Option<&R> {
        self.any_life().filter(|room| room.life() == life)
    }
}
