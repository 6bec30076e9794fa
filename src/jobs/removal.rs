//! Removing a user with everything that is the user's alone.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Tools;
use crate::{
    deletion::{DeletionError, Reason, Still},
    store::{
        StoreError,
        leftovers::{self, Leftover},
    },
};

impl Tools {
    /// Deletes an event that nobody needs. False when it stays: somebody meets there, or something needs it.
    pub(super) async fn remove_event(&self, event: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
        match self.deleter.event(event, Reason::Unneeded(still)).await {
            Ok(is_deleted) => Ok(is_deleted),
            Err(DeletionError::Store(error)) => Err(error),
            // Nobody waits for the folder of an event that nobody needs; where somebody did, the event would stay.
            Err(DeletionError::Folder(_)) => Ok(false),
        }
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
        if !self.deleter.is_still(user, still).await? {
            return Ok(false);
        }
        for event in leftovers::events_of(&self.db, user).await? {
            self.remove_event(event, None).await?;
        }
        for room in leftovers::rooms_of(&self.db, user).await? {
            self.deleter.unneeded_room(room, None).await?;
        }
        leftovers::hand_over(&self.db, user).await?;
        match leftovers::delete_user(&self.db, user, disabled_before).await {
            Err(StoreError::Referenced(_)) => Ok(false),
            deleted => deleted,
        }
    }
}
