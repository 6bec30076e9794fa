//! The development issuer in a process of its own, as the authority of servers.

use std::process::Output;

use reqwest::StatusCode;
use serde_json::json;

use super::{
    dev_world::{Browser, answer, text},
    forge::claims_of,
};
use crate::{
    databases::Kind,
    support::{
        dev_issuer::{IssuerProcess, command},
        rest::{Rest, receive},
        server::Server,
    },
};

/// A server behind a proxy, as its settings say, whose users come from this issuer.
async fn server_of(issuer: &IssuerProcess) -> Server {
    let settings = [
        issuer.environment(),
        ("COLLOQUY_HTTP__TRUSTED_PROXIES", r#"["127.0.0.0/8"]"#),
        ("COLLOQUY_HTTP__CORS_ORIGINS", r#"["http://localhost:3000"]"#),
    ];
    Server::start_with(Kind::Sqlite, &settings).await
}

/// The profile that a server has of the bearer of this token, asked as a proxy asks.
async fn profile(server: &Server, authorization: &str) -> serde_json::Value {
    let person = server.anonymous().with_authorization(authorization);
    let request = person.request(reqwest::Method::GET, "/v1/users/me");
    let request = request.header("x-forwarded-for", "203.0.113.9");
    receive(request, "GET users/me".to_owned()).await.expect(200)
}

#[tokio::test]
async fn one_issuer_vouches_at_two_servers() {
    let issuer = IssuerProcess::start();
    let (first, second) = (server_of(&issuer).await, server_of(&issuer).await);

    // A script finds the issuer as every client does, and its token is good at both.
    let alice = first.anonymous().log_in("alice").await;
    let authorization = alice.authorization().expect("a token");
    for server in [&first, &second] {
        let profile = profile(server, authorization).await;
        assert_eq!(profile["email"], "alice@example.org");
        let login = server.anonymous().get("/v1/auth/login").await.expect(200);
        assert_eq!(login["oidc"]["url"], json!(issuer.authority));
        let own = server.anonymous().get("/dev-issuer/jwks").await;
        assert_eq!(own.status, 404, "a server with an authority is no issuer");
    }
    // Services too: the role is in the token.
    let gateway = second.anonymous().log_in("call-in").await;
    let called = json!({"id": "0000000000", "pin": "0000000000"});
    let refused = gateway.post("/v1/services/call_in/start", called).await;
    refused.expect_error(400, "invalid_credentials");

    first.finish().await;
    second.finish().await;
    assert_eq!(issuer.end_by("TERM").code(), Some(0));
}

#[tokio::test]
async fn the_web_client_logs_in_there() {
    let issuer = IssuerProcess::start();
    let server = server_of(&issuer).await;
    let browser = Browser::new(issuer.authority.parse().expect("URL"));

    let answered = browser.log_in(&[("nonce", "n")], "bob", "bob").await;
    assert_eq!(answered.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer(&answered, "iss").as_deref(),
        Some(issuer.authority.as_str())
    );
    let code = answer(&answered, "code").expect("a code");
    let (status, tokens) = browser.exchange(&[("code", &code)]).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let id_token = text(&tokens, "id_token");
    assert_eq!(claims_of(id_token)["iss"], json!(issuer.authority));

    let login = json!({"id_token": id_token});
    server.anonymous().post("/v1/auth/login", login).await.expect(200);
    let (status, renewed) = browser.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    let bearer = format!("Bearer {}", text(&renewed, "access_token"));
    let profile = profile(&server, &bearer).await;
    assert_eq!(profile["email"], "bob@example.org");

    browser.post("end_session", &[("id_token_hint", id_token)]).await;
    let (status, _) = browser.refresh(text(&renewed, "refresh_token")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "logged out");
    server.finish().await;
    assert_eq!(issuer.end_by("INT").code(), Some(0));
}

#[tokio::test]
async fn it_may_keep_its_files_beside_those_of_a_server_that_uses_it() {
    let issuer = IssuerProcess::start();
    let server = server_of(&issuer).await;
    let beside = IssuerProcess::start_in(&server.data_dir());
    Rest::anonymous(&format!("http://{}", server.address()))
        .log_in("alice")
        .await;
    assert!(server.data_dir().join("dev-issuer/signing-key.pk8").exists());
    assert_eq!(beside.end_by("TERM").code(), Some(0));
    server.finish().await;
}

/// Starts an issuer that can not run, and waits for its end.
async fn refused(data_dir: std::path::PathBuf, arguments: &'static [&'static str]) -> String {
    let run = move || -> Output {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = command(&data_dir, folder.path());
        command.args(arguments).output().expect("a process")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("a thread");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[tokio::test]
async fn it_does_not_share_its_folder_with_another_issuer() {
    let server = Server::start(Kind::Sqlite).await;
    let told = refused(server.data_dir(), &["--listen", "127.0.0.1:0"]).await;
    assert!(told.contains("in use by another development issuer"), "{told}");
    server.anonymous().log_in("alice").await;
    server.finish().await;
}

#[tokio::test]
async fn other_machines_do_not_reach_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["--listen", "0.0.0.0:0"],
        &["--listen", "[::]:0"],
        &["--listen", "192.0.2.1:0"],
    ] {
        let told = refused(folder.path().join("data"), arguments).await;
        assert!(
            told.contains("not a loopback address") && told.contains("dev_issuer.allow_remote"),
            "{told}"
        );
    }
    let told = refused(folder.path().join("data"), &["--require-oidc"]).await;
    assert!(told.contains("--require-oidc"), "{told}");
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}
