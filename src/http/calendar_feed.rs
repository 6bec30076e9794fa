//! `/v1/users/me/calendar_feed` and `/v1/users/me/calendar.ics`.

use axum::{
    Extension, Json,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState,
    auth::{self, CurrentUser},
    caller_limits::Held,
    params::InQuery,
    ranges::is_known,
    refusals,
};
use crate::{
    client_address::ClientAddress,
    events::feed::{self, Feed},
    secrets::Secret,
    store::{
        calendar_feeds,
        events::{self, Filter, InviteStatus, SeenEvent},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, revoke))
        .routes(routes!(read))
}

/// Bytes of chance in a token.
const TOKEN_BYTES: usize = 32;

/// Exceptions of all events of a feed together, each of which may have a description: tens of megabytes at the worst.
const EXCEPTIONS_MAX: u64 = 5_000;

/// Days for which a token opens the calendar: it stands in a URL, which programs and proxies write down.
const TOKEN_DAYS: i64 = 365;

/// The private address of the caller's calendar. It is told only once.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarFeedResource {
    /// Whoever has it can read the calendar.
    #[schema(value_type = String)]
    pub token: Secret,
    /// Path and query to subscribe to, on this server.
    #[schema(value_type = String)]
    pub path: Secret,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// From `POST /v1/users/me/calendar_feed`.
    #[param(value_type = String)]
    token: Secret,
}

impl CalendarFeedResource {
    fn new(token: Secret) -> Self {
        let path = format!("/v1/users/me/calendar.ics?token={}", token.reveal());
        Self {
            token,
            path: Secret::new(path),
        }
    }
}

/// Create the caller's calendar feed
///
/// Its address is told in this answer only, and good for 365 days. An address that was made before opens nothing any more.
#[utoipa::path(
    post, path = "/users/me/calendar_feed", tag = "users", operation_id = "create_calendar_feed", security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "The new address", body = CalendarFeedResource),
        refusals::OfCallers, refusals::Always,
    ),
)]
async fn create(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
) -> Result<(StatusCode, Json<CalendarFeedResource>), ApiError> {
    let token = Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>()));
    let (id, now, stored) = (user.profile.id, state.clock.now(), token.clone());
    let put = state
        .db
        .transaction(move |tx| Box::pin(async move { calendar_feeds::put(tx, id, &stored, now).await }));
    put.await?;
    Ok((StatusCode::CREATED, Json(CalendarFeedResource::new(token))))
}

/// Revoke the caller's calendar feed
///
/// Also when there is none.
#[utoipa::path(
    delete, path = "/users/me/calendar_feed", tag = "users", operation_id = "revoke_calendar_feed", security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "No address opens the calendar any more"),
        refusals::OfCallers, refusals::Always,
    ),
)]
async fn revoke(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
) -> Result<StatusCode, ApiError> {
    let id = user.profile.id;
    let delete = state
        .db
        .transaction(move |tx| Box::pin(calendar_feeds::delete(tx, id)));
    delete.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A calendar to subscribe to
///
/// iCalendar (RFC 5545) with the events that the owner of the token created or is invited to and has not declined: at
/// most 1,000, and as many as have 5,000 exceptions together, from those on that ended 90 days ago, in the order of their
/// beginnings, those that were not answered behind the others. Events without a time are left out, and so are those behind series whose beginnings are too costly to find
/// together. `If-None-Match` is answered.
#[utoipa::path(
    get, path = "/users/me/calendar.ics", tag = "users", operation_id = "read_calendar_feed", params(FeedQuery),
    responses(
        (status = 200, description = "The calendar", body = String, content_type = "text/calendar",
         headers(("ETag" = String, description = "Names this state of the calendar"))),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "The token opens nothing", body = super::error::ErrorBody),
        (status = 429, description = "Too many tokens from this address that open nothing, or a calendar that took long was asked for again too soon", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::Always,
    ),
)]
async fn read(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    held: Option<Extension<Held>>,
    InQuery(query): InQuery<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // Who shares an address with whoever invents tokens reads on.
    let inventions = &state.start_limits.feeds;
    inventions.admit(address)?;
    let made_after = state.clock.now() - TimeDelta::days(TOKEN_DAYS);
    let owner = calendar_feeds::owner(&state.db, &query.token, made_after).await?;
    let owner = owner.and_then(|owner| auth::enabled(owner).ok());
    let Some(owner) = owner else {
        inventions.count(address);
        return Err(ApiError::not_found("The token opens no calendar"));
    };
    if let Some(Extension(held)) = held {
        state
            .caller_limits
            .admit_calendar(owner.profile.id, &held)
            .await?;
    }
    // Before anything is read: whoever waits keeps no events.
    let place = state.calendar_places.take(owner.profile.id).await?;
    let mut seen = listed(&state, owner.profile.id).await?;
    let mut ids: Vec<_> = seen.iter().map(|seen| seen.event.id).collect();
    let sizes = events::exceptions::sizes(&state.db, &ids).await?;
    let fitting = fitting(ids.iter().map(|id| sizes.get(id).map_or(0, |size| size.0)));
    seen.truncate(fitting);
    ids.truncate(fitting);
    let exceptions = events::exceptions::of_events(&state.db, &ids).await?;
    // A thousand series take longer than a task may without a pause, and nobody who gives up ends it.
    let web_client = state.config.mail.web_client_url.clone();
    let feed = tokio::task::spawn_blocking(move || {
        let feed = Feed::of(&seen, &exceptions, web_client.as_ref());
        drop(place);
        feed
    });
    let feed = feed.await.map_err(ApiError::internal)?;
    Ok(answer(feed, &headers))
}

/// The events of a feed, at most as many as it has. Those to which the owner has not said anything come last: nobody fills
/// somebody else's calendar by inviting.
async fn listed(state: &ApiState, owner: Uuid) -> Result<Vec<SeenEvent>, ApiError> {
    let mut seen = Vec::new();
    for statuses in [
        vec![InviteStatus::Accepted, InviteStatus::Tentative],
        vec![InviteStatus::Pending],
    ] {
        let filter = Filter {
            time_min: Some(state.clock.now() - TimeDelta::days(feed::PAST_DAYS)),
            invite_statuses: statuses,
            ..Filter::default()
        };
        let left = feed::EVENTS_MAX.saturating_sub(u32::try_from(seen.len()).unwrap_or(u32::MAX));
        if left > 0 {
            seen.extend(events::list(&state.db, owner, &filter, None, left).await?);
        }
    }
    Ok(seen)
}

/// How many of the first events have no more than [`EXCEPTIONS_MAX`] exceptions together.
fn fitting(numbers: impl Iterator<Item = u64>) -> usize {
    let sums = numbers.scan(0, |sum: &mut u64, number| {
        *sum = sum.saturating_add(number);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= EXCEPTIONS_MAX).count()
}

fn answer(feed: Feed, asked: &HeaderMap) -> Response {
    let is_known = is_known(&feed.etag, asked);
    let about = [(ETAG, feed.etag), (CACHE_CONTROL, "private".to_owned())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let kind = [(CONTENT_TYPE, "text/calendar; charset=utf-8")];
    (about, kind, feed.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_into_a_feed_until_their_exceptions_are_too_many() {
        assert_eq!(fitting(std::iter::empty()), 0);
        assert_eq!(fitting([0; 1_000].into_iter()), 1_000);
        assert_eq!(fitting([EXCEPTIONS_MAX, 0, 1, 0].into_iter()), 2);
        assert_eq!(fitting([u64::MAX, u64::MAX].into_iter()), 0);
    }
}
