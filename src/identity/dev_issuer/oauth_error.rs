//! Errors of the token endpoint (RFC 6749, section 5.2), and of requests that came a wrong way.

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use serde_json::json;

/// Why a request gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient,
    InvalidGrant(&'static str),
    InvalidScope,
    /// The client may not use this grant: a web page must not hand over passwords.
    UnauthorizedClient,
    /// The request came through a proxy.
    Forwarded,
    /// The request names another host.
    Misdirected,
    UnsupportedGrantType,
    /// Too many failed logins; how long to wait.
    TooManyAttempts(TimeDelta),
    ServerError,
}

impl OAuthError {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest(text) => (StatusCode::BAD_REQUEST, "invalid_request", text),
            // 400 and not 401: the client tried no HTTP authentication that could be challenged.
            Self::InvalidClient => (StatusCode::BAD_REQUEST, "invalid_client", "unknown client_id"),
            Self::InvalidGrant(text) => (StatusCode::BAD_REQUEST, "invalid_grant", text),
            Self::InvalidScope => (
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "known scopes are openid, profile and email",
            ),
            Self::UnauthorizedClient => (
                StatusCode::BAD_REQUEST,
                "unauthorized_client",
                "the password grant is for scripts; a request with an Origin header comes from a web page",
            ),
            Self::Forwarded => (
                StatusCode::FORBIDDEN,
                "access_denied",
                "the development issuer answers nobody behind a proxy; set oidc.authority",
            ),
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "invalid_request",
                "the development issuer answers under loopback names; others need dev_issuer.allow_remote",
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "known are authorization_code, refresh_token and password",
            ),
            Self::TooManyAttempts(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many failed logins",
            ),
            Self::ServerError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the tokens could not be made",
            ),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, error, description) = self.parts();
        let body = Json(json!({ "error": error, "error_description": description }));
        match self {
            Self::TooManyAttempts(wait) => {
                (status, [(RETRY_AFTER, seconds_up(wait).to_string())], body).into_response()
            }
            _ => (status, body).into_response(),
        }
    }
}

/// Whole seconds, never zero.
pub(super) fn seconds_up(wait: TimeDelta) -> i64 {
    wait.num_seconds() + 1
}
