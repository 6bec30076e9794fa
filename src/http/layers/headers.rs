//! Headers by which browsers and caches treat answers with care. Answers that say something else themselves keep it.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS},
    },
    middleware::Next,
    response::Response,
};

use super::{head::HeadLimit, host};

/// What the pages for browsing the API may do: run and show what this server has, ask it, and stand in nobody's frame. Swagger UI
/// has styles and images in its elements.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// No guessing of types anywhere; nothing of the API in caches, as answers hold passwords, pins and tickets; a policy for `/docs`.
/// Nothing that comes with too large a head, or does not name its host.
pub(super) async fn cautious(State(limit): State<HeadLimit>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (is_api, is_docs) = (is_below(path, "/v1"), is_below(path, "/docs"));
    let refusal = limit.refusal(&request).or_else(|| host::refusal(&request));
    let mut response = match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if is_api {
        set(headers, CACHE_CONTROL, "no-store");
    }
    if is_docs {
        set(headers, CONTENT_SECURITY_POLICY, DOCS_POLICY);
        set(headers, X_FRAME_OPTIONS, "DENY");
    }
    response
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    async fn headers(path: &str) -> HeaderMap {
        let app = Router::new()
            .route("/v1/rooms", get(async || "secret"))
            .route("/v1/kept", get(async || ([(CACHE_CONTROL, "private")], "")))
            .route("/docs/", get(async || "page"))
            .route(
                "/docs/strict",
                get(async || ([(CONTENT_SECURITY_POLICY, "default-src 'none'")], "")),
            )
            .layer(from_fn_with_state(HeadLimit::default(), cautious));
        let request = Request::get(path).body(Body::empty()).unwrap();
        app.oneshot(request).await.unwrap().headers().clone()
    }

    #[tokio::test]
    async fn every_answer_is_what_it_says() {
        for path in ["/v1/rooms", "/v1/nothing", "/docs/", "/docs/strict", "/", "/v1x"] {
            assert_eq!(headers(path).await[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        }
    }

    #[tokio::test]
    async fn nothing_of_the_api_is_kept_unless_it_may() {
        for (path, expected) in [
            ("/v1/rooms", Some("no-store")),
            ("/v1/nothing", Some("no-store")),
            ("/v1/kept", Some("private")),
            ("/docs/", None),
            ("/v1x", None),
        ] {
            let headers = headers(path).await;
            let control = headers.get(CACHE_CONTROL).map(|value| value.to_str().unwrap());
            assert_eq!(control, expected, "{path}");
        }
    }

    #[test]
    fn the_proxies_that_we_show_write_down_no_tokens_and_insist_on_tls() {
        let nginx = include_str!("../../../config/nginx.conf");
        let format = nginx
            .split("log_format")
            .nth(1)
            .and_then(|rest| rest.split(';').next());
        let format = format.unwrap();
        for leak in [
            "$args",
            "$request ",
            "$request\"",
            "$request_uri",
            "$query_string",
            "$http_referer",
        ] {
            assert!(!format.contains(leak), "{format}");
        }
        assert!(nginx.contains("access_log /var/log/nginx/colloquy.log colloquy;"));
        assert!(nginx.contains("add_header Strict-Transport-Security \"max-age=31536000\" always;"));
        let caddy = include_str!("../../../config/Caddyfile");
        assert!(caddy.contains("header Strict-Transport-Security \"max-age=31536000\""));
        // The one log of all: errors are told with the whole request as well.
        let of_all = caddy
            .split("log default {")
            .nth(1)
            .and_then(|rest| rest.split("reverse_proxy").next());
        let of_all = of_all.unwrap();
        assert!(of_all.contains(r"request>uri regexp `(\?|/v1/mail/unsubscribe/|/invites/).*$` `$1...`"));
    }

    #[tokio::test]
    async fn pages_stand_in_no_frame() {
        let docs = headers("/docs/").await;
        let policy = docs[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(docs[X_FRAME_OPTIONS], "DENY");
        let strict = headers("/docs/strict").await;
        assert_eq!(strict[CONTENT_SECURITY_POLICY], "default-src 'none'");
        assert!(!headers("/v1/rooms").await.contains_key(CONTENT_SECURITY_POLICY));
    }
}
