//! Answers to invitations, which were given for one time and mean nothing for another.

use chrono::{DateTime, Utc};
use colloquy_calendar::recurrence::RecurrenceError;

use super::{EventError, instances::Series, off_thread};
use crate::store::{
    StoreError, Tx,
    events::{Event, exceptions},
};

/// Whether who has answered is to be asked again: the beginning is another one than `before`, and nobody is there already.
/// Where only the end moves, people come as they have said. To be asked before exceptions are removed.
pub(super) async fn are_void(
    tx: &mut Tx,
    before: &Event,
    after: &Event,
    now: DateTime<Utc>,
) -> Result<bool, EventError> {
    let beginning = |event: &Event| event.times.map(|times| times.starts_at.at);
    let is_moved = beginning(after).is_some() && beginning(after) != beginning(before);
    Ok(is_moved && !is_under_way(tx, before, now).await?)
}

async fn is_under_way(tx: &mut Tx, event: &Event, now: DateTime<Utc>) -> Result<bool, EventError> {
    let exceptions = exceptions::of_event(tx, event.id).await?;
    let event = event.clone();
    let is_under_way = off_thread(move || {
        let series = Series::new(&event, exceptions, now)?;
        Ok(series.is_some_and(|series| series.is_under_way(now)))
    });
    // What is stored was parsed before.
    let unreadable = |error: RecurrenceError| StoreError::Unreadable(error.to_string());
    Ok(is_under_way.await?.map_err(unreadable)?)
}
