//! `POST /v1/rooms/{room_id}/start`.

use serde_json::json;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: tickets_for_those_who_may, bodies_know_only_400);

async fn tickets_for_those_who_may(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let path = meeting.path("/start");
    let nulls = json!({"breakout_room": null, "resumption": null});
    for body in [json!({}), nulls, json!({"resumption": "unknown", "more": 1})] {
        let issued = meeting.alice.post(&path, body).await.expect(200);
        assert_eq!(issued["ticket"].as_str().map(str::len), Some(64));
        assert!(issued["resumption"].is_string());
    }
    server
        .anonymous()
        .post(&path, json!({}))
        .await
        .expect_error(401, "unauthorized");
    let bob = server.anonymous().log_in("bob").await;
    bob.post(&path, json!({})).await.expect_error(404, "not_found");
    let nowhere = "/v1/rooms/00000000-0000-4000-8000-000000000000/start";
    meeting
        .alice
        .post(nowhere, json!({}))
        .await
        .expect_error(404, "not_found");
    meeting
        .alice
        .post("/v1/rooms/x/start", json!({}))
        .await
        .expect_error(400, "bad_request");
}

async fn bodies_know_only_400(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let path = meeting.path("/start");
    for body in [
        json!({"breakout_room": 1}),
        json!({"breakout_room": "x"}),
        json!({"resumption": 1}),
        json!([]),
    ] {
        meeting
            .alice
            .post(&path, body)
            .await
            .expect_error(400, "bad_request");
    }
    let breakout = json!({"breakout_room": "00000000-0000-4000-8000-000000000000"});
    meeting
        .alice
        .post(&path, breakout)
        .await
        .expect_error(400, "no_breakout_rooms");
    let large = json!({"resumption": "x".repeat(70_000)});
    meeting
        .alice
        .post(&path, large)
        .await
        .expect_error(413, "payload_too_large");
}
