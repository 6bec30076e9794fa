//! `POST /v1/services/recording/start`.

use serde_json::{Value, json};

use crate::support::{meeting::Meeting, quiet::Quiet, server::Server};

on_both_databases!(Quiet:
    a_recorder_is_hidden_and_skips_the_waiting_room, only_recorders_come_in_so, an_exhausted_storage_takes_no_recording);

const START: &str = "/v1/services/recording/start";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn a_recorder_is_hidden_and_skips_the_waiting_room(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let recorder = server.anonymous().log_in("recorder").await;
    let body = json!({"room_id": meeting.room, "breakout_room": null});
    let ticket = recorder.post(START, body).await.expect(200);
    let mut recorder = meeting.connect(&ticket).await;
    let joined = recorder.join("Recorder").await;
    assert_eq!(joined["role"], "guest");
    let participants = joined["participants"].as_array().expect("a list");
    assert_eq!(participants.len(), 1, "{joined}");
    let token = joined["livekit"]["token"].as_str().expect("a token");
    assert_eq!(video(token)["hidden"], true);
    assert!(joined["livekit"]["service_url"].is_string());
    // Nobody hears of it, and who comes later does not see it.
    alice.expect_silence().await;
    let again = meeting.started(json!({"resumption": null})).await.expect(200);
    let mut second = meeting.connect(&again).await;
    let seen = second.join("Alice").await.to_string();
    assert!(!seen.contains(&recorder.id), "{seen}");
}

/// What a LiveKit token grants.
fn video(token: &str) -> Value {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["video"].clone()
}

async fn only_recorders_come_in_so(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let body = json!({"room_id": meeting.room});
    let guest = format!("InviteCode {}", meeting.invite_code);
    let gateway = server.anonymous().log_in("call-in").await;
    let recorder = server.anonymous().log_in("recorder").await;
    let bad = server.anonymous().with_authorization("Bearer nonsense");
    for who in [
        &meeting.alice,
        &gateway,
        &server.anonymous().with_authorization(&guest),
    ] {
        who.post(START, body.clone()).await.expect_error(403, "forbidden");
    }
    for who in [&server.anonymous(), &bad] {
        who.post(START, body.clone())
            .await
            .expect_error(401, "unauthorized");
    }
    for (body, status, code) in [
        (json!({"room_id": UNKNOWN}), 404, "not_found"),
        (json!({}), 400, "bad_request"),
        (json!({"room_id": "x"}), 400, "bad_request"),
        (
            json!({"room_id": meeting.room, "breakout_room": 7}),
            400,
            "bad_request",
        ),
        (
            json!({"room_id": meeting.room, "breakout_room": UNKNOWN}),
            400,
            "no_breakout_rooms",
        ),
    ] {
        recorder.post(START, body).await.expect_error(status, code);
    }
    recorder.post(START, body).await.expect(200);
}

async fn an_exhausted_storage_takes_no_recording(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    server.set_quotas(&json!({"max_storage": 3})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let body = json!({"room_id": meeting.room});
    recorder.post(START, body.clone()).await.expect(200);
    let upload = meeting
        .alice
        .request(
            reqwest::Method::POST,
            &meeting.path("/assets?kind=x&file_extension=x"),
        )
        .body("0123");
    crate::support::rest::receive(upload, "an upload".to_owned())
        .await
        .expect(200);
    recorder
        .post(START, body)
        .await
        .expect_error(403, "storage_exceeded");
}
