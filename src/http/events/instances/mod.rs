//! `/v1/events/{event_id}/instances` and below.

mod change;
mod get;
mod list;
mod resource;

use chrono::{DateTime, Utc};
use utoipa_axum::router::OpenApiRouter;

pub use self::resource::InstanceResource;
use super::unreadable;
use crate::{
    events::{
        instances::{Series, parse_name},
        off_thread,
    },
    http::{ApiError, ApiState},
    store::events::{SeenEvent, exceptions},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().merge(list::routes()).merge(get::routes())
}

/// The beginning by which a path names an occurrence.
fn original(name: &str) -> Result<DateTime<Utc>, ApiError> {
    parse_name(name).ok_or_else(|| ApiError::bad_request("An occurrence is named like 20270115T090000Z"))
}

/// The occurrences of an event; `None` when it has no times.
async fn series(state: &ApiState, seen: &SeenEvent) -> Result<Option<Series>, ApiError> {
    let exceptions = exceptions::of_events(&state.db, &[seen.event.id]).await?;
    let (event, now) = (seen.event.clone(), state.clock.now());
    let series = off_thread(move || Series::new(&event, exceptions, now)).await?;
    series.map_err(|error| unreadable(seen, &error))
}
