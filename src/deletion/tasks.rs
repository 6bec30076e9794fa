//! What is deleted together in one transaction. The order in which rows are taken is that of everybody: owner, event, room.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::Still;
use crate::{
    events::{Notification, Notifier},
    mail,
    store::{
        StoreError, Tx,
        events::{self, exceptions},
        leftovers, rooms, shared_folders, usage,
    },
};

/// Ids of the assets that went with a room, whose contents are still to be removed; `None`: nothing was deleted.
type Contents = Result<Option<Vec<Uuid>>, StoreError>;

/// Deletes an event, its room and its folder's row, and queues what its invitees are told. `by` must see the event.
pub(super) fn tell_and_delete_event(
    event: Uuid,
    by: Uuid,
    notifier: Notifier,
    now: DateTime<Utc>,
) -> impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Contents> + Clone + Send + 'static {
    move |tx| {
        Box::pin(async move {
            if usage::take_owner_of_event(tx, event).await?.is_none() {
                return Ok(None);
            }
            let Some(mut seen) = events::locked(tx, by, event).await? else {
                return Ok(None);
            };
            // Calendars take the end of an event for a change of it.
            seen.event.revision += 1;
            let exceptions = exceptions::of_event(tx, event).await?;
            let notification = Notification {
                kind: mail::Kind::Cancel,
                seen: &seen,
                exceptions: &exceptions,
                instance: None,
                has_lost_times: false,
            };
            // Of what is over nobody needs to hear.
            if notification.seen.event.is_over(now) {
                mail::take_back_all(tx, event, now).await?;
            } else {
                notifier.tell_end(tx, &notification, now).await?;
            }
            delete_rows(tx, event, seen.room.id, now).await
        })
    }
}

/// The same, while it is such a leftover, and nobody is told.
pub(super) fn delete_event(
    event: Uuid,
    room: Uuid,
    still: Option<Still>,
    now: DateTime<Utc>,
) -> impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Contents> + Clone + Send + 'static {
    move |tx| {
        Box::pin(async move {
            usage::take_owner_of_room(tx, room).await?;
            if !still_in(tx, event, still).await? {
                return Ok(None);
            }
            mail::take_back_all(tx, event, now).await?;
            delete_rows(tx, event, room, now).await
        })
    }
}

async fn delete_rows(tx: &mut Tx, event: Uuid, room: Uuid, now: DateTime<Utc>) -> Contents {
    shared_folders::discard(tx, event, now).await?;
    if events::delete(tx, event).await? {
        rooms::remove(tx, room).await
    } else {
        Ok(None)
    }
}

/// Deletes a room, while it is such a leftover.
pub(super) fn delete_room(
    room: Uuid,
    still: Option<Still>,
) -> impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Contents> + Clone + Send + 'static {
    move |tx| {
        Box::pin(async move {
            usage::take_owner_of_room(tx, room).await?;
            if still_in(tx, room, still).await? {
                rooms::remove(tx, room).await
            } else {
                Ok(None)
            }
        })
    }
}

/// Only looks.
pub(super) fn is_still(
    id: Uuid,
    still: Still,
) -> impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<bool, StoreError>> + Clone + Send + 'static {
    move |tx| Box::pin(still_in(tx, id, Some(still)))
}

async fn still_in(tx: &mut Tx, id: Uuid, still: Option<Still>) -> Result<bool, StoreError> {
    match still {
        Some(still) => leftovers::lock(tx, still.kind, id, still.before).await,
        None => Ok(true),
    }
}
