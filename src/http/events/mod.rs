//! `/v1/events` and below, without invitations and folders.

mod bodies;
mod change;
mod create;
mod date_time;
mod delete;
mod folders;
mod get;
mod instances;
mod list;
mod resource;
mod shown;

use axum::{
    Json,
    http::{HeaderName, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

pub use self::{
    date_time::DateTimeTz,
    resource::{EventResource, ExceptionResource},
};
use super::{ApiError, ApiState, checks::Checks};
use crate::{
    events::{EventError, Refusal, Teller},
    mail::Told,
    store::{StoreError, events::SeenEvent},
};

/// `limited`: the change was made, but not all invitees are told of it, as the caller has brought about too many mails today.
pub const X_COLLOQUY_MAIL: HeaderName = HeaderName::from_static("x-colloquy-mail");

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(list::routes())
        .merge(get::routes())
        .merge(instances::routes())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InviteesQuery {
    /// Invitees that the answer names at most.
    #[serde(default)]
    #[param(value_type = u64, minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    invitees_max: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Invitees that the answer names at most.
    #[serde(default)]
    #[param(value_type = u64, minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    invitees_max: u32,
    /// Tell invitees nothing.
    #[serde(default)]
    suppress_email_notification: bool,
}

impl From<EventError> for ApiError {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Store(error) => error.into(),
            EventError::Quota(exceeded) => exceeded.into(),
            EventError::Refused(refusal) => refusal.into(),
            EventError::Gone => no_event(),
            EventError::NoOccurrence => no_instance(),
            error @ EventError::TooManyExceptions => Self::conflict(error.to_string()),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fields(found) => {
                let mut checks = Checks::default();
                for finding in found {
                    checks.refuse(finding.field, finding.code, finding.message);
                }
                checks.refused()
            }
            Refusal::Event(message) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_event", message),
        }
    }
}

fn no_event() -> ApiError {
    ApiError::not_found("No such event")
}

fn no_instance() -> ApiError {
    ApiError::not_found("The event has no such occurrence")
}

/// Those who tell invitees of a change, or nobody.
pub(super) fn teller(state: &ApiState, suppressed: bool) -> Teller {
    Teller {
        outbox: state.outbox.unless(suppressed),
        tel: state.config.call_in.tel.clone(),
        quotas: state.config.quotas,
    }
}

/// What was changed, with a header where not everybody is told of it.
fn changed<T: serde::Serialize>(shown: T, told: Told) -> Response {
    match told {
        Told::Everybody => Json(shown).into_response(),
        Told::NotEverybody => ([(X_COLLOQUY_MAIL, "limited")], Json(shown)).into_response(),
    }
}

/// What was stored by an older version, or by hand, and is no series any more.
fn unreadable(seen: &SeenEvent, error: &impl std::fmt::Display) -> ApiError {
    StoreError::Unreadable(format!("event {}: {error}", seen.event.id)).into()
}
