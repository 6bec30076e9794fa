//! `GET /`: a page for people, and nothing for programs.

use std::{fs, path::Path};

use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY},
};
use serde_json::Value;

use crate::{
    databases::Kind,
    support::{
        dev_issuer::IssuerProcess,
        rest::{Answer, Rest, receive},
        server::Server,
    },
};

on_both_databases!(Server: people_see_a_page, programs_get_404, the_tour_is_that_of_the_readme);

/// What a browser says that it takes.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn look(anyone: &Rest, method: Method, accept: Option<&str>) -> Answer {
    let mut request = anyone.request(method, "/");
    if let Some(accept) = accept {
        request = request.header(ACCEPT, accept);
    }
    receive(request, "/".to_owned()).await
}

async fn people_see_a_page(server: &Server) {
    let page = look(&server.anonymous(), Method::GET, Some(BROWSER)).await;
    assert_eq!(page.status, 200);
    let header = |name| page.headers[name].to_str().expect("text");
    assert_eq!(header(CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(VARY), "accept");
    assert!(header(CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; style-src 'sha256-"));
    let html = &page.text;
    for part in [
        concat!("Version ", env!("CARGO_PKG_VERSION")),
        "href=\"/docs/\"",
        "href=\"/docs/signaling\"",
        "<code>alice</code> (password <code>alice</code>)",
        "<code>bob</code>",
        "<code>carol</code>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    for foreign in [
        "<script",
        "<link",
        "<img",
        "src=",
        "url(",
        "@import",
        "href=\"http",
        "//cdn",
    ] {
        assert!(!html.contains(foreign), "{foreign}: {html}");
    }
    let head = look(&server.anonymous(), Method::HEAD, Some(BROWSER)).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

async fn programs_get_404(server: &Server) {
    let anyone = server.anonymous();
    for accept in [
        None,
        Some("*/*"),
        Some("application/json"),
        Some("application/json, text/plain, */*"),
        Some("text/html;q=0, */*"),
    ] {
        look(&anyone, Method::GET, accept)
            .await
            .expect_error(404, "not_found");
    }
    look(&anyone, Method::POST, Some(BROWSER))
        .await
        .expect_error(404, "not_found");
}

/// Each command stands in the README too, there as alice's.
async fn the_tour_is_that_of_the_readme(server: &Server) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let readme = readme
        .replace("alice() {", "me() {")
        .replace("$(alice ", "$(me ")
        .replace("\nalice ", "\nme ");
    let page = look(&server.anonymous(), Method::GET, Some(BROWSER)).await.text;
    let mut lines = 0;
    for commands in page.split("<pre>").skip(1) {
        let commands = commands.split("</pre>").next().unwrap_or_default();
        let commands = commands.replace(&server.address(), "127.0.0.1:11311");
        for line in commands.lines() {
            assert!(readme.contains(line), "{line}");
            lines += 1;
        }
    }
    assert!(lines >= 9, "{page}");
}

/// Without the built-in provider nobody is named, and without documents there are no links.
#[tokio::test]
async fn a_server_with_a_provider_names_nobody() {
    let issuer = IssuerProcess::start();
    let environment = [issuer.environment(), ("COLLOQUY_HTTP__DOCS", "false")];
    let server = Server::start_with(Kind::Sqlite, &environment).await;
    let page = look(&server.anonymous(), Method::GET, Some(BROWSER)).await;
    assert_eq!(page.status, 200);
    for absent in ["alice", "href", "curl"] {
        assert!(!page.text.contains(absent), "{absent}: {}", page.text);
    }
    assert_eq!(page.json, Value::Null);
    server.finish().await;
}
