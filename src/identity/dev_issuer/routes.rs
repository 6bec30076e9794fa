//! The paths of the issuer.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts, Request},
    http::{HeaderValue, header::CACHE_CONTROL, request},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};

use super::{
    DevIssuer, authorize, cors, discovery, door, end_session, limits::BODY_BYTES_MAX, token_endpoint,
    userinfo,
};
use crate::client_address::ClientAddress;

pub(super) fn router(issuer: Arc<DevIssuer>) -> Router {
    let called_by_scripts = Router::new()
        .route("/.well-known/openid-configuration", get(discovery::configuration))
        .route("/jwks", get(discovery::keys))
        .route("/token", post(token_endpoint::token))
        .route("/userinfo", get(userinfo::get).post(userinfo::post))
        .route("/end_session", get(end_session::get).post(end_session::post))
        .layer(cors::layer());
    Router::new()
        .route("/authorize", get(authorize::show).post(authorize::submit))
        .merge(called_by_scripts)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&issuer), door::admit))
        .layer(middleware::from_fn(forbid_storing))
        .with_state(issuer)
}

/// Nothing here may be kept by a cache: tokens and forms must not, and discovery changes with the configuration.
async fn forbid_storing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What limits per address count, where the listener tells the client's address.
pub(super) struct ClientNetwork(pub Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for ClientNetwork {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<ClientAddress>();
        Ok(Self(client.map(|client| client.network())))
    }
}
