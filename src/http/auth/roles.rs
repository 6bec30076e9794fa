//! Services that call: their tokens carry a realm role. They are no users and have no rows.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};

use super::{Credentials, credentials, not_locked_out};
use crate::{
    config::Oidc,
    http::{ApiError, ApiState},
};

/// A SIP gateway: its token has the realm role `oidc.call_in_role`.
#[derive(Debug)]
pub struct CallInService;

/// A recorder: its token has the realm role `oidc.recorder_role`.
#[derive(Debug)]
pub struct RecorderService;

impl<S> FromRequestParts<S> for CallInService
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        require_role(parts, &ApiState::from_ref(state), |oidc| &oidc.call_in_role).await?;
        Ok(Self)
    }
}

impl<S> FromRequestParts<S> for RecorderService
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        require_role(parts, &ApiState::from_ref(state), |oidc| &oidc.recorder_role).await?;
        Ok(Self)
    }
}

/// Services are judged by their role alone: neither audience nor client counts, unless `oidc.service_clients` names some.
async fn require_role(
    parts: &mut Parts,
    state: &ApiState,
    role: impl Fn(&Oidc) -> &String,
) -> Result<(), ApiError> {
    let Credentials::Bearer(token) = credentials(&parts.headers)? else {
        return Err(ApiError::forbidden("This is for services only"));
    };
    let token = state.verifier.verify_service_token(token).await?;
    let role = role(&state.config.oidc);
    if !token.roles.contains(role) {
        return Err(ApiError::forbidden(format!(
            "This is for services only: the access token needs the realm role {role} in its claim realm_access.roles"
        )));
    }
    state.verifier.admit_service(&token)?;
    if token.subject.is_empty() {
        // Nobody could lock it out.
        return Err(ApiError::forbidden(
            "The access token names no subject: switch lightweight access tokens off for this service's client",
        ));
    }
    not_locked_out(state, &token)
}
