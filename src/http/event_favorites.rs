//! `/v1/users/me/event_favorites/{event_id}`.

use axum::{extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{ApiError, ApiState, access, auth::CurrentUser, params::InPath, refusals};
use crate::{permissions::Operation, store::event_favorites};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(mark, unmark))
}

/// Make an event a favourite
#[utoipa::path(
    put, path = "/users/me/event_favorites/{event_id}", tag = "events", operation_id = "create_event_favorite",
    params(("event_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "The event is a favourite now"),
        (status = 204, description = "It was one already"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn mark(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
) -> Result<StatusCode, ApiError> {
    access::event(&state, &user, event, Operation::MarkFavorite).await?;
    match event_favorites::mark(&state.db, user.profile.id, event).await? {
        Some(true) => Ok(StatusCode::CREATED),
        Some(false) => Ok(StatusCode::NO_CONTENT),
        None => Err(ApiError::not_found("No such event")),
    }
}

/// Make an event a favourite no longer
#[utoipa::path(
    delete, path = "/users/me/event_favorites/{event_id}", tag = "events", operation_id = "delete_event_favorite",
    params(("event_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The event is no favourite"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn unmark(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
) -> Result<StatusCode, ApiError> {
    access::event(&state, &user, event, Operation::MarkFavorite).await?;
    event_favorites::unmark(&state.db, user.profile.id, event).await?;
    Ok(StatusCode::NO_CONTENT)
}
