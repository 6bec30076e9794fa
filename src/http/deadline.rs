//! No REST request takes for ever.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::ApiError;
use crate::store::sharing_patience;

/// Time until a REST handler has answered, its reading of the body included, in seconds.
pub(super) const REQUEST_SECS_MAX: u64 = 30;

/// Answers 503 when the handler has not answered in time; the handler is dropped. Its waits for the database are limited
/// to 4 s together: a client that sends a long body slowly is served, a database that does not answer is told within 5 s.
pub(super) async fn answer_in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    if let Ok(response) = tokio::time::timeout(limit, sharing_patience(next.run(request))).await {
        return response;
    }
    tracing::warn!(limit_ms = limit.as_millis(), "a request took too long");
    ApiError::unavailable("The request took too long").into_response()
}
