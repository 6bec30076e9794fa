//! `/v1/events/{event_id}/invites` and below, and `/v1/events/{event_id}/invite`.

mod by_email;
mod by_user;
mod list;
mod own;
mod resource;
mod strangers;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

pub use resource::{InviteeProfile, InviteeResource};

use super::{ApiError, ApiState, checks::Checks};
use crate::{email_address::compared, events::Notifier};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(list::routes())
        .merge(by_email::routes())
        .merge(by_user::routes())
        .merge(own::routes())
}

/// Whether those concerned are told by mail.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MailQuery {
    /// Tell nobody by mail.
    #[serde(default)]
    suppress_email_notification: bool,
}

/// An address as invitations keep it.
fn checked_email(email: &str) -> Result<String, ApiError> {
    let mut checks = Checks::default();
    checks.email("email", email);
    checks.finish()?;
    Ok(compared(email))
}

impl MailQuery {
    /// Who puts mails about it into the outbox, or nobody.
    fn notifier(&self, state: &ApiState) -> Notifier {
        super::events::notifier(state, self.suppress_email_notification)
    }
}

fn no_invite() -> ApiError {
    ApiError::not_found("Nobody such is invited")
}
