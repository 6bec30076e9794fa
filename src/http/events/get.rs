//! `GET /v1/events/{event_id}`.

use axum::{Json, extract::State};
use uuid::Uuid;

use super::{queries::InviteesQuery, resource::EventResource, shown};
use crate::{
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
};

/// An event
#[utoipa::path(
    get, path = "/events/{event_id}", tag = "events", operation_id = "get_event",
    params(("event_id" = Uuid, Path), InviteesQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The event", body = EventResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(query): InQuery<InviteesQuery>,
) -> Result<Json<EventResource>, ApiError> {
    let seen = shown::seen(&state, &user, event, Operation::ReadEvent).await?;
    Ok(Json(shown::event(&state, seen, query.invitees_max).await?))
}
