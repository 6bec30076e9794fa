//! `POST /v1/rooms/{room_id}/start_invited`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{NOBODY, Quiet, refuses_what_is_no_body};
use crate::support::{meeting::Meeting, rest::Answer, server::Server};

on_both_databases!(Quiet:
    a_code_is_enough, codes_that_lead_nowhere, bad_bodies_are_never_422, a_password_is_asked_for,
    passwords_are_not_guessed, a_token_replaces_password_and_invite, a_deleted_invite_voids_its_tokens,
    a_deleted_invite_takes_its_guests_along_on_request);

/// Long ago.
const PAST: &str = "2020-01-01T00:00:00Z";

async fn a_code_is_enough(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let nulls = json!({"password": null, "breakout_room": null, "resumption": null});
    for more in [json!({}), nulls, json!({"more": 1, "password": "needless"})] {
        let issued = meeting.invited(more).await.expect(200);
        assert!(
            issued["ticket"].is_string() && issued["resumption"].is_string(),
            "{issued}"
        );
    }
    // A browser sends what it has, such as the expired token of an earlier login.
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let expired = format!(
        "Bearer {}.{}.c2lnbmF0dXJl",
        part(json!({"alg": "ES256", "typ": "JWT"})),
        part(json!({"sub": "x", "exp": 1}))
    );
    let unknown = format!("InviteCode {NOBODY}");
    let body = json!({"invite_code": meeting.invite_code});
    for authorization in [&expired, &unknown, "Bearer", "nonsense"] {
        let guest = meeting.anyone.with_authorization(authorization);
        guest
            .post(&meeting.path("/start_invited"), body.clone())
            .await
            .expect(200);
        guest.post("/v1/invite/verify", body.clone()).await.expect(201);
    }
}

async fn codes_that_lead_nowhere(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let elsewhere = Meeting::create(server, json!({})).await;
    let with = async |code: &str| {
        let body = json!({"invite_code": code});
        let path = meeting.path("/start_invited");
        meeting.anyone.post(&path, body).await
    };
    with(NOBODY).await.expect_error(404, "not_found");
    with("x").await.expect_error(400, "bad_request");
    with(&elsewhere.invite_code)
        .await
        .expect_error(400, "bad_request");
    let body = json!({"invite_code": meeting.invite_code});
    for room in [NOBODY, "x"] {
        let path = format!("/v1/rooms/{room}/start_invited");
        let code = meeting.anyone.post(&path, body.clone()).await;
        code.expect_error(400, "bad_request");
    }

    meeting.let_invite_expire(json!(PAST)).await;
    with(&meeting.invite_code).await.expect_error(404, "not_found");
    meeting.let_invite_expire(json!("2999-01-01T00:00:00Z")).await;
    with(&meeting.invite_code).await.expect(200);
    meeting.let_invite_expire(json!(null)).await;
    with(&meeting.invite_code).await.expect(200);
    meeting.alice.delete(&meeting.invite_path()).await.expect(204);
    with(&meeting.invite_code).await.expect_error(404, "not_found");
}

async fn bad_bodies_are_never_422(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let path = meeting.path("/start_invited");
    for body in [json!({}), json!({"invite_code": 1}), json!({"invite_code": null})] {
        let refused = meeting.anyone.post(&path, body).await;
        refused.expect_error(400, "bad_request");
    }
    for more in [
        json!({"password": 1}),
        json!({"breakout_room": 1}),
        json!({"breakout_room": "x"}),
        json!({"resumption": {}}),
    ] {
        meeting.invited(more).await.expect_error(400, "bad_request");
    }
    meeting
        .invited(json!({"breakout_room": NOBODY}))
        .await
        .expect_error(400, "no_breakout_rooms");
    refuses_what_is_no_body(&meeting.anyone, &path).await;
}

async fn with_password(meeting: &Meeting, password: &str) -> Answer {
    meeting.invited(json!({"password": password})).await
}

async fn a_password_is_asked_for(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "öffne dich"})).await;
    for more in [
        json!({}),
        json!({"password": null}),
        json!({"password": ""}),
        json!({"password": "öffne dich "}),
        json!({"password": "Öffne dich"}),
        json!({"password": "öffne dic"}),
        json!({"resumption": "unknown"}),
    ] {
        let refused = meeting.invited(more).await;
        refused.expect_error(401, "wrong_room_password");
    }
    with_password(&meeting, "öffne dich").await.expect(200);
    meeting.started(json!({})).await.expect(200);
}

async fn passwords_are_not_guessed(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "open sesame"})).await;
    let mut inside = meeting.guest_with(json!({"password": "open sesame"})).await;
    inside.join("Gus").await;
    // Who sends none has not guessed: it asks whether there is one.
    for _ in 0..12 {
        let refused = meeting.invited(json!({})).await;
        refused.expect_error(401, "wrong_room_password");
    }
    for _ in 0..9 {
        let refused = with_password(&meeting, "wrong").await;
        refused.expect_error(401, "wrong_room_password");
    }
    with_password(&meeting, "open sesame").await.expect(200);
    // The success has cleared the failures.
    for _ in 0..10 {
        let refused = with_password(&meeting, "open sesam").await;
        refused.expect_error(401, "wrong_room_password");
    }
    for password in ["wrong again", "open sesame"] {
        let refused = with_password(&meeting, password).await;
        let retry_after = refused.headers["retry-after"].to_str().expect("text");
        let secs: u64 = retry_after.parse().expect("seconds");
        assert!((1..=30 * 60).contains(&secs), "{secs}");
        refused.expect_error(429, "too_many_requests");
    }
    // Who is known need not guess, another room has its own count, and the owner needs no password.
    meeting.ask_as_guest(Some(&inside.resumption)).await.expect(200);
    let other = Meeting::create(server, json!({"password": "other"})).await;
    with_password(&other, "other").await.expect(200);
    meeting.started(json!({})).await.expect(200);
}

async fn a_token_replaces_password_and_invite(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut guest = meeting.guest_with(json!({"password": "secret"})).await;
    guest.join("Gus").await;
    meeting.let_invite_expire(json!(PAST)).await;
    with_password(&meeting, "secret")
        .await
        .expect_error(404, "not_found");
    for more in [json!({}), json!({"password": "wrong"})] {
        let mut body = more;
        body["resumption"] = guest.resumption.clone().into();
        let ticket = meeting.invited(body).await.expect(200);
        let mut again = meeting.connect(&ticket).await;
        again.join("Gus").await;
        assert_eq!(again.id, guest.id);
        guest = again;
    }
}

async fn a_deleted_invite_voids_its_tokens(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    let again = meeting.ask_as_guest(Some(&guest.resumption)).await.expect(200);
    meeting.alice.delete(&meeting.invite_path()).await.expect(204);
    // The running session stays; nobody comes in by it any more.
    guest.say("still here").await;
    for token in [Some(&*guest.resumption), again["resumption"].as_str(), None] {
        let refused = meeting.ask_as_guest(token).await;
        refused.expect_error(404, "not_found");
    }
    // Others' access is their own.
    meeting.started(json!({})).await.expect(200);
}

async fn a_deleted_invite_takes_its_guests_along_on_request(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect("control", "joined").await;
    let path = meeting.invite_path();
    let unclear = meeting
        .alice
        .delete(&format!("{path}?close_sessions=perhaps"))
        .await;
    unclear.expect_error(400, "bad_request");
    meeting
        .alice
        .delete(&format!("{path}?close_sessions=true"))
        .await
        .expect(204);
    guest.expect("moderation", "kicked").await;
    guest.expect_close(1000).await;
    alice.expect("control", "left").await;
    alice.say("only they have gone").await;
    meeting
        .ask_as_guest(Some(&guest.resumption))
        .await
        .expect_error(404, "not_found");
}
