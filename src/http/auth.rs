//! Who calls: extractors that read the `Authorization` header.

pub mod person;
mod roles;

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use colloquy_actors::ids::UserId;
use uuid::Uuid;

use self::person::follow;
pub(super) use self::person::{check_tenant, user_of};
pub use self::roles::{CallInService, RecorderService};
use super::{ApiError, ApiState, access};
use crate::{
    client_address::ClientAddress,
    identity::{Presented, VerifiedToken},
    store::{
        invites::{self, InviteForStart},
        users::{self, User},
    },
};

/// A registered user with a valid access token, created when it is new here.
#[derive(Debug)]
pub struct CurrentUser(pub User);

/// A registered user or a guest with a valid invite code.
#[derive(Debug)]
pub enum Caller {
    User(Box<User>),
    Guest(Box<InviteForStart>),
}

#[derive(Debug, PartialEq, Eq)]
enum Credentials<'a> {
    Bearer(&'a str),
    InviteCode(Uuid),
}

impl<S> FromRequestParts<S> for CurrentUser
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let member = Member::from_request_parts(parts, state).await?;
        let state = ApiState::from_ref(state);
        // Whoever is too fast costs no look into the database.
        state.caller_limits.admit(parts, &member.token).await?;
        user_of(&state, &member).await.map(Self)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let state = ApiState::from_ref(state);
        match credentials(&parts.headers)? {
            Credentials::Bearer(token) => {
                let member = Member::of(&state, token).await?;
                state.caller_limits.admit(parts, &member.token).await?;
                Ok(Self::User(Box::new(user_of(&state, &member).await?)))
            }
            Credentials::InviteCode(code) => {
                let address = parts.extensions.get().copied();
                if let Some(address) = address {
                    let held = parts.extensions.get();
                    state.caller_limits.admit_guest(held, code, address).await?;
                }
                guest(&state, code, address).await
            }
        }
    }
}

/// The code must open something now. Invented codes are counted, as at `invite/verify`.
async fn guest(state: &ApiState, code: Uuid, address: Option<ClientAddress>) -> Result<Caller, ApiError> {
    // The listener gives every request its address.
    let address = address.ok_or_else(|| ApiError::internal("a request without an address"))?;
    state.start_limits.codes.admit(address)?;
    let invite = invites::for_start(&state.db, code).await?;
    let invite = invite.filter(|invite| invite.is_valid(state.clock.now()));
    let Some(invite) = invite else {
        state.start_limits.codes.count(address);
        return Err(ApiError::forbidden("The invite code is not valid"));
    };
    if invite.owner_disabled {
        return Err(access::owner_disabled());
    }
    access::guests_in(state, invite.guest_access, &invite.tariff)?;
    Ok(Caller::Guest(Box::new(invite)))
}

/// Somebody with a valid access token, not looked up yet: one who comes back to a meeting needs no database.
#[derive(Debug)]
pub struct Member {
    pub token: Arc<VerifiedToken>,
    /// The same with what userinfo may still say.
    pub presented: Presented,
    /// The user's id, if this server has met the user.
    pub id: Option<Uuid>,
}

impl<S> FromRequestParts<S> for Member
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let state = ApiState::from_ref(state);
        match credentials(&parts.headers)? {
            Credentials::Bearer(token) => Self::of(&state, token).await,
            // Any 401 but the one about unreadable credentials would log a guest out.
            Credentials::InviteCode(_) => Err(ApiError::forbidden("This is for registered users only")),
        }
    }
}

impl Member {
    /// Refuses whoever is locked out, as far as this server knows without the database: by 403, a new token would not help.
    async fn of(state: &ApiState, token: &str) -> Result<Self, ApiError> {
        let mut presented = state.verifier.verify(token).await?;
        if let Some(question) = presented.take_question() {
            follow(state, presented.clone(), question);
        }
        let token = Arc::clone(&presented.token);
        not_locked_out(state, &token)?;
        let id = state.known_users.find(&token);
        Ok(Self { token, presented, id })
    }
}

/// The user of a token that a request carries although it needs none; nobody where the token is not good.
#[derive(Debug)]
pub struct SignedIn(pub Option<UserId>);

impl<S> FromRequestParts<S> for SignedIn
where
    S: Send + Sync,
    ApiState: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let state = ApiState::from_ref(state);
        let Ok(Credentials::Bearer(token)) = credentials(&parts.headers) else {
            return Ok(Self(None));
        };
        let Ok(token) = state.verifier.verify_access_token(token).await else {
            return Ok(Self(None));
        };
        let id = match state.known_users.find(&token) {
            Some(id) => Some(id),
            None => users::by_identity(&state.db, &token.issuer, &token.subject)
                .await
                .ok()
                .flatten()
                .map(|user| user.profile.id),
        };
        Ok(Self(id.map(UserId)))
    }
}

/// Refuses a user whom the operator has disabled.
pub(super) fn enabled(user: User) -> Result<User, ApiError> {
    match user.disabled_at {
        None => Ok(user),
        Some(_) => Err(account_disabled()),
    }
}

/// Refuses whoever is locked out, as far as this server knows without the database.
pub(super) fn not_locked_out(state: &ApiState, token: &VerifiedToken) -> Result<(), ApiError> {
    if state.disabled_users.has_subject(&token.issuer, &token.subject) {
        return Err(account_disabled());
    }
    Ok(())
}

pub(super) fn account_disabled() -> ApiError {
    ApiError::forbidden("The account is disabled")
}

/// Reads the header; schemes are case-insensitive (RFC 9110, section 11.1).
fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ApiError::no_credentials());
    };
    let parsed = value.to_str().ok().and_then(|value| {
        let (scheme, rest) = value.trim().split_once(' ')?;
        let rest = rest.trim();
        if rest.is_empty() || rest.contains(' ') {
            None
        } else if scheme.eq_ignore_ascii_case("Bearer") {
            Some(Credentials::Bearer(rest))
        } else if scheme.eq_ignore_ascii_case("InviteCode") {
            rest.parse().ok().map(Credentials::InviteCode)
        } else {
            None
        }
    });
    parsed.ok_or_else(ApiError::no_credentials)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (AUTHORIZATION, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn both_schemes_are_read_in_any_case() {
        assert_eq!(
            credentials(&headers(&["bearer  abc "])).expect("good"),
            Credentials::Bearer("abc")
        );
        let guest = headers(&["INVITECODE 00000000-0000-0000-0000-000000000000"]);
        let code = credentials(&guest);
        assert_eq!(code.ok(), Some(Credentials::InviteCode(Uuid::nil())));
    }

    #[test]
    fn everything_else_can_not_be_parsed() {
        for values in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a b"],
            &["Basic YTpi"],
            &["InviteCode 1"],
            &["abc"],
            &["Bearer a", "Bearer b"],
        ] {
            let error = credentials(&headers(values)).expect_err("refused");
            assert_eq!(error.status().as_u16(), 401, "{values:?}");
        }
    }
}
