//! What operators see of the identity provider, and how clients and this server reach it.

use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::issuer::FakeIssuer;
use crate::{
    databases::Kind,
    support::{livekit::FakeLivekit, rest::Rest, server::Server},
};

/// Five times what a server takes at most to notice that the provider has gone or come back.
const DEADLINE: Duration = Duration::from_mins(6);

/// Log lines, of which there is one each time that something changes.
const USABLE: &str = "the identity provider is usable oidc.issuer";
const AGAIN: &str = "the identity provider is usable again";
const NOT_USABLE: &str = "the identity provider is not usable";

/// A server with nothing else to warn of.
async fn server(environment: &[(&str, &str)]) -> Server {
    let secret = (
        "COLLOQUY_LIVEKIT__API_SECRET",
        "a secret of forty characters, or of more",
    );
    let environment = [&[secret], environment].concat();
    Server::start_with(Kind::Sqlite, &environment).await
}

fn bearer(server: &Server, issuer: &FakeIssuer, name: &str) -> Rest {
    let now = Utc::now().timestamp();
    let token = issuer.token(&json!({
        "iss": name, "aud": "Frontend", "azp": "Frontend", "sub": "ada", "iat": now, "exp": now + 600,
        "email": "ada@example.org", "name": "Ada", "jti": uuid::Uuid::new_v4(),
    }));
    server.anonymous().with_authorization(&format!("Bearer {token}"))
}

fn count(server: &Server, text: &str) -> usize {
    server.log().matches(text).count()
}

/// Waits until `/health/ready` tells this of the provider.
async fn health(server: &Server, expected: &Value) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let told = server.anonymous().get("/health/ready").await.expect(200);
        assert_eq!(told["status"], "ready");
        if told["identity_provider"] == *expected {
            return;
        }
        assert!(Instant::now() < deadline, "{told}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A server beside a LiveKit, which is asked as well.
async fn server_beside(livekit: &FakeLivekit, environment: &[(&str, &str)]) -> Server {
    let known = livekit.environment();
    let known: Vec<_> = known.iter().map(|(name, value)| (*name, &**value)).collect();
    server(&[environment, &known].concat()).await
}

/// Beside the provider, which answers on this runtime.
fn check_online(server: &Server) -> (Option<i32>, String) {
    let output = tokio::task::block_in_place(|| server.invoke(&["config", "check", "--online"]));
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("text"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_told_in_one_line_at_start() {
    let (issuer, livekit) = (FakeIssuer::start().await, FakeLivekit::start().await);
    let authority = ("COLLOQUY_OIDC__AUTHORITY", issuer.url.as_str());
    let server = server_beside(&livekit, &[authority]).await;
    server.wait_for_log("the identity provider is usable", 1).await;
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("the identity provider is usable"));
    let line = line.expect("a line");
    assert!(line.contains("INFO"), "{line}");
    for part in [
        format!("oidc.issuer=\"{}\"", issuer.url),
        "oidc.keys=\"ES256\"".to_owned(),
        format!("oidc.userinfo=\"{}/userinfo\"", issuer.url),
    ] {
        assert!(line.contains(&part), "{part}: {line}");
    }
    for _ in 0..3 {
        let ada = bearer(&server, &issuer, &issuer.url);
        ada.get("/v1/users/me").await.expect(200);
    }
    assert_eq!(count(&server, "the identity provider is usable"), 1);
    health(&server, &Value::Null).await;
    let (code, told) = check_online(&server);
    assert_eq!(code, Some(0));
    let expected = format!(
        "\nidentity provider: {0}, keys: ES256, userinfo: {0}/userinfo\nLiveKit: ",
        issuer.url
    );
    assert!(told.contains(&expected) && told.ends_with("\nok\n"), "{told}");
    livekit.die().await;
    let (code, told) = check_online(&server);
    assert!(
        code == Some(1) && told.ends_with(": LiveKit can't be reached\nnot ok\n"),
        "{told}"
    );
    assert_eq!(server.warnings(), Vec::<String>::new());
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_another_name_is_told_by_both_names() {
    let issuer = FakeIssuer::start().await;
    let other = issuer.url.replace("127.0.0.1", "localhost");
    issuer.answers().discovery["issuer"] = json!(other);
    let server = server(&[("COLLOQUY_OIDC__AUTHORITY", issuer.url.as_str())]).await;
    health(&server, &json!("unreachable")).await;
    for _ in 0..5 {
        let refused = bearer(&server, &issuer, &other).get("/v1/users/me").await;
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(refused.json["message"], "the identity provider is not usable");
        refused.expect_error(503, "service_unavailable");
    }
    let warnings = server.warnings();
    let told: Vec<_> = warnings.iter().filter(|line| line.contains(NOT_USABLE)).collect();
    assert_eq!(told.len(), 1, "{warnings:?}");
    let asked = format!("{}/.well-known/openid-configuration", issuer.url);
    assert!(
        told[0].contains(&asked) && told[0].contains(&other),
        "{}",
        told[0]
    );
    let (code, told) = check_online(&server);
    assert_eq!(code, Some(1));
    assert!(told.contains(&asked) && told.contains(&other), "{told}");
    assert!(told.ends_with("\nnot ok\n"), "{told}");

    // Mended at the provider, it comes back without a restart.
    issuer.answers().discovery["issuer"] = json!(issuer.url);
    health(&server, &Value::Null).await;
    bearer(&server, &issuer, &issuer.url)
        .get("/v1/users/me")
        .await
        .expect(200);
    assert_eq!((count(&server, AGAIN), count(&server, USABLE)), (1, 0));
    server.finish().await;
}

#[tokio::test]
async fn a_server_starts_before_its_provider() {
    let issuer = FakeIssuer::start().await;
    issuer.answers().up = false;
    let server = server(&[("COLLOQUY_OIDC__AUTHORITY", issuer.url.as_str())]).await;
    health(&server, &json!("unreachable")).await;
    issuer.answers().up = true;
    health(&server, &Value::Null).await;
    bearer(&server, &issuer, &issuer.url)
        .get("/v1/users/me")
        .await
        .expect(200);
    assert_eq!((count(&server, NOT_USABLE), count(&server, AGAIN)), (1, 1));
    server.finish().await;
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_authority_reaches_no_client() {
    let issuer = FakeIssuer::start().await;
    let with_slash = format!("{}/realms/a/", issuer.url);
    let server = server(&[("COLLOQUY_OIDC__AUTHORITY", with_slash.as_str())]).await;
    let login = server.anonymous().get("/v1/auth/login").await.expect(200);
    assert_eq!(login["oidc"]["url"], format!("{}/realms/a", issuer.url));
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_may_reach_the_provider_by_another_url() {
    const AUTHORITY: &str = "https://id.example.org/realms/a";
    let issuer = FakeIssuer::start().await;
    issuer.answers().discovery = json!({
        "issuer": AUTHORITY, "jwks_uri": format!("{AUTHORITY}/keys"),
        "userinfo_endpoint": format!("{AUTHORITY}/userinfo"),
    });
    let livekit = FakeLivekit::start().await;
    let environment = [
        ("COLLOQUY_OIDC__AUTHORITY", AUTHORITY),
        ("COLLOQUY_OIDC__SERVICE_AUTHORITY", issuer.url.as_str()),
    ];
    let server = server_beside(&livekit, &environment).await;
    let ada = bearer(&server, &issuer, AUTHORITY);
    ada.get("/v1/users/me").await.expect(200);
    let inside = bearer(&server, &issuer, &issuer.url);
    inside.get("/v1/users/me").await.expect_error(401, "unauthorized");
    let login = server.anonymous().get("/v1/auth/login").await.expect(200);
    assert_eq!(login["oidc"]["url"], AUTHORITY, "clients use theirs");
    let (code, told) = check_online(&server);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains(&format!("userinfo: {}/userinfo", issuer.url)),
        "{told}"
    );
    server.finish().await;
}
