//! What each request gets: an id, a span, a line in the log.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::client_address::Peer;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a proxy, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// So much of a method stands in the log.
const METHOD_BYTES_MAX: usize = 16;

/// Reads that take longer have a line in the log although they succeed.
const SLOW_READ: Duration = Duration::from_secs(1);

/// Names a request in responses and logs. An extension of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id that a trusted proxy gave, else a new one.
    fn of(request: &Request) -> Self {
        let trusted = request
            .extensions()
            .get::<Peer>()
            .is_some_and(|peer| peer.trusted);
        let given = trusted.then(|| given_id(request.headers())).flatten();
        Self(given.unwrap_or_else(new_id))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let is_sound =
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    is_sound.then(|| id.clone())
}

fn new_id() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let text = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
    #[expect(clippy::expect_used, reason = "a UUID consists of visible ASCII characters")]
    HeaderValue::from_str(text).expect("UUID as header value")
}

/// Runs the request in a span and logs its end. Paths are logged as routes (`/v1/rooms/{room_id}`), so that neither
/// ids nor codes of invitations get into the log.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let is_read = request.method().is_safe();
    let method = request.method().as_str();
    // Methods that nobody knows may be as long as a head.
    let method = method.get(..METHOD_BYTES_MAX).unwrap_or(method);
    let span = tracing::info_span!(
        "request",
        http.request_id = id.as_str(),
        http.method = method,
        http.route = route,
    );
    request.extensions_mut().insert(id.clone());

    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(X_REQUEST_ID, id.0);

    let (status, duration) = (response.status(), started.elapsed());
    let duration_ms = duration.as_secs_f64() * 1_000.0;
    span.in_scope(|| {
        // Most requests only read, probes among them, and mean nothing while they succeed.
        if is_read && status.is_success() && duration < SLOW_READ {
            tracing::debug!(http.status = status.as_u16(), duration_ms, "answered");
        } else {
            tracing::info!(http.status = status.as_u16(), duration_ms, "answered");
        }
    });
    response
}
