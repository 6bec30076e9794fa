//! No REST request takes for ever.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{ApiError, caller_limits::Held, guessing::HOLD};
use crate::store::sharing_time_limit;

/// Time until a REST handler has answered, its reading of the body included, in seconds.
pub(super) const REQUEST_SECS_MAX: u64 = 30;

/// Operations whose bodies take as long as they take. Their handlers have limits of their own.
const UNHURRIED: [(Method, &str); 1] = [(Method::POST, "/v1/rooms/{room_id}/assets")];

/// Operations that may hold a request back on purpose, for [`HOLD`] more.
const HELD: [(Method, &str); 1] = [(Method::POST, "/v1/rooms/{room_id}/start_invited")];

/// Answers 503 when the handler has not answered in time; the handler is dropped. Its waits for the database are limited
/// to 4 s together: a client that sends a long body slowly is served, a database that does not answer is told within 5 s.
pub(super) async fn answer_in_time(
    State(limit): State<Duration>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    let unhurried = is_unhurried(request.method(), path);
    let limit = if is_among(&HELD, request.method(), path) {
        limit + HOLD
    } else {
        limit
    };
    let held = Held::default();
    request.extensions_mut().insert(held.clone());
    let running = sharing_time_limit(Arc::new(held), next.run(request));
    if unhurried {
        return running.await;
    }
    if let Ok(response) = tokio::time::timeout(limit, running).await {
        return response;
    }
    tracing::warn!(limit_ms = limit.as_millis(), "a request took too long");
    ApiError::unavailable("The request took too long").into_response()
}

/// Whether an operation takes as long as its client sends.
pub(super) fn is_unhurried(method: &Method, path: &str) -> bool {
    is_among(&UNHURRIED, method, path)
}

fn is_among(operations: &[(Method, &str)], method: &Method, path: &str) -> bool {
    operations
        .iter()
        .any(|(known, of)| method == known && path == *of)
}
