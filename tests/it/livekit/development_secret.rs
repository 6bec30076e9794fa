//! LiveKit's well-known development secret is fine on a developer's machine only.

use crate::{databases::Kind, support::server::Server};

const WARNING: &str = "livekit.api_secret is LiveKit's well-known development secret";
const AUTHORITY: (&str, &str) = ("COLLOQUY_OIDC__AUTHORITY", "https://id.example.org/realms/a");

async fn log_with(environment: &[(&str, &str)]) -> String {
    let server = Server::start_with(Kind::Sqlite, environment).await;
    let log = server.log();
    server.finish().await;
    log
}

#[tokio::test]
async fn it_is_fine_with_the_development_issuer() {
    let log = log_with(&[]).await;
    assert!(!log.contains(WARNING), "{log}");
}

#[tokio::test]
async fn it_is_told_with_a_real_issuer() {
    let log = log_with(&[AUTHORITY]).await;
    assert_eq!(log.matches(WARNING).count(), 1, "{log}");
}

#[tokio::test]
async fn another_secret_is_never_told() {
    let secret = ("COLLOQUY_LIVEKIT__API_SECRET", "hunter2-hunter2-hunter2");
    let log = log_with(&[AUTHORITY, secret]).await;
    assert!(!log.contains(WARNING) && !log.contains("hunter2"), "{log}");
}
