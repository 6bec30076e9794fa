//! `GET /v1/events`.

use std::collections::HashMap;

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    resource::{EventResource, ExceptionResource},
    shown,
};
use crate::{
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        cursors,
        links::{AskedAt, per_page},
        params::{InQuery, list_in_query},
        refusals,
    },
    store::{
        TIME_MAX, TIME_MIN,
        events::{self, Cursor, Exception, Filter, InviteStatus, SeenEvent, exceptions},
        streaming_targets,
    },
};

/// Exceptions in one page at the most, unless one event alone has more.
const EXCEPTIONS_PER_PAGE_MAX: u64 = 1_000;

/// Characters of exceptions and streaming targets on one page, above which it holds fewer events. One may be six bytes in JSON.
const CHARS_PER_PAGE_MAX: u64 = 1_000_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only events that end later, or begin then or later. A series counts by its last occurrence; what has no times is left
    /// out.
    time_min: Option<DateTime<Utc>>,
    /// Only events that begin earlier. A series counts by its first occurrence; what has no times is left out.
    time_max: Option<DateTime<Utc>>,
    /// Only events that were made earlier.
    created_before: Option<DateTime<Utc>>,
    /// Only events that were made later.
    created_after: Option<DateTime<Utc>>,
    /// Invitees that the answer names of each event: 100 at most, and 3,000 in all, evenly.
    #[serde(default)]
    #[param(value_type = u64, minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    invitees_max: u32,
    /// Only the caller's favourites; false: all events.
    favorites: Option<bool>,
    /// Only events that were made for a meeting at once, or only others.
    adhoc: Option<bool>,
    /// Only events without times, or only those with times.
    time_independent: Option<bool>,
    /// Events per page.
    #[param(minimum = 1, maximum = 100, default = 30)]
    per_page: Option<u32>,
    /// Where the page goes on from another one; see the header `Link`.
    after: Option<String>,
}

/// An entry of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ListedEvent {
    Event(Box<EventResource>),
    Exception(Box<ExceptionResource>),
}

/// The caller's events
///
/// Those that the caller created or is invited to: first what has no times, then by beginning, creation and id. The
/// exceptions of a series follow it.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "list_events",
    params(ListQuery, ("invite_status" = Option<Vec<InviteStatus>>, Query, description = "Only events that the caller answered so; separated by commas or repeated")),
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of events", body = Vec<ListedEvent>,
         headers(("Link" = Option<String>, description = "The page behind this one, as `after` (RFC 8288); absent when there is none"))),
        refusals::OfParameters, refusals::OfCallers, refusals::Always,
    ),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    asked: AskedAt,
    InQuery(query): InQuery<ListQuery>,
) -> Result<Response, ApiError> {
    let filter = filter(&query, &asked)?;
    let limit = per_page(query.per_page)?;
    let after: Option<Cursor> = query.after.as_deref().map(cursors::decode).transpose()?;
    let is_stored = |time: DateTime<Utc>| (TIME_MIN..=TIME_MAX).contains(&time);
    if after.is_some_and(|after| !is_stored(after.created_at) || !after.starts_at.is_none_or(is_stored)) {
        return Err(cursors::unknown());
    }
    let page = events::list(&state.db, user.profile.id, &filter, after, limit + 1).await?;
    let (page, exceptions, has_more) = cut(&state, page, limit).await?;
    let next = page.last().map(Cursor::of).filter(|_| has_more);
    let invitees_max = shown::invitees_of_each(query.invitees_max, page.len());
    let listed = entries(&state, page, exceptions, invitees_max).await?;
    asked.answer(&listed, None, next)
}

fn filter(query: &ListQuery, asked: &AskedAt) -> Result<Filter, ApiError> {
    let statuses = list_in_query(asked.uri(), "invite_status")
        .into_iter()
        .map(|text| {
            InviteStatus::parse(&text)
                .ok_or_else(|| ApiError::bad_request("invite_status names an unknown status"))
        });
    // Beyond these nothing is stored, and SQLite's texts would not be in order.
    let known = |time: DateTime<Utc>| time.clamp(TIME_MIN, TIME_MAX);
    Ok(Filter {
        time_min: query.time_min.map(known),
        time_max: query.time_max.map(known),
        created_before: query.created_before.map(known),
        created_after: query.created_after.map(known),
        favorites_only: query.favorites.unwrap_or_default(),
        adhoc: query.adhoc,
        time_independent: query.time_independent,
        invite_statuses: statuses.collect::<Result<_, _>>()?,
    })
}

type Exceptions = HashMap<Uuid, Vec<Exception>>;

/// Cuts what was read to a page: at most `limit` events, and fewer when these have very many exceptions, or much text in these and in
/// their streaming targets. And whether more follow.
async fn cut(
    state: &ApiState,
    mut page: Vec<SeenEvent>,
    limit: u32,
) -> Result<(Vec<SeenEvent>, Exceptions, bool), ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut has_more = page.len() > limit;
    page.truncate(limit);
    let ids = |page: &[SeenEvent]| page.iter().map(|seen| seen.event.id).collect::<Vec<_>>();
    // Counted first: what is cut off is not read.
    let sizes = exceptions::sizes(&state.db, &ids(&page)).await?;
    let rooms: Vec<_> = page.iter().map(|seen| seen.room.id).collect();
    let targets = streaming_targets::sizes(&state.db, &rooms).await?;
    let (mut number, mut chars) = (0, 0);
    let is_too_much = |seen: &SeenEvent| {
        let of_event = sizes.get(&seen.event.id).copied().unwrap_or_default();
        number += of_event.0;
        chars += of_event.1 + targets.get(&seen.room.id).copied().unwrap_or_default();
        number > EXCEPTIONS_PER_PAGE_MAX || chars > CHARS_PER_PAGE_MAX
    };
    if let Some(place) = page.iter().position(is_too_much) {
        let kept = place.max(1);
        has_more = has_more || kept < page.len();
        page.truncate(kept);
    }
    let mut of_events = Exceptions::new();
    if number > 0 {
        for exception in exceptions::of_events(&state.db, &ids(&page)).await? {
            of_events.entry(exception.event_id).or_default().push(exception);
        }
    }
    Ok((page, of_events, has_more))
}

async fn entries(
    state: &ApiState,
    page: Vec<SeenEvent>,
    mut exceptions: Exceptions,
    invitees_max: u32,
) -> Result<Vec<ListedEvent>, ApiError> {
    let mut entries = Vec::with_capacity(page.len());
    for (seen, event) in shown::events(state, page, invitees_max).await? {
        let differing = exceptions.remove(&seen.event.id).unwrap_or_default();
        let defaults = &state.config.defaults;
        let differing = differing.into_iter().map(|exception| {
            ListedEvent::Exception(Box::new(ExceptionResource::new(&seen, exception, defaults)))
        });
        entries.push(ListedEvent::Event(Box::new(event)));
        entries.extend(differing);
    }
    Ok(entries)
}
