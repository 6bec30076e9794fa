//! What answers about events have in common.

use axum::{
    Json,
    http::{HeaderName, StatusCode},
    response::{AppendHeaders, IntoResponse as _, Response},
};

use crate::{
    events::{EventError, Notifier, ScheduleRefusal},
    http::{ApiError, ApiState, checks::Checks},
    mail::Told,
    store::{StoreError, events::SeenEvent},
};

/// `limited`: the change was made, but not all invitees are told of it, as the caller has brought about too many mails today,
/// or they get too many.
pub const X_COLLOQUY_MAIL: HeaderName = HeaderName::from_static("x-colloquy-mail");

impl From<EventError> for ApiError {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Store(error) => error.into(),
            EventError::Quota(exceeded) => exceeded.into(),
            EventError::Refused(refusal) => refusal.into(),
            EventError::Gone => no_event(),
            error @ EventError::ChangedMeanwhile => Self::unavailable(error.to_string()).retry_after(1),
            EventError::NoOccurrence => no_instance(),
            error @ EventError::TooManyExceptions => Self::conflict(error.to_string()),
        }
    }
}

impl From<ScheduleRefusal> for ApiError {
    fn from(refusal: ScheduleRefusal) -> Self {
        match refusal {
            ScheduleRefusal::Fields(found) => {
                let mut checks = Checks::default();
                for finding in found {
                    checks.refuse(finding.field, finding.code, finding.message);
                }
                checks.refused()
            }
            ScheduleRefusal::Event(message) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_event", message)
            }
        }
    }
}

pub(super) fn no_event() -> ApiError {
    ApiError::not_found("No such event")
}

pub(super) fn no_instance() -> ApiError {
    ApiError::not_found("The event has no such occurrence")
}

/// Those who tell invitees of a change, or nobody.
pub(in crate::http) fn notifier(state: &ApiState, suppressed: bool) -> Notifier {
    Notifier {
        outbox: state.outbox.clone(),
        is_quiet: suppressed,
        tel: state.config.call_in.tel.clone(),
        quotas: state.config.quotas,
    }
}

/// What was changed, with a header where not everybody is told of it.
pub(super) fn changed<T: serde::Serialize>(shown: T, told: Told) -> Response {
    (limited(told), Json(shown)).into_response()
}

/// The header of an answer to what not everybody is told of.
pub(in crate::http) fn limited(told: Told) -> AppendHeaders<Option<(HeaderName, &'static str)>> {
    AppendHeaders((told == Told::NotEverybody).then_some((X_COLLOQUY_MAIL, "limited")))
}

/// What was stored by an older version, or by hand, and is no series any more.
pub(super) fn unreadable(seen: &SeenEvent, error: &impl std::fmt::Display) -> ApiError {
    StoreError::Unreadable(format!("event {}: {error}", seen.event.id)).into()
}
