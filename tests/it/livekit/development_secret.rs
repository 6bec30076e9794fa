//! LiveKit's well-known development secret is fine on a developer's machine only.

use crate::{
    databases::Kind,
    support::{binary, server::Server},
};

const WARNING: &str = "livekit.api_secret: is LiveKit's well-known development secret";
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

#[test]
fn it_is_refused_where_livekit_is_on_another_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary::colloquy();
    let output = command
        .arg("--data-dir")
        .arg(folder.path())
        .current_dir(folder.path())
        .env(AUTHORITY.0, AUTHORITY.1)
        .env("COLLOQUY_LIVEKIT__SERVICE_URL", "http://10.0.0.1:7880")
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(WARNING), "{told}");
}

#[tokio::test]
async fn another_secret_is_never_told() {
    let secret = ("COLLOQUY_LIVEKIT__API_SECRET", "hunter2-hunter2-hunter2");
    let log = log_with(&[AUTHORITY, secret]).await;
    assert!(!log.contains(WARNING) && !log.contains("hunter2"), "{log}");
}
