//! Deleting an event with everything that belongs to it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{EventError, News, Teller};
use crate::{
    mail,
    store::{
        Db, assets,
        events::{self, exceptions},
        leftovers, rooms, usage,
    },
};

/// Deletes an event and its room, all or nothing, and queues what its invitees are told. What is left to do is to remove
/// the returned contents of the room from the asset store. `user` must see the event; whether it may delete it was asked
/// before.
pub async fn delete(
    db: &Db,
    user: Uuid,
    event: Uuid,
    teller: Teller,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, EventError> {
    let wake = teller.clone();
    let room = leftovers::room_of(db, event).await?.ok_or(EventError::Gone)?;
    let mut contents = assets::delete_most_of_room(db, room).await?;
    let deleted = db.transaction(move |tx| {
        Box::pin(async move {
            // Before the event, as those do who change it.
            usage::take_owner_of_event(tx, event)
                .await?
                .ok_or(EventError::Gone)?;
            let mut seen = events::locked(tx, user, event).await?.ok_or(EventError::Gone)?;
            // Calendars take the end of an event for a change of it.
            seen.event.revision += 1;
            let exceptions = exceptions::of_event(tx, event).await?;
            let news = News {
                kind: mail::Kind::Cancel,
                seen: &seen,
                exceptions: &exceptions,
                instance: None,
                has_lost_times: false,
            };
            // Of what is over nobody needs to hear.
            if !news.seen.event.is_over(now) {
                teller.tell_end(tx, &news, now).await?;
            }
            events::delete(tx, event).await?;
            let contents = rooms::remove(tx, seen.room.id).await?;
            Ok::<_, EventError>(contents.unwrap_or_default())
        })
    });
    contents.extend(deleted.await?);
    wake.wake();
    Ok(contents)
}
