//! The occurrences of an event, and how paths name one.

use chrono::{DateTime, Utc};

use crate::{
    events::{
        instances::{Series, parse_name},
        off_thread,
    },
    http::{ApiError, ApiState, events::answers::unreadable},
    store::events::{SeenEvent, exceptions},
};

/// The beginning by which a path names an occurrence.
pub(super) fn original(name: &str) -> Result<DateTime<Utc>, ApiError> {
    parse_name(name).ok_or_else(|| ApiError::bad_request("An occurrence is named like 20270115T090000Z"))
}

/// The occurrences of an event; `None` when it has no times.
pub(super) async fn series(state: &ApiState, seen: &SeenEvent) -> Result<Option<Series>, ApiError> {
    let exceptions = exceptions::of_events(&state.db, &[seen.event.id]).await?;
    let (event, now) = (seen.event.clone(), state.clock.now());
    let series = off_thread(move || Series::new(&event, exceptions, now)).await?;
    series.map_err(|error| unreadable(seen, &error))
}
