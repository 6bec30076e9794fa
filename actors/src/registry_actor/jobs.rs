//! How a room comes to life: anew, or from its journal.

use std::{sync::Arc, time::Duration};

use super::Args;
use crate::{
    cluster::{Cluster, Ownership},
    ids::{RoomId, Timestamp},
    journal::{JournalError, Log, LogLost, folder::Folder, threads::Threads},
    livekit::Livekit,
    logged::{LoggedRoom, Revived},
    ports::{Slept, Unavailable},
    registry::{Beginner, Came, RoomHandle as _, host::Loading},
    room::{Room, RoomSettings, effects::Effects},
    room_actor::{self, RoomRef},
};

/// People who lost their node do not wait longer for the database.
const DIRECTORY_WAIT: Duration = Duration::from_millis(300);

/// Between two questions to a database that did not answer.
const DIRECTORY_RETRY: Duration = Duration::from_secs(2);

/// Begins a room without a journal. A disk that fails makes a room in memory.
pub(super) async fn begin(
    args: Args,
    id: RoomId,
    settings: RoomSettings,
    beginner: Beginner,
) -> Came<RoomRef> {
    if let Some(cluster) = args.cluster.clone() {
        let room = Room::new(id, settings);
        return Box::pin(begin_in_cluster(args, &cluster, room, beginner)).await;
    }
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

/// Begins a room that no node owns. In a cluster no room lives without its log.
async fn begin_in_cluster(args: Args, cluster: &Cluster, room: Room, beginner: Beginner) -> Came<RoomRef> {
    let (id, livekit) = (room.id(), args.livekit.for_room());
    let log = match cluster.claim_first(id).await {
        Ownership::Mine(log) => log,
        other => return refused(&other),
    };
    let begun = LoggedRoom::create(room, Log::Port(Box::new(log.clone())), livekit);
    let begun = match begun {
        Ok(room) => log.sync().await.map(|()| room).map_err(JournalError::from),
        Err(error) => Err(error),
    };
    match begun {
        Ok(room) => spawn(args, room, None, Some(beginner)).await,
        Err(error) => {
            tracing::error!(room.id = %id, %error, "room could not begin");
            log.give_up().await;
            Came::Unavailable
        }
    }
}

/// Why a room does not come to life here.
fn refused(ownership: &Ownership) -> Came<RoomRef> {
    match ownership {
        Ownership::Elsewhere => Came::Elsewhere,
        Ownership::Nothing => Came::Gone,
        Ownership::Unavailable | Ownership::Mine(_) => Came::Unavailable,
    }
}

/// Takes up a room whose owner has died, or whose actor has.
async fn load_in_cluster(args: Args, cluster: &Cluster, id: RoomId, loading: Loading) -> Came<RoomRef> {
    if loading == Loading::PutAside {
        return match cluster.set_aside(id).await {
            Ok(()) => Came::Gone,
            Err(error) => {
                tracing::error!(room.id = %id, %error, "log could not be put aside");
                Came::Unavailable
            }
        };
    }
    let log = match cluster.take_over(id).await {
        Ownership::Mine(log) => log,
        other => return refused(&other),
    };
    let (livekit, now, seed) = (
        args.livekit.for_room(),
        args.ports.clock.now(),
        args.ports.random.seed(),
    );
    let port = Log::Port(Box::new(log.clone()));
    let read = move || LoggedRoom::revive(port, livekit, now, seed).and_then(|revived| is_of(id, revived));
    let revived = match args.threads.long(read).await {
        Ok(Ok(revived)) => log.sync().await.map(|()| revived).map_err(JournalError::from),
        Ok(Err(error)) => Err(error),
        Err(error) => Err(error.into()),
    };
    match revived {
        Ok(revived) => Box::pin(revive_in_cluster(args, revived)).await,
        Err(JournalError::Lost(LogLost::Fenced)) => Came::Elsewhere,
        Err(error @ (JournalError::Corrupt(_) | JournalError::Panicked(_))) => {
            tracing::error!(room.id = %id, %error, "log is not usable and is put aside");
            let aside = cluster.set_aside(id).await;
            aside.map_or(Came::Unavailable, |()| Came::Gone)
        }
        Err(error) => {
            tracing::error!(room.id = %id, %error, "log can't be read; the room is not served until it can");
            Came::Unavailable
        }
    }
}

/// Running meetings need no database, and neither does one whose owner has died: what it has missed it hears as soon as that answers.
async fn revive_in_cluster(args: Args, revived: Revived) -> Came<RoomRef> {
    let Revived { room, effects, .. } = revived;
    let slept = Slept::of(room.room());
    let (directory, revisions) = (Arc::clone(&args.ports.directory), args.revisions.clone());
    let asked = tokio::time::timeout(DIRECTORY_WAIT, directory.missed_notices(slept.clone())).await;
    let missed = asked.unwrap_or(Err(Unavailable));
    match spawn(args, room, Some(effects), None).await {
        Came::Room(room, _) => {
            if missed.is_err() {
                let told = room.clone();
                tokio::spawn(async move {
                    while !told.is_gone() {
                        tokio::time::sleep(DIRECTORY_RETRY).await;
                        let Ok(missed) = directory.missed_notices(slept.clone()).await else {
                            continue;
                        };
                        for notice in missed {
                            told.notice(notice, revisions.next());
                        }
                        return;
                    }
                });
            }
            Came::Room(room, missed.unwrap_or_default())
        }
        other => other,
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
    if let Some(cluster) = args.cluster.clone() {
        return Box::pin(load_in_cluster(args, &cluster, id, loading)).await;
    }
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
        Ok(Err(error @ (JournalError::Io(_) | JournalError::Lost(_)))) => {
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
