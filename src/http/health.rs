//! `GET /health/live` and `GET /health/ready`, for supervisors and load balancers.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::error::UNAVAILABLE_RETRY_SECS;
use crate::readiness::Readiness;

/// Paths of this file; they need no authorisation.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(readiness)
}

/// The process runs and answers. 200.
async fn live() -> Json<serde_json::Value> {
    Json(json!({"status": "live"}))
}

/// 200 while this server wants traffic, else 503 with the parts that are not ready. Both tell what else is not as it should be:
/// without the identity provider nobody new comes in, but meetings go on.
async fn ready(State(readiness): State<Readiness>) -> Response {
    let missing = readiness.missing();
    if missing.is_empty() {
        return Json(noted(json!({"status": "ready"}), &readiness)).into_response();
    }
    let body = json!({
        "code": "service_unavailable",
        "message": "The server is not ready",
        "status": "not_ready",
        "not_ready": missing,
    });
    let body = noted(body, &readiness);
    let retry = [(RETRY_AFTER, HeaderValue::from(UNAVAILABLE_RETRY_SECS))];
    (StatusCode::SERVICE_UNAVAILABLE, retry, Json(body)).into_response()
}

fn noted(mut body: Value, readiness: &Readiness) -> Value {
    for (part, state) in readiness.notes() {
        body[part] = state;
    }
    body
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(readiness: &Readiness, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_provider_that_is_away_is_told_by_a_server_that_is_ready() {
        let readiness = Readiness::default();
        readiness.note("identity_provider", "unreachable");
        let told = json!({"status": "ready", "identity_provider": "unreachable"});
        assert_eq!(get(&readiness, "/health/ready").await, (StatusCode::OK, told));
        readiness.stop();
        let (_, body) = get(&readiness, "/health/ready").await;
        assert_eq!(body["identity_provider"], "unreachable");
        assert_eq!(body["not_ready"], json!({"server": "stopping"}));
    }

    #[tokio::test]
    async fn a_server_that_stops_is_live_but_not_ready() {
        let readiness = Readiness::default();
        assert_eq!(
            get(&readiness, "/health/ready").await,
            (StatusCode::OK, json!({"status": "ready"}))
        );
        readiness.stop();
        let (status, body) = get(&readiness, "/health/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["not_ready"], json!({"server": "stopping"}));
        assert_eq!(body["code"], "service_unavailable");
        assert_eq!(
            get(&readiness, "/health/live").await,
            (StatusCode::OK, json!({"status": "live"}))
        );
    }
}
