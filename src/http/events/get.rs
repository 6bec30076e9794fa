//! `GET /v1/events/{event_id}`.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{EventResource, InviteesQuery, change, delete, shown};
use crate::{
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get, change::change, delete::delete))
}

/// An event
#[utoipa::path(
    get, path = "/events/{event_id}", tag = "events", operation_id = "get_event",
    params(("event_id" = Uuid, Path), InviteesQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The event", body = EventResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(query): InQuery<InviteesQuery>,
) -> Result<Json<EventResource>, ApiError> {
    let seen = shown::seen(&state, &user, event, Operation::ReadEvent).await?;
    Ok(Json(shown::event(&state, seen, query.invitees_max).await?))
}
