//! `POST /v1/auth/logout`: the OpenID provider tells that a login has ended (OpenID Connect Back-Channel Logout 1.0).

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiState, body::WholeBody, refusals};
use crate::{
    identity::{LogoutToken, TokenError},
    store::{
        self,
        void_sessions::{self, VoidSession},
    },
};

/// Largest log-out token, in bytes.
const TOKEN_BYTES_MAX: usize = 32 * 1024;

/// How long a notice waits for those before it. Providers wait 5 s or so, and do not come again: a late one still counts.
const TURN_WAIT: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(log_out))
}

/// What a provider posts. Read by name, as forms are.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LogoutForm {
    /// A JWT of at most 32 KiB that the provider has signed.
    pub logout_token: String,
}

/// The end of a login, told by the OpenID provider
///
/// Needs no authorisation: the token is signed. From the answer on, tokens that were made before for one of its clients are
/// refused: those of its login (`sid`), or of its subject where it names no login. Running meetings go on. Told again, it
/// changes nothing.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", operation_id = "log_out",
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 204, description = "The login has ended here"),
        (status = 400, description = "No log-out token of the provider for this server", body = super::error::ErrorBody),
        refusals::Always,
    ),
)]
async fn log_out(
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Result<WholeBody, ApiError>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::bad_request("The body is too large"),
        _ => error,
    })?;
    let token = token_of(&headers, &body.0)?;
    let is_ours = |client: &str| state.config.oidc.is_own_client(client);
    let token = state.verifier.verify_logout_token(&token, is_ours).await;
    let voids = voids(&state, &token.map_err(refusal)?);
    let revocations = state.verifier.revocations().clone();
    let turn = timeout(TURN_WAIT, revocations.turn()).await;
    // Held until the end: no more than a few are stored at once. Whoever waits for a key holds none.
    let _turn = turn.map_err(|_| ApiError::unavailable("Too many log-outs are under way"))?;
    // Stored by whatever comes, also when the provider hangs up.
    store::unbroken(async move {
        void_sessions::insert(&state.db, voids.clone()).await?;
        state.verifier.revocations().add(&voids);
        tracing::debug!(clients = voids.len(), "a login has ended");
        Ok::<_, ApiError>(StatusCode::NO_CONTENT)
    })
    .await
}

fn voids(state: &ApiState, token: &LogoutToken) -> Vec<VoidSession> {
    let at = state.clock.now();
    let of_client = |client: String| VoidSession {
        issuer: token.issuer.clone(),
        client,
        ended: token.ended.clone(),
        iat: token.iat,
        at,
    };
    token.clients.iter().cloned().map(of_client).collect()
}

/// Whatever is wrong with a token is 400 (section 2.8), but for what passes.
fn refusal(error: TokenError) -> ApiError {
    match error {
        error if error.is_undecided() => error.into(),
        error => ApiError::bad_request(error.description()),
    }
}

/// The one `logout_token` of a form.
fn token_of(headers: &HeaderMap, body: &[u8]) -> Result<String, ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    {
        return Err(ApiError::bad_request(
            "The body must be a form: Content-Type: application/x-www-form-urlencoded",
        ));
    }
    let mut tokens = url::form_urlencoded::parse(body).filter(|(name, _)| name == "logout_token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if token.len() <= TOKEN_BYTES_MAX => Ok(token.into_owned()),
        (Some(_), None) => Err(ApiError::bad_request("The log-out token is too large")),
        _ => Err(ApiError::bad_request("The form must have one logout_token")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(kind: &'static str, body: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        token_of(&headers, body.as_bytes()).ok()
    }

    #[test]
    fn a_form_has_one_token() {
        let form = "application/x-www-form-urlencoded";
        for kind in [form, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
            assert_eq!(read(kind, "a=1&logout_token=x.y.z&b=2").as_deref(), Some("x.y.z"));
        }
        for body in ["", "logout=x", "logout_token=x&logout_token=x"] {
            assert_eq!(read(form, body), None, "{body}");
        }
        assert_eq!(read("application/json", "logout_token=x"), None);
        let longest = "x".repeat(TOKEN_BYTES_MAX);
        assert!(read(form, &format!("logout_token={longest}")).is_some());
        assert!(read(form, &format!("logout_token={longest}x")).is_none());
    }
}
