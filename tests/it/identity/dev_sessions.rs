//! Refresh tokens: rotation, theft, restarts.

use reqwest::StatusCode;

use super::{
    dev_world::{DevWorld, json as body, text},
    forge::{claims_of, header_of},
};

#[tokio::test]
async fn a_replaced_refresh_token_ends_the_session() {
    let world = DevWorld::start().await;
    let first = world.tokens("alice").await;
    let (_, second) = world.refresh(text(&first, "refresh_token")).await;
    world.clock.advance(10);
    let (status, refusal) = world.refresh(text(&first, "refresh_token")).await;
    assert_eq!(
        (status, text(&refusal, "error")),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
    assert_eq!(
        world.refresh(text(&second, "refresh_token")).await.0,
        StatusCode::BAD_REQUEST
    );
    assert!(
        world
            .verifier()
            .verify_access_token(text(&second, "access_token"))
            .await
            .is_err()
    );

    let other = world.tokens("alice").await;
    assert_eq!(
        world.refresh(text(&other, "refresh_token")).await.0,
        StatusCode::OK,
        "other sessions go on"
    );
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again() {
    let world = DevWorld::start().await;
    let first = world.tokens("alice").await;
    let (_, second) = world.refresh(text(&first, "refresh_token")).await;
    world.clock.advance(9);
    let (status, again) = world.refresh(text(&first, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK);
    let id = |tokens| claims_of(text(tokens, "refresh_token"))["jti"].clone();
    assert_eq!(id(&again), id(&second), "both have the same successor");
    assert_eq!(
        world.refresh(text(&again, "refresh_token")).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_unused_session_ends_after_eight_hours() {
    let world = DevWorld::start().await;
    let (used, unused) = (world.tokens("alice").await, world.tokens("bob").await);
    world.clock.advance(8 * 3_600 - 1);
    assert_eq!(
        world.refresh(text(&used, "refresh_token")).await.0,
        StatusCode::OK
    );
    world.clock.advance(1);
    assert_eq!(
        world.refresh(text(&unused, "refresh_token")).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn keys_and_sessions_survive_a_restart() {
    let mut world = DevWorld::start().await;
    let (kept, ended) = (world.tokens("alice").await, world.tokens("bob").await);
    world
        .post("end_session", &[("id_token_hint", text(&ended, "id_token"))])
        .await;
    let (_, keys) = body(world.get(&world.at("jwks")).await).await;

    world.restart().await;
    let (_, keys_after) = body(world.get(&world.at("jwks")).await).await;
    assert_eq!(keys_after, keys);
    let verifier = world.verifier();
    verifier
        .verify_access_token(text(&kept, "access_token"))
        .await
        .expect("a token from before the restart");
    assert!(
        verifier
            .verify_access_token(text(&ended, "access_token"))
            .await
            .is_err(),
        "ended stays ended"
    );
    let (status, renewed) = world.refresh(text(&kept, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    assert_eq!(
        world.refresh(text(&ended, "refresh_token")).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        header_of(text(&renewed, "access_token"))["kid"],
        keys["keys"][0]["kid"]
    );
}

#[tokio::test]
async fn an_unreadable_session_file_costs_logins_only() {
    let mut world = DevWorld::start().await;
    let tokens = world.tokens("alice").await;
    let path = world.folder().join("dev-issuer/sessions.json");
    std::fs::write(path, "{\"live\":").expect("written");
    world.restart().await;
    assert_eq!(
        world.refresh(text(&tokens, "refresh_token")).await.0,
        StatusCode::BAD_REQUEST
    );
    world.tokens("alice").await;
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let world = DevWorld::start().await;
    world.tokens("alice").await;
    let folder = world.folder().join("dev-issuer");
    let mode = |path: &std::path::Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["lock", "signing-key.pk8", "sessions.json"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let count = std::fs::read_dir(folder).expect("a folder").count();
    assert_eq!(count, 3, "no drafts stay behind");
}

#[test]
fn a_broken_key_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dev-issuer/signing-key.pk8");
    std::fs::create_dir(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, "no key").expect("written");
    let opened = colloquy::identity::DevIssuer::open(
        &colloquy::config::DevIssuerSettings::default(),
        "Frontend",
        &"http://127.0.0.1:1/dev-issuer".parse().expect("URL"),
        folder.path(),
        super::clock::TestClock::new().clock(),
    );
    let message = opened.expect_err("no issuer without its key").to_string();
    assert!(message.contains("signing-key.pk8"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_logins_at_once_are_all_kept() {
    let mut world = DevWorld::start().await;
    let logins: Vec<_> = futures_util::future::join_all((0..40).map(|_| world.tokens("alice"))).await;
    world.restart().await;
    for tokens in &logins {
        assert_eq!(
            world.refresh(text(tokens, "refresh_token")).await.0,
            StatusCode::OK
        );
    }
}
