//! `/.well-known/opentalk/…`, by which native clients find the server.

use serde_json::json;

use crate::{
    databases::Kind,
    support::{dev_issuer::IssuerProcess, server::Server},
};

const CLIENT: &str = "/.well-known/opentalk/client";
const API: &str = "/.well-known/opentalk/api";

#[tokio::test]
async fn the_server_is_found_where_it_was_asked() {
    let server = Server::start(Kind::Sqlite).await;
    let anyone = server.anonymous();
    let own = format!("http://{}", server.address());
    assert_eq!(
        anyone.get(CLIENT).await.expect(200),
        json!({"opentalk_controller": {"base_url": own}})
    );
    assert_eq!(
        anyone.get(API).await.expect(200),
        json!({"opentalk_api": {"v1": {"base_url": "/v1"}}})
    );
    // Nobody is asked who they are, not even by a bad token.
    let stranger = anyone.with_authorization("Bearer nonsense");
    stranger.get(CLIENT).await.expect(200);
    anyone
        .post(CLIENT, json!({}))
        .await
        .expect_error(405, "method_not_allowed");
    anyone
        .get("/.well-known/opentalk")
        .await
        .expect_error(404, "not_found");
    server.finish().await;
}

#[tokio::test]
async fn it_is_found_under_its_public_url_by_pages_of_any_origin() {
    let issuer = IssuerProcess::start();
    let settings = [
        issuer.environment(),
        ("COLLOQUY_HTTP__PUBLIC_URL", "https://controller.example.org/"),
        ("COLLOQUY_HTTP__CORS_ORIGINS", "[\"https://meet.example.org\"]"),
    ];
    let server = Server::start_with(Kind::Sqlite, &settings).await;
    let anyone = server.anonymous();
    let base = "https://controller.example.org";
    assert_eq!(
        anyone.get(CLIENT).await.expect(200),
        json!({"opentalk_controller": {"base_url": base}})
    );
    assert_eq!(
        anyone.get(API).await.expect(200),
        json!({"opentalk_api": {"v1": {"base_url": format!("{base}/v1")}}})
    );
    for path in [CLIENT, API] {
        let request = anyone
            .request(reqwest::Method::GET, path)
            .header("origin", "https://addin.example");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        assert!(answer.headers().contains_key("x-request-id"));
    }
    let request = anyone
        .request(reqwest::Method::GET, "/v1/auth/login")
        .header("origin", "https://addin.example");
    let answer = request.send().await.expect("an answer");
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    server.finish().await;
}
