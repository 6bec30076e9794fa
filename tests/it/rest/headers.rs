//! Headers that all answers have, and what is served for browsing the API.

use reqwest::{Method, header::HeaderMap};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    databases::Kind,
    support::{meeting::Meeting, rest::Rest, server::Server},
};

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().expect("text"))
}

async fn headers(who: &Rest, path: &str) -> HeaderMap {
    let answer = who.request(Method::GET, path).send().await;
    answer.expect("an answer").headers().clone()
}

#[tokio::test]
async fn answers_are_not_kept_and_are_what_they_say() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({"password": "secret"})).await;
    let alice = &meeting.alice;
    let asset = alice
        .request(Method::POST, &meeting.path("/assets?kind=x&file_extension=x"))
        .body("content");
    let asset = asset
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a text");
    let asset: serde_json::Value = serde_json::from_str(&asset).expect("JSON");
    let asset = meeting.path(&format!("/assets/{}", asset["id"].as_str().expect("an id")));
    let feed = alice
        .post("/v1/users/me/calendar_feed", json!({}))
        .await
        .expect(201);
    for (path, expected) in [
        (meeting.path(""), "no-store"),
        (meeting.invite_path(), "no-store"),
        ("/v1/users/me".to_owned(), "no-store"),
        ("/v1/turn".to_owned(), "no-store"),
        ("/v1/nothing".to_owned(), "no-store"),
        ("/v1/openapi.json".to_owned(), "no-store"),
        (asset.clone(), "private, no-cache"),
        (format!("{asset}0"), "no-store"),
        (feed["path"].as_str().expect("a path").to_owned(), "private"),
        ("/health/ready".to_owned(), ""),
        ("/docs/".to_owned(), ""),
        ("/nothing".to_owned(), ""),
        ("/.well-known/opentalk/client".to_owned(), "no-store"),
        (
            "/dev-issuer/.well-known/openid-configuration".to_owned(),
            "no-store",
        ),
    ] {
        let headers = headers(alice, &path).await;
        assert_eq!(text(&headers, "cache-control"), expected, "{path}");
        assert_eq!(text(&headers, "x-content-type-options"), "nosniff", "{path}");
    }
    server.finish().await;
}

#[tokio::test]
async fn the_pages_for_browsing_stand_in_no_frame() {
    let server = Server::start(Kind::Sqlite).await;
    let anyone = server.anonymous();
    for (path, kind) in [
        ("/docs/", "text/html"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/signaling", "text/html"),
    ] {
        let headers = headers(&anyone, path).await;
        assert!(
            text(&headers, "content-type").starts_with(kind),
            "{path}: {headers:?}"
        );
        let policy = text(&headers, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
    // The policy lets scripts of files run, and none in the page.
    let page = anyone.get("/docs/").await.text;
    assert!(page.contains("<script src=\"./"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("onload="), "{page}");
    server.finish().await;
}

#[tokio::test]
async fn what_is_for_browsing_can_be_off() {
    let server = Server::start_with(Kind::Sqlite, &[("COLLOQUY_HTTP__DOCS", "false")]).await;
    let anyone = server.anonymous();
    for path in [
        "/docs",
        "/docs/",
        "/docs/signaling",
        "/docs/swagger-ui.css",
        "/v1/openapi.json",
        "/v1/asyncapi.json",
    ] {
        anyone.get(path).await.expect_error(404, "not_found");
    }
    anyone.get("/v1/auth/login").await.expect(200);
    assert!(!server.log().contains("/docs"), "nobody is sent there");
    server.finish().await;
}

/// The answer to a request for `path` that has these lines besides.
async fn answered(server: &Server, path: &str, version: &str, lines: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    let request = format!("GET {path} HTTP/{version}\r\n{lines}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let server = Server::start(Kind::Sqlite).await;
    for path in ["/health/live", "/v1/auth/login", "/.well-known/opentalk/client"] {
        for (version, lines, status) in [
            ("1.1", "Host: meet.example\r\n", "200"),
            ("1.1", "Host: [::1]:11311\r\n", "200"),
            ("1.0", "", "200"),
            ("1.1", "", "400"),
            ("1.1", "Host: meet.example\r\nHost: other.example\r\n", "400"),
            ("1.1", "Host: meet.example\r\nHost: meet.example\r\n", "400"),
        ] {
            let answer = answered(&server, path, version, lines).await;
            assert_eq!(answer.get(9..12), Some(status), "{path} {lines:?}: {answer}");
            let is_told = answer.contains("\"code\":\"bad_request\"") && answer.contains("x-request-id");
            assert_eq!(is_told, status == "400", "{path} {lines:?}: {answer}");
        }
    }
    server.finish().await;
}
