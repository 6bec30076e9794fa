use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
    routing::{get, post},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::{client_address::Peer, http::guessing::HOLD};

async fn panics() -> &'static str {
    panic!("secret detail")
}

async fn never() -> &'static str {
    std::future::pending().await
}

fn app(http: &Http) -> Router {
    let routes = Router::new()
        .route("/text", get(async || "word ".repeat(1_000)))
        .route("/panic", get(panics))
        .route("/never", get(never));
    every(rest_within(routes, Duration::from_millis(20)), http)
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask(http: &Http, request: Request<Body>) -> Answer {
    let (parts, body) = app(http).oneshot(request).await.unwrap().into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

fn get_request(path: &str) -> axum::http::request::Builder {
    Request::get(path)
}

fn empty(builder: axum::http::request::Builder) -> Request<Body> {
    builder.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_panic_is_a_500_with_an_id_and_cors_and_without_detail() {
    let request = empty(get_request("/panic").header("origin", "https://a.example"));
    let answer = ask(&Http::default(), request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert!(answer.headers.contains_key("x-request-id"));
    let body = String::from_utf8(answer.body).unwrap();
    assert!(
        body.contains("\"internal_server_error\"") && !body.contains("secret"),
        "{body}"
    );
}

#[tokio::test]
async fn a_slow_handler_is_a_503_to_try_again() {
    let answer = ask(&Http::default(), empty(get_request("/never"))).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "5");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["code"], "service_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_guess_may_be_held_for_longer_than_a_handler_may_take() {
    let waits = async || {
        tokio::time::sleep(HOLD).await;
        "judged"
    };
    let routes = Router::new()
        .route("/v1/rooms/{room_id}/start_invited", post(waits))
        .route("/v1/rooms/{room_id}/start", post(waits));
    let app = rest_within(routes, Duration::from_millis(20));
    for (path, status) in [
        ("/v1/rooms/1/start_invited", StatusCode::OK),
        ("/v1/rooms/1/start", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let request = empty(Request::post(path));
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test]
async fn gzip_for_those_who_accept_it() {
    let plain = ask(&Http::default(), empty(get_request("/text"))).await;
    assert_eq!(plain.body.len(), 5_000);
    let request = empty(get_request("/text").header("accept-encoding", "gzip"));
    let zipped = ask(&Http::default(), request).await;
    assert_eq!(zipped.headers["content-encoding"], "gzip");
    assert!(zipped.body.len() < 500);
}

#[tokio::test]
async fn a_preflight_learns_what_is_allowed() {
    let preflight = Request::options("/text")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = ask(&Http::default(), empty(preflight)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(
        answer.headers["access-control-allow-methods"],
        "GET,POST,PUT,PATCH,DELETE"
    );
    assert_eq!(
        answer.headers["access-control-allow-headers"],
        "authorization,content-type,accept"
    );
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    assert!(answer.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn answers_expose_their_headers_to_scripts() {
    let request = empty(get_request("/text").header("origin", "https://a.example"));
    let answer = ask(&Http::default(), request).await;
    assert_eq!(
        answer.headers["access-control-expose-headers"],
        "content-disposition,content-range,etag,link,location,retry-after,x-colloquy-mail,x-request-id"
    );
}

#[tokio::test]
async fn configured_origins_are_the_only_ones() {
    let http = Http {
        cors_origins: vec!["https://a.example".to_owned()],
        ..Http::default()
    };
    for (origin, allowed) in [("https://a.example", true), ("https://b.example", false)] {
        let request = empty(get_request("/text").header("origin", origin));
        let answer = ask(&http, request).await;
        let header = answer.headers.get("access-control-allow-origin");
        assert_eq!(
            header.map(HeaderValue::as_bytes),
            allowed.then_some(origin.as_bytes())
        );
    }
}

#[tokio::test]
async fn request_ids_come_from_trusted_proxies_only() {
    let http = Http::default();
    let ask_with = async |trusted: bool, id: &str| {
        let peer = Peer {
            address: [127, 0, 0, 1].into(),
            trusted,
        };
        let request = get_request("/text").header("host", "meet.example");
        let request = empty(request.header("x-request-id", id).extension(peer));
        let answer = ask(&http, request).await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask_with(true, "proxy-1").await, "proxy-1");
    for (trusted, id) in [
        (false, "stranger-1"),
        (true, "two words"),
        (true, &"x".repeat(129)),
    ] {
        let answered = ask_with(trusted, id).await;
        assert!(uuid::Uuid::parse_str(&answered).is_ok(), "{id} became {answered}");
    }
}

#[tokio::test]
async fn a_request_without_a_host_is_told_so_as_browsers_can_read_it() {
    let peer = Peer {
        address: [127, 0, 0, 1].into(),
        trusted: false,
    };
    for path in ["/text", "/nowhere", "/panic"] {
        let request = get_request(path).header("origin", "https://a.example");
        let answer = ask(&Http::default(), empty(request.extension(peer))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert!(answer.headers.contains_key("x-request-id"));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["code"], "bad_request");
    }
}

#[tokio::test]
async fn too_large_a_head_is_told_as_browsers_can_read_it() {
    let http = Http {
        cors_origins: vec!["https://a.example".to_owned()],
        ..Http::default()
    };
    for (path, token_bytes, status) in [
        ("/text", 32_000, 200),
        ("/nowhere", 32_000, 404),
        ("/text", 32_768, 431),
        ("/nowhere", 40_000, 431),
    ] {
        let request = get_request(path)
            .header("authorization", format!("Bearer {}", "x".repeat(token_bytes)))
            .header("origin", "https://a.example");
        let answer = ask(&http, empty(request)).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {token_bytes}");
        assert_eq!(answer.headers["access-control-allow-origin"], "https://a.example");
        assert!(answer.headers.contains_key("x-request-id"));
        if status == 431 {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["code"], "head_too_large");
        }
    }
}

#[tokio::test]
async fn unknown_paths_have_an_id_too() {
    let answer = ask(&Http::default(), empty(get_request("/nowhere"))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.headers.contains_key("x-request-id"));
}
