//! Deleting things as REST does: with everything that belongs to them, and meetings hear of it.

use chrono::{DateTime, Utc};
use colloquy_actors::room::input::Notice;
use uuid::Uuid;

use super::Tools;
use crate::store::{
    self, Db, StoreError, Tx, assets, events,
    leftovers::{self, Leftover},
    rooms, usage,
};

/// What something must still be when it is deleted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Still {
    pub(super) kind: Leftover,
    pub(super) before: DateTime<Utc>,
}

async fn is_still(tx: &mut Tx, id: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
    match still {
        Some(still) => leftovers::lock(tx, still.kind, id, still.before).await,
        None => Ok(true),
    }
}

impl Tools {
    /// Deletes an event with its room, where `still` says so only while it is such a leftover. False when it stays:
    /// somebody meets there, or something needs it.
    pub(super) async fn remove_event(&self, event: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
        let Some(room) = leftovers::room_of(&self.db, event).await? else {
            return Ok(false);
        };
        if self.is_in_use(room).await {
            return Ok(false);
        }
        if self.is_still(event, still).await? {
            self.thin_out(assets::delete_most_of_room, room).await?;
        }
        let this = self.clone();
        // Meetings hear of it even when the lease is lost meanwhile.
        store::unbroken(async move {
            let deleted = this.db.transaction(move |tx| {
                Box::pin(async move {
                    // Before the event, as those do who change it.
                    usage::take_owner_of_room(tx, room).await?;
                    if is_still(tx, event, still).await? && events::delete(tx, event).await? {
                        rooms::remove(tx, room).await
                    } else {
                        Ok(None)
                    }
                })
            });
            this.finished(room, deleted.await).await
        })
        .await
    }

    /// Deletes a room without an event. False when it stays.
    pub(super) async fn remove_room(&self, room: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
        if self.is_in_use(room).await {
            return Ok(false);
        }
        if self.is_still(room, still).await? {
            self.thin_out(rooms::thin_out, room).await?;
        }
        let this = self.clone();
        store::unbroken(async move {
            let deleted = this.db.transaction(move |tx| {
                Box::pin(async move {
                    // Before the room, as those do who delete it by REST.
                    usage::take_owner_of_room(tx, room).await?;
                    if is_still(tx, room, still).await? {
                        rooms::remove(tx, room).await
                    } else {
                        Ok(None)
                    }
                })
            });
            this.finished(room, deleted.await).await
        })
        .await
    }

    /// Deletes a disabled user with its events and rooms; in others' rooms and events the owners take its place. False
    /// when one of these stays.
    pub(super) async fn remove_user(
        &self,
        user: Uuid,
        disabled_before: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let still = Still {
            kind: Leftover::DisabledUser,
            before: disabled_before,
        };
        if !self.is_still(user, Some(still)).await? {
            return Ok(false);
        }
        for event in leftovers::events_of(&self.db, user).await? {
            self.remove_event(event, None).await?;
        }
        for room in leftovers::rooms_of(&self.db, user).await? {
            self.remove_room(room, None).await?;
        }
        leftovers::hand_over(&self.db, user).await?;
        match leftovers::delete_user(&self.db, user, disabled_before).await {
            Err(StoreError::Referenced(_)) => Ok(false),
            deleted => deleted,
        }
    }

    async fn is_still(&self, id: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
        self.db
            .transaction(move |tx| Box::pin(is_still(tx, id, still)))
            .await
    }

    /// Deletes assets of a room that is deleted next, with their contents.
    async fn thin_out(
        &self,
        delete: impl AsyncFnOnce(&Db, Uuid) -> Result<Vec<Uuid>, StoreError>,
        room: Uuid,
    ) -> Result<(), StoreError> {
        let contents = delete(&self.db, room).await?;
        self.assets.remove_contents_now(&contents).await;
        Ok(())
    }

    async fn is_in_use(&self, room: Uuid) -> bool {
        match &self.live {
            Some(live) => live.observe(room.into()).await.is_some(),
            None => false,
        }
    }

    /// Tells a meeting that its room is gone, and removes the contents that are left of it. What is still referred to
    /// stays.
    async fn finished(
        &self,
        room: Uuid,
        deleted: Result<Option<Vec<Uuid>>, StoreError>,
    ) -> Result<bool, StoreError> {
        match deleted {
            Ok(Some(contents)) => {
                if let Some(live) = &self.live {
                    live.notify(room.into(), Notice::RoomDeleted);
                }
                self.assets.remove_contents_now(&contents).await;
                Ok(true)
            }
            Ok(None) | Err(StoreError::Referenced(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
