//! `/end_session`: logout (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{DevIssuer, pages};

#[derive(Deserialize)]
pub(super) struct Logout {
    id_token_hint: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

/// `GET /end_session`
pub(super) async fn get(
    State(issuer): State<Arc<DevIssuer>>,
    logout: Result<Query<Logout>, QueryRejection>,
) -> Response {
    issuer.end_session(logout.ok().map(|Query(logout)| logout)).await
}

/// `POST /end_session`
pub(super) async fn post(
    State(issuer): State<Arc<DevIssuer>>,
    logout: Result<Form<Logout>, FormRejection>,
) -> Response {
    issuer.end_session(logout.ok().map(|Form(logout)| logout)).await
}

impl DevIssuer {
    async fn end_session(&self, logout: Option<Logout>) -> Response {
        let Some(logout) = logout else {
            return pages::refusal(StatusCode::BAD_REQUEST, "The request can not be read.");
        };
        // The hint is the key to the session. Without one there is nothing to end: no browser stays logged in here.
        if let Some(session) = logout
            .id_token_hint
            .and_then(|token| self.session_of_id_token(&token))
        {
            self.sessions.void(&session, self.clock.now()).await;
        }
        let Some(uri) = logout.post_logout_redirect_uri else {
            return pages::logged_out();
        };
        let Some(mut url) = self.redirects.after_logout(&uri) else {
            let text = "Logged out. The address to go on to is not allowed (post_logout_redirect_uri).";
            return pages::refusal(StatusCode::BAD_REQUEST, text);
        };
        if let Some(state) = logout.state {
            url.query_pairs_mut().append_pair("state", &state);
        }
        Redirect::to(url.as_str()).into_response()
    }
}
