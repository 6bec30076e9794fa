//! `/v1/events/{event_id}/invite`, the caller's own invitation, and `/v1/users/me/pending_invites`.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::no_invite;
use crate::{
    http::{ApiError, ApiState, access, auth::CurrentUser, params::InPath, refusals},
    permissions::Operation,
    store::{event_invites, events::InviteStatus, users::User},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(accept, decline))
        .routes(routes!(pending))
}

/// Invitations that wait for an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingInvites {
    pub total_pending_invites: u64,
}

/// Accept an invitation to an event
#[utoipa::path(
    patch, path = "/events/{event_id}/invite", tag = "event_invites", operation_id = "accept_event_invite",
    params(("event_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "Accepted"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn accept(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
) -> Result<StatusCode, ApiError> {
    answer(&state, &user, event, InviteStatus::Accepted).await
}

/// Decline an invitation to an event
///
/// The event stays in the caller's list until the invitation itself ends.
#[utoipa::path(
    delete, path = "/events/{event_id}/invite", tag = "event_invites", operation_id = "decline_event_invite",
    params(("event_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "Declined"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn decline(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
) -> Result<StatusCode, ApiError> {
    answer(&state, &user, event, InviteStatus::Declined).await
}

async fn answer(
    state: &ApiState,
    user: &User,
    event: Uuid,
    status: InviteStatus,
) -> Result<StatusCode, ApiError> {
    access::event(state, user, event, Operation::AnswerInvitation).await?;
    let now = state.clock.now();
    if event_invites::answer(&state.db, event, user.profile.id, status, now).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_invite())
    }
}

/// How many invitations wait for the caller's answer
///
/// To events that have not ended; a series ends with its last occurrence.
#[utoipa::path(
    get, path = "/users/me/pending_invites", tag = "event_invites", operation_id = "get_pending_invites",
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "Their number", body = PendingInvites),
        refusals::OfCallers, refusals::Always,
    ),
)]
async fn pending(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
) -> Result<Json<PendingInvites>, ApiError> {
    let total_pending_invites = event_invites::pending(&state.db, user.profile.id, state.clock.now()).await?;
    Ok(Json(PendingInvites {
        total_pending_invites,
    }))
}
