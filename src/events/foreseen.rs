//! What a change makes of an event's times, found out before the transaction: a series may take long to compute, and meanwhile a
//! transaction would hold a connection, and in SQLite the right to write, that others wait for.

use chrono::{DateTime, Utc};
use colloquy_calendar::recurrence::RecurrenceError;
use uuid::Uuid;

use super::{Asked, EventError, Schedule, instances::Series, off_thread};
use crate::store::{
    Db, StoreError,
    events::{self, Event, exceptions},
};

/// How many times it is found out anew, as others have changed the event meanwhile.
const LOOKS_MAX: usize = 8;

/// Makes a change of an event as it is `known`, and where others were faster, of the event as `user` sees it then.
pub(super) async fn again_if_late<T, F: Future<Output = Result<T, EventError>>>(
    db: &Db,
    known: &Event,
    user: Uuid,
    change: impl Fn(Event) -> F,
) -> Result<T, EventError> {
    let mut known = known.clone();
    for _ in 0..LOOKS_MAX {
        match change(known.clone()).await {
            Err(EventError::ChangedMeanwhile) => {
                let now = events::visible_to(db, user, known.id).await?;
                known = now.ok_or(EventError::Gone)?.event;
            }
            done => return done,
        }
    }
    Err(EventError::ChangedMeanwhile)
}

/// What a change of an event makes of its times.
#[derive(Debug, Clone)]
pub(super) struct Foreseen {
    /// Of the event as it was looked at.
    revision: i32,
    before: Schedule,
    pub after: Schedule,
    /// Whether the event begins at another time.
    is_moved: bool,
    /// Whether who has answered is to be asked again: the event begins at another time, and nobody is there already. Where only
    /// the end moves, people come as they have said.
    pub answers_are_void: bool,
}

impl Foreseen {
    pub async fn new(db: &Db, known: &Event, asked: Asked, now: DateTime<Utc>) -> Result<Self, EventError> {
        let before = Schedule::of(known);
        let after = {
            let before = before.clone();
            off_thread(move || before.changed(asked)).await??
        };
        let is_moved = is_moved(&before, &after);
        Ok(Self {
            revision: known.revision,
            answers_are_void: is_moved && !is_under_way(db, known, now).await?,
            before,
            after,
            is_moved,
        })
    }

    /// The same of an event that takes place once, and will.
    pub fn of_single(known: &Event, asked: Asked, now: DateTime<Utc>) -> Result<Self, EventError> {
        let before = Schedule::of(known);
        let after = before.changed(asked)?;
        let is_under_way = before.times.is_some_and(|times| times.is_under_way(now));
        let is_moved = is_moved(&before, &after);
        Ok(Self {
            revision: known.revision,
            answers_are_void: is_moved && !is_under_way,
            before,
            after,
            is_moved,
        })
    }

    /// It holds for the event as it is in a transaction that has locked it, or somebody was faster. Other changes than those of times
    /// matter only where answers may be void: occurrences may have moved.
    pub fn check(&self, event: &Event) -> Result<(), EventError> {
        let is_as_before = Schedule::of(event) == self.before;
        if is_as_before && (!self.is_moved || event.revision == self.revision) {
            Ok(())
        } else {
            Err(EventError::ChangedMeanwhile)
        }
    }
}

fn is_moved(before: &Schedule, after: &Schedule) -> bool {
    let beginning = |schedule: &Schedule| schedule.times.map(|times| times.starts_at.at);
    beginning(after).is_some() && beginning(after) != beginning(before)
}

async fn is_under_way(db: &Db, event: &Event, now: DateTime<Utc>) -> Result<bool, EventError> {
    let exceptions = exceptions::of_events(db, &[event.id]).await?;
    let event = event.clone();
    let is_under_way = off_thread(move || {
        let series = Series::new(&event, exceptions, now)?;
        Ok(series.is_some_and(|series| series.is_under_way(now)))
    });
    // What is stored was parsed before.
    let unreadable = |error: RecurrenceError| StoreError::Unreadable(error.to_string());
    Ok(is_under_way.await?.map_err(unreadable)?)
}
