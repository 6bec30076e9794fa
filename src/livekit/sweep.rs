//! Rooms of LiveKit that no meeting has any more: whoever waits in one with an old token is sent away.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colloquy_actors::{live::Live, livekit::MediaRoom};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::room_service::{CallError, RoomService};
use crate::store::{Db, StoreError, deleted_rooms};

/// From one sweep to the next.
const PAUSE: Duration = Duration::from_hours(1);

/// What is to go is seen twice, so far apart: a meeting may be about to begin or to end.
const TWICE: Duration = Duration::from_mins(2);

/// Deletes what no meeting has, at the start and hourly.
#[derive(Debug)]
pub struct Sweep {
    pub db: Db,
    pub live: Live,
    pub media: Arc<RoomService>,
    /// Between the two looks.
    pub twice: Duration,
}

/// Why a sweep came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Livekit(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sweep {
    #[must_use]
    pub fn new(db: Db, live: Live, media: Arc<RoomService>) -> Self {
        Self {
            db,
            live,
            media,
            twice: TWICE,
        }
    }

    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                swept = self.once() => match swept {
                    Ok(0) => {}
                    Ok(deleted) => tracing::info!(deleted, "deleted rooms of LiveKit that no meeting has"),
                    // That LiveKit is away is said where somebody needs it.
                    Err(error) => tracing::debug!(%error, "rooms of LiveKit were not swept"),
                },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Looks twice, and deletes. Returns how many.
    ///
    /// # Errors
    /// When LiveKit or the database can't say.
    pub async fn once(&self) -> Result<usize, SweepError> {
        deleted_rooms::forget_old(&self.db).await?;
        let first = self.unused().await?;
        if first.is_empty() {
            return Ok(0);
        }
        sleep(self.twice).await;
        let (mut deleted, mut failure) = (0, None);
        for room in self.unused().await?.intersection(&first) {
            match self.media.delete(&room.to_string()).await {
                Ok(()) => deleted += 1,
                Err(CallError::NotFound) => {}
                // It may be one on a node that is dead: the others go nevertheless.
                Err(error) => {
                    tracing::info!(%error, room.id = %room.room, "a room of LiveKit that no meeting has can't be deleted");
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(deleted), |error| Err(error.into()))
    }

    /// Rooms of LiveKit that are of rooms of ours, and no meeting has.
    async fn unused(&self) -> Result<BTreeSet<MediaRoom>, SweepError> {
        let names = self.media.rooms().await?;
        let ours: Vec<MediaRoom> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let ids: BTreeSet<_> = ours.iter().map(|room| room.room.0).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        // Another server may use the same LiveKit.
        let known: BTreeSet<_> = deleted_rooms::known(&self.db, &ids).await?.into_iter().collect();
        let mut unused = BTreeSet::new();
        for room in ours.into_iter().filter(|room| known.contains(&room.room.0)) {
            if self.live.has_media_room(room).await == Ok(false) {
                unused.insert(room);
            }
        }
        Ok(unused)
    }
}
