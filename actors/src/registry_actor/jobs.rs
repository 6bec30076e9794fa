//! How a room comes to life: anew, or from its journal.

use std::sync::Arc;

use super::Args;
use crate::{
    ids::{RoomId, Timestamp},
    journal::{JournalError, Log, folder::Folder, threads::Threads},
    livekit::Livekit,
    logged::{LoggedRoom, Revived},
    ports::{Slept, Unavailable},
    registry::{Beginner, Came, host::Loading},
    room::{Room, RoomSettings, effects::Effects},
    room_actor::{self, RoomRef},
};

/// Begins a room without a journal. A disk that fails makes a room in memory.
pub(super) async fn begin(
    args: Args,
    id: RoomId,
    settings: RoomSettings,
    beginner: Beginner,
) -> Came<RoomRef> {
    let (folder, livekit) = (args.folder.clone(), args.livekit.for_room());
    let create = move || {
        let log = folder.map_or_else(
            || Ok(Log::Memory(Vec::new())),
            |folder| folder.log(id).map_err(JournalError::from),
        );
        LoggedRoom::begin(&Room::new(id, settings), log, &livekit)
    };
    match args.threads.long(create).await {
        Ok(Ok(room)) => spawn(args, room, None, Some(beginner)).await,
        Ok(Err(error)) => {
            tracing::error!(room.id = %id, %error, "room could not begin");
            Came::Unavailable
        }
        Err(error) => {
            tracing::error!(room.id = %id, %error, "room could not begin");
            Came::Unavailable
        }
    }
}

/// Starts the actor of a room; `effects` of its revival are still to be released.
async fn spawn(
    args: Args,
    room: LoggedRoom,
    effects: Option<Effects>,
    beginner: Option<Beginner>,
) -> Came<RoomRef> {
    let (id, life) = (room.room().id(), args.rooms.next_life());
    let surroundings = room_actor::Surroundings {
        life,
        revision: args.revisions.current(),
        folder: args.folder,
        threads: args.threads,
        ports: args.ports,
        registry: Arc::new(args.myself),
        supervisor: args.supervisor,
    };
    match room_actor::spawn(room, effects, beginner, surroundings).await {
        Ok(room) => Came::Room(room, Vec::new()),
        Err(error) => {
            tracing::error!(room.id = %id, %error, "room could not be started");
            Came::Unavailable
        }
    }
}

/// Reads a journal, unless the database does not know its room any more.
pub(super) async fn load(args: Args, id: RoomId, loading: Loading) -> Came<RoomRef> {
    let Some(folder) = args.folder.clone() else {
        return Came::Gone;
    };
    let now = args.ports.clock.now();
    if loading == Loading::PutAside {
        return put_aside(&args.threads, folder, id, now).await;
    }
    match args.ports.directory.missing_rooms(vec![id]).await {
        Err(Unavailable) => return Came::Unavailable,
        Ok(missing) if !missing.is_empty() => return delete(&args.threads, folder, id).await,
        Ok(_) => {}
    }
    let (livekit, seed) = (args.livekit.for_room(), args.ports.random.seed());
    let read = move || read(id, &folder, livekit, (now, seed));
    match args.threads.long(read).await {
        Ok(Ok(Some(revived))) => Box::pin(revive(args, revived)).await,
        Ok(Ok(None) | Err(JournalError::Corrupt(_) | JournalError::Panicked(_))) => Came::Gone,
        Ok(Err(JournalError::Io(error))) => {
            tracing::error!(room.id = %id, %error, "journal can't be read; the room is not served until it can");
            Came::Unavailable
        }
        Err(error) => {
            tracing::error!(room.id = %id, %error, "reading a journal failed");
            Came::Unavailable
        }
    }
}

/// The room as its journal tells it; none where there is no journal.
fn read(
    id: RoomId,
    folder: &Folder,
    livekit: Arc<Livekit>,
    (now, seed): (Timestamp, u64),
) -> Result<Option<Revived>, JournalError> {
    if !folder.has(id) {
        return Ok(None);
    }
    let revived = folder
        .log(id)
        .map_err(JournalError::from)
        .and_then(|log| LoggedRoom::revive(log, livekit, now, seed))
        .and_then(|revived| is_of(id, revived));
    if let Err(error @ (JournalError::Corrupt(_) | JournalError::Panicked(_))) = &revived {
        tracing::error!(room.id = %id, %error, "journal is not usable and is put aside");
        folder.set_aside(id, now)?;
    }
    revived.map(Some)
}

async fn revive(args: Args, revived: Revived) -> Came<RoomRef> {
    let Revived { room, effects, .. } = revived;
    let slept = Slept::of(room.room());
    let Ok(missed) = args.ports.directory.missed_notices(slept).await else {
        return Came::Unavailable;
    };
    match spawn(args, room, Some(effects), None).await {
        Came::Room(room, _) => Came::Room(room, missed),
        other => other,
    }
}

async fn delete(threads: &Threads, folder: Arc<Folder>, id: RoomId) -> Came<RoomRef> {
    tracing::info!(room.id = %id, "journal of a room that is gone is deleted");
    match threads.long(move || folder.delete(id)).await {
        Ok(Ok(())) => Came::Gone,
        Ok(Err(error)) => {
            tracing::error!(room.id = %id, %error, "journal could not be deleted");
            Came::Unavailable
        }
        Err(_) => Came::Unavailable,
    }
}

async fn put_aside(threads: &Threads, folder: Arc<Folder>, id: RoomId, now: Timestamp) -> Came<RoomRef> {
    let aside = move || {
        if folder.has(id) {
            folder.set_aside(id, now)
        } else {
            Ok(())
        }
    };
    match threads.long(aside).await {
        Ok(Ok(())) => Came::Gone,
        Ok(Err(error)) => {
            tracing::error!(room.id = %id, %error, "journal could not be put aside");
            Came::Unavailable
        }
        Err(_) => Came::Unavailable,
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
