//! Who the development issuer talks to at all: nobody behind a proxy, nobody who calls it by a foreign name, and for passwords
//! no web page.

use reqwest::{Method, StatusCode, header::HOST};
use serde_json::Value;

use super::dev_world::{DevWorld, json, text};
use crate::{databases::Kind, support::server::Server};

/// Every path, with a method that it answers.
const PATHS: [(Method, &str); 6] = [
    (Method::GET, ".well-known/openid-configuration"),
    (Method::GET, "jwks"),
    (Method::GET, "authorize"),
    (Method::POST, "token"),
    (Method::GET, "userinfo"),
    (Method::GET, "end_session"),
];

/// Asks with one more header, or with another `Host`.
async fn ask(
    world: &DevWorld,
    method: Method,
    path: &str,
    (name, value): (&str, &str),
) -> (StatusCode, Value) {
    let request = world.http.request(method, world.at(path)).header(name, value);
    json(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn whoever_comes_through_a_proxy_is_refused_everywhere() {
    let world = DevWorld::start().await;
    for header in [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=203.0.113.9"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
    ] {
        for (method, path) in PATHS {
            let (status, refusal) = ask(&world, method, path, header).await;
            assert_eq!(
                (status, text(&refusal, "error")),
                (StatusCode::FORBIDDEN, "access_denied"),
                "{path} {header:?}"
            );
            assert!(
                text(&refusal, "error_description").contains("oidc.authority"),
                "{refusal}"
            );
        }
    }
}

#[tokio::test]
async fn a_foreign_name_is_refused_everywhere() {
    let world = DevWorld::start().await;
    for host in [
        "controller.example.org",
        "evil.example:80",
        "localhost.evil.example",
        "192.0.2.1",
        "0.0.0.0",
    ] {
        for (method, path) in PATHS {
            let (status, refusal) = ask(&world, method, path, (HOST.as_str(), host)).await;
            assert_eq!(
                (status, text(&refusal, "error")),
                (StatusCode::MISDIRECTED_REQUEST, "invalid_request"),
                "{path} {host}"
            );
        }
    }
    for host in [
        "localhost:3000",
        "issuer.localhost",
        "127.0.0.2",
        "[::1]:80",
        "LOCALHOST",
    ] {
        let (status, _) = ask(&world, Method::GET, "jwks", (HOST.as_str(), host)).await;
        assert_eq!(status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn no_web_page_logs_in_by_a_password() {
    let world = DevWorld::start().await;
    let form = "grant_type=password&client_id=Frontend&username=alice&password=alice";
    let ask = async |form: String, origin: Option<&str>| {
        let mut request = world.http.post(world.at("token")).body(form);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        json(request.send().await.expect("an answer")).await
    };
    // Its own pages neither: they have a form that leads to a code.
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost:3000",
        &world.url.origin().ascii_serialization(),
    ] {
        let (status, refusal) = ask(form.to_owned(), Some(origin)).await;
        assert_eq!(
            (status, text(&refusal, "error")),
            (StatusCode::BAD_REQUEST, "unauthorized_client"),
            "{origin}"
        );
        assert!(
            text(&refusal, "error_description").contains("Origin"),
            "{refusal}"
        );
    }
    let (status, tokens) = ask(form.to_owned(), None).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");

    // The web client's grants stay open to pages.
    let origin = Some("http://localhost:3000");
    let refresh = format!(
        "grant_type=refresh_token&client_id=Frontend&refresh_token={}",
        text(&tokens, "refresh_token")
    );
    let (status, renewed) = ask(refresh, origin).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    let code = world.code(&[]).await;
    let exchange = format!(
        "grant_type=authorization_code&client_id=Frontend&code={code}&redirect_uri={}&code_verifier={}",
        super::dev_world::CALLBACK,
        super::dev_world::VERIFIER
    );
    let (status, exchanged) = ask(exchange, origin).await;
    assert_eq!(status, StatusCode::OK, "{exchanged}");
}

/// What the report of the fault did: a server without authority, a request as a proxy passes it on.
#[tokio::test]
async fn a_request_that_a_proxy_passed_on_does_not_log_in() {
    let server = Server::start(Kind::Sqlite).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "Frontend"),
        ("username", "recorder"),
        ("password", "recorder"),
    ];
    let ask = || {
        server
            .anonymous()
            .request(Method::POST, "/dev-issuer/token")
            .form(&form)
    };
    let behind = ask().header("x-forwarded-for", "203.0.113.9");
    let named = ask().header(HOST, "controller.example.org");
    for (request, status) in [(behind, 403), (named, 421), (ask(), 200)] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
    }
    server.finish().await;
}

#[tokio::test]
async fn a_server_for_others_is_known_by_its_configured_names_too() {
    let settings = [
        ("COLLOQUY_DEV_ISSUER__ALLOW_REMOTE", "true"),
        ("COLLOQUY_HTTP__PUBLIC_URL", "http://team.example.org:8080"),
    ];
    let server = Server::start_with(Kind::Sqlite, &settings).await;
    let ask = async |host: &str| {
        let request = server.anonymous().request(Method::GET, "/dev-issuer/jwks");
        let answer = request.header(HOST, host).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(ask("team.example.org:8080").await, 200);
    assert_eq!(ask("team.example.org").await, 200);
    assert_eq!(ask("localhost").await, 200);
    assert_eq!(ask("other.example.org").await, 421);
    server.finish().await;
}
