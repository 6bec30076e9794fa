//! `POST /token`: code, refresh token or password in exchange for tokens.

use std::sync::Arc;

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, header::ORIGIN},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    DevIssuer, authorize_request,
    codes::{self, Redemption},
    limits::VERIFIER_BYTES,
    oauth_error::OAuthError,
    routes::ClientNetwork,
    sessions::{self, Session},
    tokens::{SessionRef, TokenAnswer, random_text},
    users::User,
};

/// Form of the token endpoint.
#[derive(Deserialize)]
pub(super) struct TokenForm {
    grant_type: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    scope: Option<String>,
}

type Answer = Result<Json<TokenAnswer>, OAuthError>;

pub(super) async fn token(
    State(issuer): State<Arc<DevIssuer>>,
    ClientNetwork(address): ClientNetwork,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Answer {
    let Form(form) =
        form.map_err(|_| OAuthError::InvalidRequest("the body is no form or names a field twice"))?;
    let grant_type = required(form.grant_type.as_deref(), "grant_type is missing")?;
    if required(form.client_id.as_deref(), "client_id is missing")? != issuer.client_id {
        return Err(OAuthError::InvalidClient);
    }
    let now = issuer.clock.now();
    match grant_type {
        "authorization_code" => issuer.exchange_code(&form, now).await,
        "refresh_token" => issuer.refresh(&form, now).await,
        // CORS lets any page call: without this, any website that a developer opens could log in as anyone.
        "password" if headers.contains_key(ORIGIN) => Err(OAuthError::UnauthorizedClient),
        "password" => issuer.exchange_password(&form, address, now).await,
        _ => Err(OAuthError::UnsupportedGrantType),
    }
}

impl DevIssuer {
    async fn exchange_code(&self, form: &TokenForm, now: DateTime<Utc>) -> Answer {
        let code = required(form.code.as_deref(), "code is missing")?;
        let verifier = required(form.code_verifier.as_deref(), "code_verifier is missing")?;
        if !is_verifier(verifier) {
            return Err(OAuthError::InvalidRequest(
                "code_verifier must be 43 to 128 letters, digits, -, ., _ or ~",
            ));
        }
        let by = Redemption {
            client_id: &self.client_id,
            redirect_uri: required(form.redirect_uri.as_deref(), "redirect_uri is missing")?,
            verifier,
        };
        let redeemed = self.codes().redeem(code, by, now);
        let grant = match redeemed {
            Ok(grant) => grant,
            Err(codes::CodeRefusal::Reused(session)) => {
                tracing::warn!("an authorization code came twice; its tokens are void");
                self.sessions.void(&session, now).await;
                return Err(OAuthError::InvalidGrant("the code was used before"));
            }
            Err(codes::CodeRefusal::Unknown) => return Err(OAuthError::InvalidGrant("the code is unknown")),
            Err(codes::CodeRefusal::Expired) => return Err(OAuthError::InvalidGrant("the code has expired")),
            Err(codes::CodeRefusal::Mismatch(text)) => return Err(OAuthError::InvalidGrant(text)),
        };
        let user = self.users.get(&grant.username).ok_or(OAuthError::ServerError)?;
        let session = Session::new(&grant.username, &grant.scope, random_text(), now);
        self.begin(&grant.session, session, user, grant.nonce.as_deref(), now)
            .await
    }

    async fn refresh(&self, form: &TokenForm, now: DateTime<Utc>) -> Answer {
        let token = required(form.refresh_token.as_deref(), "refresh_token is missing")?;
        let claims = self.read_refresh_token(token);
        let claims = claims.ok_or(OAuthError::InvalidGrant("this is no refresh token"))?;
        let rotated = self
            .sessions
            .rotate(&claims.session, &claims.refresh_id, random_text(), now)
            .await;
        let session = rotated.map_err(|refusal| {
            if refusal == sessions::SessionRefusal::Reused {
                tracing::warn!("a replaced refresh token came back; its session is void");
            }
            OAuthError::InvalidGrant("the session has ended")
        })?;
        let user = self.users.get(&session.username);
        let user = user.ok_or(OAuthError::InvalidGrant("the user is no longer there"))?;
        let of = SessionRef {
            id: &claims.session,
            session: &session,
        };
        self.answer(of, user, None, now)
    }

    /// Resource owner password credentials, for load testers and scripts.
    async fn exchange_password(
        &self,
        form: &TokenForm,
        address: Option<std::net::IpAddr>,
        now: DateTime<Utc>,
    ) -> Answer {
        let username = required(form.username.as_deref(), "username is missing")?;
        let password = required(form.password.as_deref(), "password is missing")?;
        let scope = authorize_request::scope(form.scope.as_deref()).ok_or(OAuthError::InvalidScope)?;
        let user = self.log_in((username, password), address, now)?;
        let session = Session::new(username, &scope, random_text(), now);
        self.begin(&random_text(), session, user, None, now).await
    }

    /// Compares a password, and counts failures.
    pub(super) fn log_in(
        &self,
        (username, password): (&str, &str),
        address: Option<std::net::IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<&User, OAuthError> {
        let mut attempts = self.attempts();
        if let Some(wait) = attempts.wait(username, address, now) {
            return Err(OAuthError::TooManyAttempts(wait));
        }
        if let Some(user) = self.users.authenticate(username, password) {
            attempts.succeeded(username);
            return Ok(user);
        }
        attempts.failed(username, address, now);
        Err(OAuthError::InvalidGrant("user name or password is wrong"))
    }

    async fn begin(
        &self,
        id: &str,
        session: Session,
        user: &User,
        nonce: Option<&str>,
        now: DateTime<Utc>,
    ) -> Answer {
        let begun = self.sessions.begin(id, session.clone(), now).await;
        begun.map_err(|_| OAuthError::InvalidGrant("the code was used before"))?;
        let of = SessionRef {
            id,
            session: &session,
        };
        self.answer(of, user, nonce, now)
    }

    fn answer(&self, of: SessionRef<'_>, user: &User, nonce: Option<&str>, now: DateTime<Utc>) -> Answer {
        self.mint(of, user, nonce, now).map(Json).map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "could not sign tokens");
            OAuthError::ServerError
        })
    }
}

fn is_verifier(text: &str) -> bool {
    VERIFIER_BYTES.contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn required<'a>(value: Option<&'a str>, missing: &'static str) -> Result<&'a str, OAuthError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or(OAuthError::InvalidRequest(missing))
}
