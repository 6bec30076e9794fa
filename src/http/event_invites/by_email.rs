//! `/v1/events/{event_id}/invites/email`.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{MailQuery, by_user, checked_email};
use crate::{
    http::{
        ApiError, ApiState, access,
        auth::CurrentUser,
        body::Body,
        checks::Checks,
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
    store::{event_invites::Whom, events::InviteRole},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(change, withdraw))
}

/// Whose invitation changes, and what of it; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeEmailInviteBody {
    email: String,
    /// `guest` or `moderator`.
    role: Option<InviteRole>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct EndEmailInviteBody {
    email: String,
}

/// Change the invitation of an address
///
/// An address that belongs to an invited user stands for that user.
#[utoipa::path(
    patch, path = "/events/{event_id}/invites/email", tag = "event_invites", operation_id = "change_event_email_invite",
    params(("event_id" = Uuid, Path)), request_body = ChangeEmailInviteBody, security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "Changed, or nothing was to be changed"),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    Body(body): Body<ChangeEmailInviteBody>,
) -> Result<StatusCode, ApiError> {
    access::event(&state, &user, event, Operation::ChangeInvitees).await?;
    let email = checked_email(&body.email)?;
    if body.role == Some(InviteRole::User) {
        let mut checks = Checks::default();
        checks.refuse("role", "invalid_value", "must be guest or moderator");
        return Err(checks.refused());
    }
    by_user::set_role(&state, event, Whom::Email(email), body.role).await
}

/// End the invitation of an address
///
/// Its invite code opens nothing any more. An address that belongs to an invited user stands for that user.
#[utoipa::path(
    delete, path = "/events/{event_id}/invites/email", tag = "event_invites", operation_id = "delete_event_email_invite",
    params(("event_id" = Uuid, Path), MailQuery), request_body = EndEmailInviteBody, security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The address is not invited any more"),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn withdraw(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(mail): InQuery<MailQuery>,
    Body(body): Body<EndEmailInviteBody>,
) -> Result<StatusCode, ApiError> {
    access::event(&state, &user, event, Operation::ChangeInvitees).await?;
    let email = checked_email(&body.email)?;
    by_user::end(&state, event, Whom::Email(email), &user, mail.notifier(&state)).await
}
