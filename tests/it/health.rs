//! `/health/…`, and how the process starts and ends.

use crate::support::server::Server;

on_both_databases!(Server: a_server_starts_is_ready_and_ends_when_asked, a_killed_server_starts_again);

async fn a_server_starts_is_ready_and_ends_when_asked(server: &Server) {
    let anyone = server.anonymous();
    assert_eq!(anyone.get("/health/live").await.expect(200)["status"], "live");
    assert_eq!(anyone.get("/health/ready").await.expect(200)["status"], "ready");
    let status = server.terminate().await;
    assert_eq!(status.code(), Some(0));
    server.restart().await;
    assert_eq!(anyone.get("/health/ready").await.expect(200)["status"], "ready");
}

async fn a_killed_server_starts_again(server: &Server) {
    server.kill9();
    server.restart().await;
    assert_eq!(
        server.anonymous().get("/health/ready").await.expect(200)["status"],
        "ready"
    );
}
