//! Layers around the routers, in one place because their order matters.

mod head;
mod headers;
mod host;

use std::time::Duration;

use axum::{
    Extension, Router,
    http::{
        HeaderValue, Method,
        header::{
            ACCEPT, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, LINK, LOCATION,
            RETRY_AFTER,
        },
    },
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse as _,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate as _, predicate::NotForContentType},
    cors::{AllowOrigin, CorsLayer},
};

use super::{
    ApiError,
    assets::DOWNLOAD_TYPE,
    deadline::{REQUEST_SECS_MAX, answer_in_time},
    events::X_COLLOQUY_MAIL,
    large_answers,
    requests::{X_REQUEST_ID, observe},
    slow_bodies::SlowBodies,
};
use crate::config::Http;

/// Seconds for which a browser remembers the answer to a preflight request.
const PREFLIGHT_SECS_MAX: u64 = 3_600;

/// What REST routes need and upgrades do not: gzip and a deadline.
pub fn rest(router: Router) -> Router {
    rest_within(router, Duration::from_secs(REQUEST_SECS_MAX))
}

fn rest_within(router: Router, limit: Duration) -> Router {
    // Downloads have lengths, ranges and tags, which speak of the bytes as they are stored.
    let texts = DefaultPredicate::new().and(NotForContentType::const_new(DOWNLOAD_TYPE));
    router
        .layer(Extension(SlowBodies::default()))
        .layer(from_fn_with_state(
            large_answers::LargeAnswers::default(),
            large_answers::hold,
        ))
        .layer(CompressionLayer::new().compress_when(texts))
        .layer(from_fn_with_state(limit, answer_in_time))
}

/// What every response gets, from outside to inside: request id, span and log line; CORS; headers for browsers and
/// caches; 431 for too large a head, 400 for one that names no host; a 500 instead of a panic. It goes around the
/// finished router, its fallback included.
pub fn every(router: Router, http: &Http) -> Router {
    around(router, cors(http))
}

/// The same for what pages of any origin may read, whatever `http.cors_origins` says.
pub fn open(router: Router) -> Router {
    around(router, cors(&Http::default()))
}

fn around(router: Router, cors: CorsLayer) -> Router {
    // The process's panic hook reports the panic; its text is none of the client's business.
    let panicked = |_| ApiError::internal_server_error().into_response();
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(head::HeadLimit::default(), headers::cautious))
        .layer(cors)
        .layer(from_fn(observe))
}

/// The web client lives on another origin and sends bearer tokens, never cookies.
fn cors(http: &Http) -> CorsLayer {
    let origins = if http.cors_origins.is_empty() {
        AllowOrigin::any()
    } else {
        let origins = http.cors_origins.iter();
        AllowOrigin::list(origins.filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, ACCEPT])
        .expose_headers([
            CONTENT_DISPOSITION,
            CONTENT_RANGE,
            ETAG,
            LINK,
            LOCATION,
            RETRY_AFTER,
            X_COLLOQUY_MAIL,
            X_REQUEST_ID,
        ])
        .max_age(Duration::from_secs(PREFLIGHT_SECS_MAX))
}

#[cfg(test)]
mod tests;
