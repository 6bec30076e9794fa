//! Deleting events, rooms and shared folders with everything that belongs to them: rows, the living room, contents of
//! assets, folders at the storage provider. REST, jobs and the removal of users all do it here.
//!
//! A folder at the storage provider can't be part of a transaction. Where somebody waits for an answer the folder goes
//! first, and the event stays when that fails. Otherwise the event goes, and in the same transaction its folder becomes a
//! *discarded* one: a row of its own, which stays until the provider has deleted the folder.

mod folders;
mod tasks;

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use colloquy_actors::{cluster::store::ClusterStore as _, live::Live, room::input::Notice};
use colloquy_cluster::RedisStore;
use uuid::Uuid;

pub use self::folders::Swept;
use crate::{
    assets::Assets,
    clock::Clock,
    events::Notifier,
    shared_folders::{SharedFolders, StorageError},
    store::{
        self, Db, StoreError,
        leftovers::{self, Leftover},
    },
};

/// Deletes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deleter {
    pub db: Db,
    pub clock: Clock,
    pub meetings: Meetings,
    pub assets: Assets,
    pub shared_folders: SharedFolders,
}

/// What is known of the meetings in rooms that are about to go.
#[derive(Debug, Clone)]
pub enum Meetings {
    /// They are of this process.
    Live(Box<Live>),
    /// They are of a server beside it, as for a command: rooms that are gone end within a minute by the server's own look at the
    /// database.
    Beside(Journals),
    /// They are of the nodes of a cluster: a room that somebody owns is in use.
    OfNodes(RedisStore),
    /// The server beside it keeps no journals.
    Unknown,
}

impl Meetings {
    /// Whether somebody meets in a room, or did a moment ago.
    async fn are_in(&self, room: Uuid) -> bool {
        match self {
            // Where that can't be said, it may be.
            Self::Live(live) => live.is_in_use(room.into()).await.unwrap_or(true),
            Self::Beside(journals) => journals.has(room),
            Self::OfNodes(store) => store
                .claim_of(room.into())
                .await
                .map_or(true, |claim| claim.is_some()),
            Self::Unknown => false,
        }
    }
}

/// Journals of a server that runs beside this process: a room that has one is alive, or comes back soon.
#[derive(Debug, Clone)]
pub struct Journals {
    pub folder: PathBuf,
    /// An older one is of a server that has gone: living ones are kept young.
    pub age_max: Duration,
}

impl Journals {
    fn has(&self, room: Uuid) -> bool {
        let file = self.folder.join(format!("{room}.log"));
        let modified = std::fs::metadata(file).and_then(|about| about.modified());
        // A time in the future counts as now.
        let age = modified.map(|at| at.elapsed().unwrap_or_default());
        age.is_ok_and(|age| age <= self.age_max)
    }
}

/// Why something was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its folder is still there, and so is everything else.
    #[error(transparent)]
    Folder(#[from] StorageError),
}

/// On whose behalf an event goes.
#[derive(Debug, Clone)]
pub enum Reason {
    /// Somebody asked who may delete it. Whoever is in the meeting is sent away, and invitees are told.
    Asked {
        /// Must see the event.
        by: Uuid,
        notifier: Notifier,
        /// Whether it goes even when its folder can't be deleted now.
        is_forced: bool,
    },
    /// Nobody needs it: it stays where somebody meets or something else needs it.
    Unneeded(Option<Still>),
}

/// What something must still be when it is deleted: it may have come to life since it was found.
#[derive(Debug, Clone, Copy)]
pub struct Still {
    pub kind: Leftover,
    pub before: DateTime<Utc>,
}

/// Whether the removal of contents from the asset store is waited for: a client need not, and a job must not begin more of
/// them than there can be at once.
#[derive(Debug, Clone, Copy)]
enum Contents {
    LeftBehind,
    WaitedFor,
}

impl Deleter {
    /// Deletes an event with its room. False when it stays or is gone already.
    pub async fn event(&self, event: Uuid, reason: Reason) -> Result<bool, DeletionError> {
        let this = self.clone();
        // To its end even when the client has gone or a lease is lost: the meeting must hear of it.
        store::unbroken(async move { this.event_now(event, reason).await }).await
    }

    async fn event_now(&self, event: Uuid, reason: Reason) -> Result<bool, DeletionError> {
        let Some(room) = leftovers::room_of(&self.db, event).await? else {
            return Ok(false);
        };
        match &reason {
            Reason::Asked { is_forced, .. } => {
                self.folder_now(event, *is_forced).await?;
            }
            Reason::Unneeded(still) => {
                if !self.is_unneeded(event, room, *still).await? {
                    return Ok(false);
                }
            }
        }
        let how = match &reason {
            Reason::Asked { .. } => Contents::LeftBehind,
            Reason::Unneeded(_) => Contents::WaitedFor,
        };
        self.thin_out(room, how).await?;
        let now = self.clock.now();
        let contents = match reason {
            Reason::Asked { by, notifier, .. } => {
                let waker = notifier.clone();
                let told = tasks::tell_and_delete_event(event, by, notifier, now);
                let contents = self.db.transaction(told).await?;
                waker.wake();
                contents
            }
            Reason::Unneeded(still) => {
                let deleted = self.db.transaction(tasks::delete_event(event, room, still, now));
                stays_when_referenced(deleted.await)?
            }
        };
        Ok(self.finish(room, contents, how).await)
    }

    /// Deletes a room without an event, for somebody who may. False when there is none.
    ///
    /// # Errors
    /// [`StoreError::Referenced`] where an event needs it.
    pub async fn room(&self, room: Uuid) -> Result<bool, StoreError> {
        let this = self.clone();
        store::unbroken(async move { this.room_now(room, None, Contents::LeftBehind).await }).await
    }

    /// The same where nobody needs the room; false as well when somebody meets there, or something needs it.
    pub async fn unneeded_room(&self, room: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
        if !self.is_unneeded(room, room, still).await? {
            return Ok(false);
        }
        let this = self.clone();
        store::unbroken(async move {
            match this.room_now(room, still, Contents::WaitedFor).await {
                Err(StoreError::Referenced(_)) => Ok(false),
                deleted => deleted,
            }
        })
        .await
    }

    async fn room_now(&self, room: Uuid, still: Option<Still>, how: Contents) -> Result<bool, StoreError> {
        if !store::rooms::has_event(&self.db, room).await? {
            self.thin_out(room, how).await?;
        }
        let contents = self.db.transaction(tasks::delete_room(room, still)).await?;
        Ok(self.finish(room, contents, how).await)
    }

    /// Whether something is still what it was found to be.
    pub async fn is_still(&self, id: Uuid, still: Still) -> Result<bool, StoreError> {
        self.db.transaction(tasks::is_still(id, still)).await
    }

    /// Whether something may go, where nobody asked for it.
    async fn is_unneeded(&self, id: Uuid, room: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
        if self.meetings.are_in(room).await {
            return Ok(false);
        }
        match still {
            Some(still) => self.is_still(id, still).await,
            None => Ok(true),
        }
    }

    /// Deletes most assets of a room that is deleted next: there may be more than one transaction has time for.
    async fn thin_out(&self, room: Uuid, how: Contents) -> Result<(), StoreError> {
        let contents = store::assets::delete_most_of_room(&self.db, room).await?;
        self.remove_contents(contents, how).await;
        Ok(())
    }

    /// Tells a meeting that its room is gone, and removes the contents that are left of it. `None`: it is not gone.
    async fn finish(&self, room: Uuid, contents: Option<Vec<Uuid>>, how: Contents) -> bool {
        let Some(contents) = contents else { return false };
        if let Meetings::Live(live) = &self.meetings {
            live.notify(room.into(), Notice::RoomDeleted);
        }
        self.remove_contents(contents, how).await;
        true
    }

    /// What fails, or is cut short, is an orphan that a job finds.
    async fn remove_contents(&self, contents: Vec<Uuid>, how: Contents) {
        match how {
            Contents::LeftBehind => self.assets.remove_contents(contents),
            Contents::WaitedFor => self.assets.remove_contents_now(&contents).await,
        }
    }
}

/// What is still referred to stays.
fn stays_when_referenced(
    deleted: Result<Option<Vec<Uuid>>, StoreError>,
) -> Result<Option<Vec<Uuid>>, StoreError> {
    match deleted {
        Err(StoreError::Referenced(_)) => Ok(None),
        deleted => deleted,
    }
}
