//! Error bodies of what goes wrong around the handlers.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

/// Seconds after which a client may try again what failed for the moment.
const RETRY_AFTER_SECS: u16 = 5;

pub(super) fn internal_server_error() -> Response {
    let body = json!({
        "code": "internal_server_error",
        "message": "The server failed; the request id names the incident",
    });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

/// 503 with `Retry-After`; `body` gets the error's code and message.
pub(super) fn service_unavailable(message: &str, mut body: serde_json::Value) -> Response {
    body["code"] = json!("service_unavailable");
    body["message"] = json!(message);
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS));
    response
}
