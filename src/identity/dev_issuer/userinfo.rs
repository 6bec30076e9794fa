//! `/userinfo`: who is the bearer of this access token?

use std::sync::Arc;

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{DevIssuer, tokens::profile_claims};
use crate::identity::TokenError;

/// A token in the body (RFC 6750, section 2.2).
#[derive(Deserialize)]
pub(super) struct TokenForm {
    access_token: String,
}

/// `GET /userinfo`
pub(super) async fn get(State(issuer): State<Arc<DevIssuer>>, headers: HeaderMap) -> Response {
    match bearer(&headers) {
        Some(token) => issuer.userinfo(token),
        None => challenge("Bearer".to_owned()),
    }
}

/// `POST /userinfo`
pub(super) async fn post(
    State(issuer): State<Arc<DevIssuer>>,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Response {
    match (bearer(&headers), form) {
        (Some(token), _) => issuer.userinfo(token),
        (None, Ok(Form(form))) => issuer.userinfo(&form.access_token),
        (None, Err(_)) => challenge("Bearer".to_owned()),
    }
}

impl DevIssuer {
    fn userinfo(&self, token: &str) -> Response {
        match self.bearer(token, self.clock.now()) {
            Ok((verified, user)) => {
                let mut claims = profile_claims(user);
                claims.insert("sub".to_owned(), verified.subject.into());
                Json(claims).into_response()
            }
            Err(error) => refuse(error),
        }
    }
}

fn refuse(error: TokenError) -> Response {
    let description = error.description();
    challenge(format!(
        "Bearer error=\"invalid_token\", error_description=\"{description}\""
    ))
}

fn challenge(scheme: String) -> Response {
    let body = Json(json!({ "error": "invalid_token", "error_description": "an access token is needed" }));
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, scheme)], body).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
