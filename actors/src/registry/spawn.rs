//! How a room comes to life: anew, or from its journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use ractor::ActorRef;

use super::{Beginner, Found, Loaded, RegistryMsg, State};
use crate::{
    ids::RoomId,
    journal::{JournalError, Log, folder::Folder},
    livekit::Livekit,
    logged::{LoggedRoom, Revived},
    ports::{Ports, Slept, Unavailable},
    protocol::limits::{CHAT_BYTES_MAX, CHAT_BYTES_MIN, LIVING_EMPTY_ROOMS_MAX},
    room::{Room, RoomSettings, effects::Effects},
    room_actor::{self, Asker},
};

/// Rooms that are revived in the background at the same time.
const BACKGROUND: usize = 4;

impl State {
    /// Begins a room without a journal. A disk that fails makes a room in memory.
    pub(super) async fn begin(&mut self, id: RoomId, beginner: Beginner) -> Found {
        if self.args.draining.load(Ordering::Relaxed) {
            return Found::Unavailable;
        }
        let owned = self.owned(beginner);
        if owned.are_too_many(beginner) {
            return Found::TooMany;
        }
        let settings = RoomSettings {
            chat_bytes_max: owned.chat_bytes_of_next(),
            ..self.args.settings.clone()
        };
        let room = Room::new(id, settings);
        let create = |log| LoggedRoom::create(room.clone(), log, self.args.livekit.for_room());
        let in_memory = |error: JournalError| {
            tracing::error!(room.id = %id, %error, "no journal; the room lives in memory");
            let mut room = create(Log::Memory(Vec::new()))?;
            room.disk_has_failed();
            Ok(room)
        };
        let logged = match &self.args.folder {
            Some(folder) => {
                let log = folder.log(id).map_err(JournalError::from);
                log.and_then(create).or_else(in_memory)
            }
            None => create(Log::Memory(Vec::new())),
        };
        match logged {
            Ok(logged) => {
                let found = self.spawn(id, logged, None).await;
                if let (Found::Room(room), Some(owner)) = (&found, beginner.owner) {
                    // Before its first meeting: the next room of the same owner is counted at once.
                    room.set_owner(owner, beginner.by);
                }
                found
            }
            Err(error) => {
                tracing::error!(room.id = %id, %error, "room could not begin");
                Found::Unavailable
            }
        }
    }

    /// The living rooms of an owner. All rooms are begun here, one after the other, so that the count is exact.
    fn owned(&self, beginner: Beginner) -> Owned {
        let mut rooms = Owned::default();
        let Some(owner) = beginner.owner else {
            return rooms;
        };
        for room in self.args.index.iter().filter(|room| room.owner() == Some(owner)) {
            rooms.living += 1;
            let is_alike = room.begun_by() == beginner.by;
            if is_alike || beginner.by != Asker::Owner {
                rooms.counted += 1;
            }
            if is_alike || beginner.by == Asker::Unknown {
                rooms.empty += usize::from(!room.was_entered());
            }
        }
        rooms
    }

    /// Starts the actor of a room; `effects` of its revival are still to be released.
    pub(super) async fn spawn(&mut self, id: RoomId, room: LoggedRoom, effects: Option<Effects>) -> Found {
        let (ports, registry) = (self.args.ports.clone(), self.args.myself.clone());
        let (folder, supervisor) = (self.args.folder.clone(), self.args.supervisor.clone());
        let revision = self.args.revisions.current();
        match room_actor::spawn(room, effects, revision, folder, ports, registry, supervisor).await {
            Ok(room) => {
                self.args.index.insert(id, room.clone());
                Found::Room(room)
            }
            Err(error) => {
                tracing::error!(room.id = %id, %error, "room could not be started");
                Found::Unavailable
            }
        }
    }

    /// Revives rooms in the background, a few at a time.
    pub(super) fn revive_next(&mut self, myself: &ActorRef<RegistryMsg>) {
        while self.loading.len() < BACKGROUND && !self.stopped {
            let Some(id) = self.revive.pop_front() else { return };
            let exists = self.args.folder.as_ref().is_some_and(|folder| folder.has(id));
            if exists && !self.args.index.contains_key(&id) && !self.ending.contains_key(&id) {
                self.load(myself, id);
            }
        }
    }

    /// Reads a journal and asks the database, beside the registry.
    pub(super) fn load(&mut self, myself: &ActorRef<RegistryMsg>, id: RoomId) {
        let Some(folder) = self.args.folder.clone() else {
            return;
        };
        if self.loading.contains_key(&id) {
            return;
        }
        self.loading.insert(id, Vec::new());
        let (myself, ports) = (myself.clone(), self.args.ports.clone());
        let livekit = self.args.livekit.for_room();
        tokio::spawn(async move {
            let loaded = load(id, folder, &ports, livekit).await;
            let _ = myself.cast(RegistryMsg::Loaded { id, loaded });
        });
    }
}

/// How many living rooms an owner has.
#[derive(Debug, Default, Clone, Copy)]
struct Owned {
    living: usize,
    /// Those that count for who begins the next one: what others have begun, by links that go around, does not count
    /// against the owner itself.
    counted: usize,
    /// Those that nobody has entered yet, of the same beginner: a stranger with links to ten rooms shuts the door for nobody else.
    empty: usize,
}

impl Owned {
    fn are_too_many(self, beginner: Beginner) -> bool {
        beginner.counted
            && beginner.living_max > 0
            && (self.counted >= beginner.living_max || self.empty >= LIVING_EMPTY_ROOMS_MAX)
    }

    /// What the next room's chat may take: many rooms of one owner together take little more than a few, in memory and on
    /// the disk.
    fn chat_bytes_of_next(self) -> usize {
        (CHAT_BYTES_MAX / (self.living + 1)).max(CHAT_BYTES_MIN)
    }
}

async fn load(id: RoomId, folder: Arc<Folder>, ports: &Ports, livekit: Arc<Livekit>) -> Loaded {
    match ports.directory.missing_rooms(vec![id]).await {
        Err(Unavailable) => return Loaded::Unavailable,
        Ok(missing) if !missing.is_empty() => {
            tracing::info!(room.id = %id, "journal of a room that is gone is deleted");
            return match folder.delete(id) {
                Ok(()) => Loaded::Gone,
                Err(error) => {
                    tracing::error!(room.id = %id, %error, "journal could not be deleted");
                    Loaded::Unavailable
                }
            };
        }
        Ok(_) => {}
    }
    let (now, seed) = (ports.clock.now(), ports.random.seed());
    let read = tokio::task::spawn_blocking(move || {
        let revived = folder
            .log(id)
            .map_err(JournalError::from)
            .and_then(|log| LoggedRoom::revive(log, livekit, now, seed))
            .and_then(|revived| is_of(id, revived));
        if let Err(error @ (JournalError::Corrupt(_) | JournalError::Panicked(_))) = &revived {
            tracing::error!(room.id = %id, %error, "journal is not usable and is put aside");
            folder.set_aside(id, now)?;
        }
        revived
    });
    match read.await {
        Ok(Ok(revived)) => match ports.directory.missed_notices(slept(revived.room.room())).await {
            Ok(missed) => Loaded::Room(Box::new(revived), missed),
            Err(Unavailable) => Loaded::Unavailable,
        },
        Ok(Err(JournalError::Corrupt(_) | JournalError::Panicked(_))) => Loaded::Gone,
        Ok(Err(JournalError::Io(error))) => {
            tracing::error!(room.id = %id, %error, "journal can't be read; the room is not served until it can");
            Loaded::Unavailable
        }
        Err(error) => {
            tracing::error!(room.id = %id, %error, "reading a journal failed");
            Loaded::Unavailable
        }
    }
}

/// A journal under the name of another room would let people into that one.
fn is_of(id: RoomId, revived: Revived) -> Result<Revived, JournalError> {
    let its = revived.room.room().id();
    if its == id {
        Ok(revived)
    } else {
        Err(JournalError::Corrupt(format!("it is of the room {its}")))
    }
}

/// What a room takes for right that has heard nothing for a while.
fn slept(room: &Room) -> Slept {
    let (mut callers, mut signed_in) = (BTreeMap::new(), BTreeSet::new());
    // Who has no token any more, but a tab that is still open, does not come back by itself.
    let holders = room
        .access()
        .iter()
        .filter(|(_, holder)| !holder.tokens.is_empty());
    for (_, holder) in holders {
        let role = holder.identity.role;
        let highest = callers.entry(holder.caller).or_insert(role);
        *highest = role.max(*highest);
        signed_in.extend(holder.signed_in);
    }
    Slept {
        room: room.id(),
        callers: callers.into_iter().collect(),
        signed_in: signed_in.into_iter().collect(),
        guests_wait: room.do_guests_wait(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_rooms_of_one_owner_keep_no_more_than_a_few() {
        let next = |living| {
            let owned = Owned {
                living,
                ..Owned::default()
            };
            owned.chat_bytes_of_next()
        };
        assert_eq!(next(0), CHAT_BYTES_MAX);
        assert_eq!(next(1), CHAT_BYTES_MAX / 2);
        assert_eq!(next(1_000), CHAT_BYTES_MIN);
        assert!((0..50).map(next).sum::<usize>() < 6 * CHAT_BYTES_MAX);
    }
}
