//! Quotas are counted in the database: a server that died counts on where it was.

use serde_json::json;

use crate::support::quiet::{QuietWith, Settings};

on_both_databases!(Little: a_restart_forgets_nothing, a_tariff_counts_at_once);

struct Two;

impl Settings for Two {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("COLLOQUY_QUOTAS__ROOMS_MAX", "2"),
        ("COLLOQUY_QUOTAS__INVITES_PER_ROOM_MAX", "1"),
    ];
}

type Little = QuietWith<Two>;

async fn a_restart_forgets_nothing(server: &Little) {
    let alice = server.anonymous().log_in("alice").await;
    let dated = json!({"expiration": "2999-01-01T00:00:00Z"});
    let room = alice.post("/v1/rooms", json!({})).await.expect(201);
    alice.post("/v1/rooms", json!({})).await.expect(201);
    let invites = format!("/v1/rooms/{}/invites", room["id"].as_str().expect("an id"));
    alice.post(&invites, dated.clone()).await.expect(201);
    server.kill9();
    server.restart().await;
    let third = alice.post("/v1/rooms", json!({})).await;
    assert_eq!(
        third.json["quota"],
        json!({"name": "rooms_max", "max": 2, "used": 2})
    );
    third.expect_error(403, "quota_exceeded");
    alice
        .post(&invites, dated)
        .await
        .expect_error(403, "quota_exceeded");
    alice.post(&invites, json!({})).await.expect(201);
}

async fn a_tariff_counts_at_once(server: &Little) {
    let alice = server.anonymous().log_in("alice").await;
    for _ in 0..2 {
        alice.post("/v1/rooms", json!({})).await.expect(201);
    }
    alice
        .post("/v1/rooms", json!({}))
        .await
        .expect_error(403, "quota_exceeded");
    server.operate(&["tariffs", "edit", "Default", "--quota=rooms_max=3"]);
    let tariff = alice.get("/v1/users/me/tariff").await.expect(200);
    assert_eq!(tariff["quotas"]["rooms_max"], 3);
    alice.post("/v1/rooms", json!({})).await.expect(201);
    alice
        .post("/v1/rooms", json!({}))
        .await
        .expect_error(403, "quota_exceeded");
    server.operate(&["tariffs", "edit", "Default", "--quota=rooms_max=0"]);
    alice.post("/v1/rooms", json!({})).await.expect(201);
    server.operate(&["tariffs", "edit", "Default", "--remove-quota=rooms_max"]);
    alice
        .post("/v1/rooms", json!({}))
        .await
        .expect_error(403, "quota_exceeded");
}
