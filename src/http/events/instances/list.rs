//! `GET /v1/events/{event_id}/instances`.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    resource::{self, InstanceResource},
    series::series,
};
use crate::{
    events::{
        instances::{Beyond, InstancePage, TimeFilter},
        off_thread,
    },
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        cursors,
        events::shown,
        links::{AskedAt, per_page},
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InstancesQuery {
    /// Only occurrences that end later, or begin then or later.
    time_min: Option<DateTime<Utc>>,
    /// Only occurrences that begin earlier.
    time_max: Option<DateTime<Utc>>,
    /// Invitees that the answer names of each: 100 at most, and 3,000 in all, evenly.
    #[serde(default)]
    #[param(value_type = u64, minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    invitees_max: u32,
    /// Occurrences per page.
    #[param(minimum = 1, maximum = 100, default = 30)]
    per_page: Option<u32>,
    /// Where the page goes on from another one; see the header `Link`.
    after: Option<String>,
    /// The same as `after`, for older clients.
    cursor: Option<String>,
}

/// The occurrences of an event
///
/// By their beginning, with those that were moved or cancelled. A single event has one, an event without times none. A
/// series is known for forty years ahead.
#[utoipa::path(
    get, path = "/events/{event_id}/instances", tag = "events", operation_id = "list_event_instances",
    params(("event_id" = Uuid, Path), InstancesQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of occurrences", body = Vec<InstanceResource>,
         headers(("Link" = Option<String>, description = "The pages next to this one, as `before` and `after` (RFC 8288); absent when there are none"))),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    asked: AskedAt,
    InQuery(query): InQuery<InstancesQuery>,
) -> Result<Response, ApiError> {
    let limit = per_page(query.per_page)?;
    let beyond = query.after.or(query.cursor);
    let beyond: Option<Beyond> = beyond.as_deref().map(cursors::decode).transpose()?;
    let filter = TimeFilter {
        time_min: query.time_min,
        time_max: query.time_max,
    };
    let seen = shown::seen(&state, &user, event, Operation::ReadEvent).await?;
    let page = match series(&state, &seen).await? {
        Some(series) => {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            off_thread(move || series.page(filter, beyond, limit)).await?
        }
        None => InstancePage::default(),
    };
    let (before, after) = (page.before.map(Beyond::Before), page.after.map(Beyond::After));
    let invitees_max = shown::invitees_of_each(query.invitees_max, page.instances.len());
    let shown = resource::show(&state, &seen, page.instances, invitees_max).await?;
    asked.answer(&shown, before, after)
}
