//! Addresses of nobody who was ever here: whether they may be invited, and what the identity provider calls their owners.

use crate::{
    http::{ApiError, ApiState},
    identity::directory::PAUSE_SECS,
    people::LookupError,
    store::{
        event_invites::Names,
        users::{self, User},
    },
};

/// What the identity provider calls whoever has this folded address in the tenant of `by`, who may invite it. None where a user
/// has the address, or nobody is known to. Where the provider can't be asked, an invitation does without names, unless only
/// people who are known may be invited: then it is 503.
pub(super) async fn names(state: &ApiState, by: &User, email: &str) -> Result<Option<Names>, ApiError> {
    let allows_anybody = state.config.mail.external_invitations;
    if allows_anybody && !state.people.has_directory() {
        return Ok(None);
    }
    if users::has_address(&state.db, by.tenant_id, email).await? {
        return Ok(None);
    }
    match state.people.account_at(&state.db, by.tenant_id, email).await {
        Ok(Some(account)) => Ok(account.names),
        Ok(None) | Err(LookupError::NoAnswer(_)) if allows_anybody => Ok(None),
        Ok(None) => Err(ApiError::forbidden(
            "Only people whom this server or its identity provider knows may be invited here",
        )),
        Err(LookupError::Store(error)) => Err(error.into()),
        Err(LookupError::NoAnswer(_)) => Err(ApiError::unavailable(
            "The identity provider can not be asked whether it knows this address",
        )
        .retry_after(PAUSE_SECS)),
    }
}
