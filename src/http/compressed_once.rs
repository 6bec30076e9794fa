//! Pages that never change are compressed once, not for everybody who asks: the largest takes a processor 50 ms.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header::ACCEPT_ENCODING},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use tokio::sync::Mutex;
use tower_http::compression::CompressionLayer;

use super::ApiError;

/// More pages than there are.
const PAGES_MAX: usize = 64;

/// Longer than the longest of them, compressed.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The path of a page, and whether it is compressed.
type Name = (String, bool);

#[derive(Debug, Clone, Default)]
struct Pages {
    made: Arc<RwLock<HashMap<Name, Page>>>,
    /// One is made at a time.
    at_work: Arc<Mutex<()>>,
}

#[derive(Debug, Clone)]
struct Page {
    headers: HeaderMap,
    body: Bytes,
}

impl Pages {
    fn get(&self, name: &Name) -> Option<Response> {
        let pages = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let page = pages.get(name)?.clone();
        Some((page.headers, page.body).into_response())
    }

    fn keep(&self, name: Name, page: Page) {
        let mut pages = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if pages.len() < PAGES_MAX {
            pages.insert(name, page);
        }
    }
}

/// Around routes whose answers depend on their path alone.
pub(super) fn compressed_once(router: Router) -> Router {
    router
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(Pages::default(), answer))
}

async fn answer(State(pages): State<Pages>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let is_zipped = accepts_gzip(request.headers());
    request.headers_mut().remove(ACCEPT_ENCODING);
    // Each page has thousands of names with escapes, and needs none: under those it is given as it is.
    if request.uri().path().contains('%') {
        return next.run(request).await;
    }
    if is_zipped {
        let gzip = HeaderValue::from_static("gzip");
        request.headers_mut().insert(ACCEPT_ENCODING, gzip);
    }
    let name = (request.uri().path().to_owned(), is_zipped);
    if let Some(page) = pages.get(&name) {
        return page;
    }
    let _at_work = pages.at_work.lock().await;
    if let Some(page) = pages.get(&name) {
        return page;
    }
    let (parts, body) = next.run(request).await.into_parts();
    let Ok(body) = axum::body::to_bytes(body, PAGE_BYTES_MAX).await else {
        return ApiError::internal_server_error().into_response();
    };
    if parts.status == StatusCode::OK {
        let headers = parts.headers.clone();
        let body = body.clone();
        pages.keep(name, Page { headers, body });
    }
    Response::from_parts(parts, Body::from(body))
}

/// Whether a client takes gzip (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter();
    let mut codings = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        ["gzip", "*"].contains(&name.trim().to_ascii_lowercase().as_str()) && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{extract::Path, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_page_is_made_once_for_each_way_to_get_it() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let page = async move |Path(name): Path<String>| {
            if name != "page" {
                return Err(StatusCode::NOT_FOUND);
            }
            counted.fetch_add(1, Ordering::Relaxed);
            Ok("x".repeat(5_000))
        };
        let router = compressed_once(Router::new().route("/{name}", get(page)));
        let ask = async |path: &str, accepted: &str| {
            let request = Request::get(path)
                .header("accept-encoding", accepted)
                .body(Body::empty());
            let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
            let (parts, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            (
                parts.status.as_u16(),
                parts.headers.contains_key("content-encoding"),
                body.len() < 500,
            )
        };
        for _ in 0..3 {
            for accepted in ["gzip", "br, gzip;q=0.5", "deflate, *", "GZIP"] {
                assert_eq!(ask("/page", accepted).await, (200, true, true), "{accepted}");
            }
            for accepted in ["", "br", "gzip;q=0", "identity"] {
                assert_eq!(ask("/page", accepted).await, (200, false, false), "{accepted}");
            }
            assert_eq!(ask("/other", "gzip").await.0, 404);
        }
        assert_eq!(made.load(Ordering::Relaxed), 2);
        // Not under other spellings, which are neither compressed nor kept.
        for (number, path) in (3..).zip(["/%70age", "/p%61ge", "/%70age", "/%70%61ge"]) {
            assert_eq!(ask(path, "gzip").await, (200, false, false), "{path}");
            assert_eq!(made.load(Ordering::Relaxed), number, "{path}");
        }
    }
}
