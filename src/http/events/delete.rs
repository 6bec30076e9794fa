//! `DELETE /v1/events/{event_id}`.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    answers::{no_event, notifier},
    shown,
};
use crate::{
    deletion::Reason,
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteQuery {
    /// Delete the event even when something of it outside of this server can not be deleted; that is then tried again later.
    #[serde(default)]
    force_delete_reference_if_external_services_fail: bool,
    /// The same for its shared folder only.
    #[serde(default)]
    force_delete_reference_if_shared_folder_deletion_fails: bool,
    /// Tell invitees nothing.
    #[serde(default)]
    suppress_email_notification: bool,
}

/// Delete an event
///
/// With its room, its exceptions and its invitations. Whoever is in the meeting is sent away.
#[utoipa::path(
    delete, path = "/events/{event_id}", tag = "events", operation_id = "delete_event",
    params(("event_id" = Uuid, Path), DeleteQuery), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The event is gone"),
        (status = 502, description = "The storage provider is of no use", body = crate::http::error::ErrorBody),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
pub(super) async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(query): InQuery<DeleteQuery>,
) -> Result<StatusCode, ApiError> {
    shown::seen(&state, &user, event, Operation::DeleteEvent).await?;
    let reason = Reason::Asked {
        by: user.profile.id,
        notifier: notifier(&state, query.suppress_email_notification),
        is_forced: query.force_delete_reference_if_external_services_fail
            || query.force_delete_reference_if_shared_folder_deletion_fails,
    };
    if state.deleter().event(event, reason).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_event())
    }
}
