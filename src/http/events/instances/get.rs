//! `GET /v1/events/{event_id}/instances/{instance_id}`.

use axum::{Json, extract::State};
use uuid::Uuid;

use super::{
    resource::{self, InstanceResource},
    series::{original, series},
};
use crate::{
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        events::{answers::no_instance, queries::ChangeQuery, shown},
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
};

/// An occurrence of an event
///
/// `suppress_email_notification` means nothing here; some clients send it.
#[utoipa::path(
    get, path = "/events/{event_id}/instances/{instance_id}", tag = "events", operation_id = "get_event_instance",
    params(("event_id" = Uuid, Path), ("instance_id" = String, Path), ChangeQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The occurrence", body = InstanceResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((event, instance)): InPath<(Uuid, String)>,
    InQuery(query): InQuery<ChangeQuery>,
) -> Result<Json<InstanceResource>, ApiError> {
    let original = original(&instance)?;
    let seen = shown::seen(&state, &user, event, Operation::ReadEvent).await?;
    let instance = series(&state, &seen)
        .await?
        .and_then(|series| series.at(original));
    let instance = instance.ok_or_else(no_instance)?;
    let shown = resource::show(&state, &seen, vec![instance], query.invitees_max).await?;
    shown.into_iter().next().map(Json).ok_or_else(no_instance)
}
