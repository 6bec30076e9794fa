//! `PATCH /v1/events/{event_id}/instances/{instance_id}`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    resource::{self, InstanceResource},
    series::{original, series},
};
use crate::{
    events::{InstanceChange, change_instance},
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        body::Body,
        checks::Checks,
        events::{
            answers::{self, no_instance, notifier},
            bodies::check_texts,
            date_time::DateTimeTz,
            queries::ChangeQuery,
            shown,
        },
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
    store::{events::Status, invites::Editor},
    text::composed,
};

/// What changes of an occurrence; what is absent or null stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeInstanceBody {
    #[schema(max_length = 255)]
    title: Option<String>,
    #[schema(max_length = 4096)]
    description: Option<String>,
    is_all_day: Option<bool>,
    starts_at: Option<DateTimeTz>,
    ends_at: Option<DateTimeTz>,
    status: Option<Status>,
}

impl ChangeInstanceBody {
    fn checked(self) -> Result<InstanceChange, ApiError> {
        let mut checks = Checks::default();
        let (title, description) = (self.title.map(composed), self.description.map(composed));
        check_texts(&mut checks, title.as_deref(), description.as_deref());
        let starts_at = self
            .starts_at
            .and_then(|time| time.checked(&mut checks, "starts_at"));
        let ends_at = self.ends_at.and_then(|time| time.checked(&mut checks, "ends_at"));
        checks.finish()?;
        Ok(InstanceChange {
            title,
            description,
            is_all_day: self.is_all_day,
            starts_at,
            ends_at,
            status: self.status,
        })
    }
}

/// Change an occurrence of an event
///
/// Others stay as they are. A cancelled one comes back with the status `ok`. The one occurrence of a single event is that
/// event, which is deleted rather than cancelled; it is named anew when it begins at another time.
#[utoipa::path(
    patch, path = "/events/{event_id}/instances/{instance_id}", tag = "events", operation_id = "change_event_instance",
    params(("event_id" = Uuid, Path), ("instance_id" = String, Path), ChangeQuery), request_body = ChangeInstanceBody,
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The occurrence as it is now", body = InstanceResource,
         headers(("x-colloquy-mail" = Option<String>, description = "`limited`: not all invitees are told"))),
        (status = 204, description = "Nothing was to change"),
        (status = 409, description = "500 occurrences differ from the series already", body = crate::http::error::ErrorBody),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
pub(super) async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((event, instance)): InPath<(Uuid, String)>,
    InQuery(query): InQuery<ChangeQuery>,
    Body(body): Body<ChangeInstanceBody>,
) -> Result<Response, ApiError> {
    let (original, change) = (original(&instance)?, body.checked()?);
    let seen = shown::seen(&state, &user, event, Operation::ChangeEvent).await?;
    if change.is_empty() {
        let is_there = series(&state, &seen)
            .await?
            .is_some_and(|series| series.at(original).is_some());
        return if is_there {
            Ok(StatusCode::NO_CONTENT.into_response())
        } else {
            Err(no_instance())
        };
    }
    let editor = Editor {
        user: user.profile.id,
        at: state.clock.now(),
    };
    let notifier = notifier(&state, query.suppress_email_notification);
    let changed = change_instance(&state.db, &seen.event, original, change, editor, notifier).await?;
    let shown = resource::show(&state, &changed.seen, vec![changed.instance], query.invitees_max).await?;
    let shown = shown.into_iter().next().ok_or_else(no_instance)?;
    Ok(answers::changed(shown, changed.told))
}
