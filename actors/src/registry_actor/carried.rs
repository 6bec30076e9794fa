//! What a registry wants done, done by its actor: answers, tasks that end with a message, and work on journals.

use std::{io, sync::Arc};

use ractor::RpcReplyPort;

use super::{Args, RegistryMsg, jobs};
use crate::{
    ids::{RoomId, Timestamp},
    journal::folder::Folder,
    ports::MISSING_AT_ONCE,
    registry::{
        Beginner, Came, Found, Host,
        host::{Loading, RoomHandle as _},
    },
    room::RoomSettings,
    room_actor::{RoomMsg, RoomRef},
};

/// A clock of rooms that is ahead by so much is told the log.
const CLOCK_AHEAD_MICROS: i64 = 2_000_000;

/// The outside of a registry.
#[derive(Debug)]
pub(super) struct Carried(Args);

impl Carried {
    pub fn new(args: Args) -> Self {
        Self(args)
    }

    /// Makes a room elsewhere, or finds out why there is none.
    fn make<F>(&self, id: RoomId, job: F)
    where
        F: Future<Output = Came<RoomRef>> + Send + 'static,
    {
        let (rooms, myself) = (self.0.rooms.clone(), self.0.myself.clone());
        tokio::spawn(async move {
            let came = tokio::spawn(job).await.unwrap_or_else(|error| {
                tracing::error!(room.id = %id, %error, "a room could not be made");
                Came::Unavailable
            });
            rooms.put(id, came);
            myself.cast(RegistryMsg::Came(id));
        });
    }

    /// Does something with the folder on a blocking thread; a failure is told the log.
    fn with_folder<F>(&self, what_failed: &'static str, work: F)
    where
        F: FnOnce(&Folder) -> io::Result<()> + Send + 'static,
    {
        let Some(folder) = self.0.folder.clone() else {
            return;
        };
        tokio::task::spawn_blocking(move || {
            if let Err(error) = work(&folder) {
                tracing::error!(%error, "{what_failed}");
            }
        });
    }
}

impl Host for Carried {
    type Asker = RpcReplyPort<Found<RoomRef>>;
    type Room = RoomRef;

    fn now(&self) -> Timestamp {
        self.0.ports.clock.now()
    }

    fn answer(&mut self, asker: Self::Asker, found: Found<RoomRef>) {
        // Whoever asked may have gone.
        let _ = asker.send(found);
    }

    fn begin(&mut self, id: RoomId, settings: RoomSettings, beginner: Beginner) {
        self.make(id, jobs::begin(self.0.clone(), id, settings, beginner));
    }

    fn load(&mut self, id: RoomId, loading: Loading) {
        self.make(id, jobs::load(self.0.clone(), id, loading));
    }

    fn delete_journal(&mut self, id: RoomId) {
        self.with_folder("journal of a deleted room could not be deleted", move |folder| {
            folder.delete(id)
        });
    }

    fn tidy(&mut self) {
        let clock = &self.0.ports.clock;
        let ahead_micros = clock.now().as_micros() - clock.wall().as_micros();
        if ahead_micros > CLOCK_AHEAD_MICROS {
            tracing::warn!(
                ahead_secs = ahead_micros / 1_000_000,
                "the wall clock was set back; rooms go on by their own, at half speed, until both say the same"
            );
        }
        self.with_folder("old journals could not be deleted", Folder::tidy);
    }

    fn look_for_missing(&mut self, rooms: Vec<RoomId>) {
        let (directory, myself) = (Arc::clone(&self.0.ports.directory), self.0.myself.clone());
        tokio::spawn(async move {
            for some in rooms.chunks(MISSING_AT_ONCE) {
                if let Ok(missing) = directory.missing_rooms(some.to_vec()).await
                    && !missing.is_empty()
                {
                    myself.cast(RegistryMsg::Missing(missing));
                }
            }
        });
    }

    fn stop(&mut self, room: RoomRef) {
        let myself = self.0.myself.clone();
        tokio::spawn(async move {
            if !room.is_gone() {
                let _ = room.actor().call(RoomMsg::Stop, None).await;
            }
            myself.cast(RegistryMsg::Stopped(room.id()));
        });
    }
}
