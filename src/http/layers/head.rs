//! How large the head of a request may be. The listener reads more than that, so that what is too large is answered as browsers
//! can read it: in JSON, with the headers of CORS.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};

use crate::{config::HEAD_BYTES_MAX, hourly::Hourly, http::ApiError};

/// `HTTP/1.1` with the spaces and line ends of the first line, and the line end behind the headers.
const FRAME_BYTES: usize = 14;

/// `: ` and the line end of a header.
const HEADER_FRAME_BYTES: usize = 4;

/// Tells of heads that are too large. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadLimit(Arc<Hourly>);

impl HeadLimit {
    /// The refusal of a request whose head is too large.
    pub fn refusal(&self, request: &Request) -> Option<Response> {
        let bytes = bytes(request);
        if bytes <= HEAD_BYTES_MAX {
            return None;
        }
        if self.0.is_due(Instant::now()) {
            tracing::warn!(
                http.head_bytes = bytes,
                http.head_bytes_max = HEAD_BYTES_MAX,
                "refused a request with too large a head (told once an hour): its access token may hold too many roles or groups"
            );
        }
        Some(ApiError::head_too_large(HEAD_BYTES_MAX).into_response())
    }
}

/// The size of the head as it is written with one space everywhere.
fn bytes(request: &Request) -> usize {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    let headers: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len() + HEADER_FRAME_BYTES)
        .sum();
    request.method().as_str().len() + target + FRAME_BYTES + headers
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_head_is_counted_as_it_is_written() {
        let written = "POST /v1/rooms?x=1 HTTP/1.1\r\nhost: example.org\r\nauthorization: Bearer abc\r\n\r\n";
        let request = Request::post("/v1/rooms?x=1")
            .header("host", "example.org")
            .header("authorization", "Bearer abc")
            .body(Body::empty())
            .unwrap();
        assert_eq!(bytes(&request), written.len());
    }

    #[test]
    fn one_byte_too_many_is_too_many() {
        let with = |padding: usize| {
            let request = Request::get("/").header("x", "y".repeat(padding));
            request.body(Body::empty()).unwrap()
        };
        let fits = HEAD_BYTES_MAX - bytes(&with(0));
        let limit = HeadLimit::default();
        assert!(limit.refusal(&with(fits)).is_none());
        assert_eq!(limit.refusal(&with(fits + 1)).unwrap().status(), 431);
    }
}
