//! The description of the signaling protocol (AsyncAPI 3), made from the protocol's types: as JSON for tools, and as a
//! page for people that needs no network.

mod codes;
mod document;
mod messages;
mod namespaces;
mod page;
mod sample;
mod schemas;

use axum::{
    Router,
    body::Bytes,
    http::{
        HeaderValue,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{Html, IntoResponse},
    routing::get,
};

pub use document::document;

/// Serves `GET /v1/asyncapi.json` and `GET /docs/signaling`. Both are made once, here.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let document = document();
    let json = Bytes::from(document.to_string());
    let html = Bytes::from(page::render(&document));
    let policy = page::content_security_policy();
    Router::new()
        .route("/v1/asyncapi.json", get(async move || as_json(json)))
        .route("/docs/signaling", get(async move || as_page(html, policy)))
}

fn as_json(json: Bytes) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        json,
    )
}

fn as_page(html: Bytes, policy: HeaderValue) -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, policy)], Html(html))
}
