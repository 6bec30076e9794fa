//! Services that call: their tokens carry a realm role. They are no users and have no rows.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};

use super::Member;
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

async fn require_role(
    parts: &mut Parts,
    state: &ApiState,
    role: impl Fn(&Oidc) -> &String,
) -> Result<(), ApiError> {
    let member = Member::from_request_parts(parts, state).await?;
    if member.token.roles.contains(role(&state.config.oidc)) {
        Ok(())
    } else {
        Err(ApiError::forbidden(
            "This is for services with the realm role only",
        ))
    }
}
