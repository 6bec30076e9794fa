//! `POST /v1/rooms/{room_id}/start_invited`.

use serde_json::json;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: codes_and_their_refusals, passwords_are_not_guessed, a_deleted_invite_voids_its_tokens);

async fn codes_and_their_refusals(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let path = meeting.path("/start_invited");
    let nobody = server.anonymous();
    let good = json!({"invite_code": meeting.invite_code, "breakout_room": null, "password": null});
    nobody.post(&path, good.clone()).await.expect(200);
    // The header may be an expired token: it is not looked at.
    nobody
        .with_authorization("Bearer nonsense")
        .post(&path, good.clone())
        .await
        .expect(200);
    for body in [json!({}), json!({"invite_code": "x"}), json!({"invite_code": 1})] {
        nobody.post(&path, body).await.expect_error(400, "bad_request");
    }
    let unknown = json!({"invite_code": "00000000-0000-4000-8000-000000000000"});
    nobody.post(&path, unknown).await.expect_error(404, "not_found");
    let elsewhere = Meeting::create(server, json!({})).await;
    nobody
        .post(&elsewhere.path("/start_invited"), good.clone())
        .await
        .expect_error(400, "bad_request");

    let invite = meeting.path(&format!("/invites/{}", meeting.invite_code));
    meeting
        .alice
        .put(&invite, json!({"expiration": "2020-01-01T00:00:00Z"}))
        .await
        .expect(200);
    nobody
        .post(&path, good.clone())
        .await
        .expect_error(404, "not_found");
    meeting
        .alice
        .put(&invite, json!({"expiration": null}))
        .await
        .expect(200);
    nobody.post(&path, good).await.expect(200);
}

async fn passwords_are_not_guessed(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "open sesame"})).await;
    let path = meeting.path("/start_invited");
    let nobody = server.anonymous();
    let with = |password: &str| json!({"invite_code": meeting.invite_code, "password": password});
    nobody
        .post(&path, json!({"invite_code": meeting.invite_code}))
        .await
        .expect_error(401, "wrong_room_password");
    for _ in 0..9 {
        nobody
            .post(&path, with("wrong"))
            .await
            .expect_error(401, "wrong_room_password");
    }
    nobody.post(&path, with("open sesame")).await.expect(200);
    // The success has cleared the failures.
    for _ in 0..10 {
        nobody
            .post(&path, with("open sesam"))
            .await
            .expect_error(401, "wrong_room_password");
    }
    let refused = nobody.post(&path, with("open sesame")).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.expect_error(429, "too_many_requests");
    // Another room has its own count, and the owner needs no password.
    let other = Meeting::create(server, json!({"password": "other"})).await;
    let body = json!({"invite_code": other.invite_code, "password": "other"});
    nobody.post(&other.path("/start_invited"), body).await.expect(200);
    meeting.joined_owner().await;
}

async fn a_deleted_invite_voids_its_tokens(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    let invite = meeting.path(&format!("/invites/{}", meeting.invite_code));
    meeting
        .alice
        .put(&invite, json!({"expiration": "2020-01-01T00:00:00Z"}))
        .await
        .expect(200);
    let again = meeting.ask_as_guest(Some(&guest.resumption)).await.expect(200);
    meeting.alice.delete(&invite).await.expect(204);
    // The running session stays; nobody comes in by it any more.
    guest.say("still here").await;
    let token = again["resumption"].as_str();
    meeting.ask_as_guest(token).await.expect_error(404, "not_found");
    meeting
        .ask_as_guest(Some(&guest.resumption))
        .await
        .expect_error(404, "not_found");
}
