//! `POST /v1/services/call_in/start`.

use serde_json::{Value, json};

use super::{START, Telephone};
use crate::support::{quiet::Quiet, server::Server};

on_both_databases!(Quiet:
    callers_take_part, callers_wait_in_the_lobby_and_are_let_in, wrong_pairs_have_one_answer, pins_are_not_guessed,
    encrypted_rooms_take_no_calls, tariffs_may_forbid_calls, only_gateways_let_callers_in, bad_bodies_are_never_422);

async fn callers_take_part(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    let mut alice = telephone.meeting.joined_owner().await;
    let (mut caller, joined) = telephone.joined_caller("030 12345678").await;
    assert_eq!(
        (&joined["role"], &joined["display_name"]),
        (&json!("guest"), &json!("+49 30 12345***"))
    );
    let told = alice.expect("control", "joined").await;
    assert_eq!(told["id"], *caller.id);
    assert_eq!(told["control"]["participation_kind"], "sip");
    assert_eq!(told["control"]["display_name"], "+49 30 12345***");
    alice.say("can you hear me?").await;
    caller.expect("chat", "message_sent").await;
    // The gateway may call for many: each is somebody of its own.
    let (second, _) = telephone.joined_caller("030 12345678").await;
    assert_ne!(second.id, caller.id);
}

async fn callers_wait_in_the_lobby_and_are_let_in(server: &Server) {
    let telephone = Telephone::install(server, json!({"lobby": true})).await;
    let mut alice = telephone.meeting.joined_owner().await;
    // The waiting room is off for others.
    telephone.meeting.joined_guest("Gus").await;
    alice.expect("control", "joined").await;
    let mut caller = telephone.caller().await;
    let entry = caller.wait_outside("0151 23456789", &mut alice).await;
    assert_eq!(entry["control"]["display_name"], "+49 1512 3456***");
    assert_eq!(entry["control"]["participation_kind"], "sip");
    alice.act_on("moderation", "accept", &caller.id).await;
    caller.expect("moderation", "accepted").await;
    caller.enter_room().await;
    let rename = json!({"action": "change_display_name", "target": caller.id, "new_name": "Frau Berger"});
    alice.send("moderation", rename).await;
    let renamed = caller.expect("moderation", "display_name_changed").await;
    assert_eq!(
        (&renamed["old_name"], &renamed["new_name"]),
        (&json!("+49 1512 3456***"), &json!("Frau Berger"))
    );
    let update = alice.expect("control", "update").await;
    assert_eq!(update["control"]["display_name"], "Frau Berger");
}

async fn wrong_pairs_have_one_answer(server: &Server) {
    let telephone = Telephone::install(server, json!({"password": "1234567890"})).await;
    let unknown = if telephone.id == "0000000000" {
        "1111111111"
    } else {
        "0000000000"
    };
    let mut answers = Vec::new();
    for (id, pin) in [
        (telephone.id.as_str(), "1234567891"),
        (unknown, "1234567890"),
        // The pin that unknown ids are compared with opens nothing.
        (unknown, "0000000000"),
        (telephone.id.as_str(), ""),
        ("", ""),
        ("12345", "1234567890"),
        ("abcdefghij", "1234567890"),
        ("1234567890\0", "1234567890"),
    ] {
        let answer = telephone.start(id, pin).await;
        answers.push(answer.expect(400));
    }
    let expected = json!({"code": "invalid_credentials", "message": "No such id, or the pin is wrong"});
    for answer in answers {
        assert_eq!(answer, expected);
    }
    telephone.start(&telephone.id, "1234567890").await.expect(200);
}

async fn pins_are_not_guessed(server: &Server) {
    let telephone = Telephone::install(server, json!({"password": "1234567890"})).await;
    let other = Telephone::install(server, json!({})).await;
    let unknown = if telephone.id == "0000000001" {
        "1111111111"
    } else {
        "0000000001"
    };
    for _ in 0..9 {
        let refused = telephone.start(&telephone.id, "0000000000").await;
        refused.expect_error(400, "invalid_credentials");
    }
    telephone.start(&telephone.id, "1234567890").await.expect(200);
    // The success has cleared the failures. An id that does not exist behaves alike.
    for id in [telephone.id.as_str(), unknown] {
        for _ in 0..10 {
            let refused = telephone.start(id, "0000000000").await;
            refused.expect_error(400, "invalid_credentials");
        }
        for pin in ["0000000000", "1234567890"] {
            let refused = telephone.start(id, pin).await;
            let retry_after = refused.headers["retry-after"].to_str().expect("text");
            let secs: u64 = retry_after.parse().expect("seconds");
            assert!((1..=30 * 60 + 1).contains(&secs), "{secs}");
            refused.expect_error(429, "too_many_requests");
        }
    }
    // The gateway is one address for all its callers.
    other.start(&other.id, &other.pin).await.expect(200);
}

async fn encrypted_rooms_take_no_calls(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    let meeting = &telephone.meeting;
    let encrypt = async |on: bool| {
        let body = json!({"e2e_encryption": on});
        meeting.alice.patch(&meeting.path(""), body).await.expect(200);
    };
    encrypt(true).await;
    let refused = telephone.start(&telephone.id, &telephone.pin).await;
    refused.expect_error(403, "service_unavailable");
    // Whoever does not know the pin learns nothing about the room.
    let wrong = if telephone.pin == "0000000000" {
        "1111111111"
    } else {
        "0000000000"
    };
    let refused = telephone.start(&telephone.id, wrong).await;
    refused.expect_error(400, "invalid_credentials");
    encrypt(false).await;
    telephone.start(&telephone.id, &telephone.pin).await.expect(200);
    meeting.alice.delete(&meeting.path("/sip")).await.expect(204);
    let refused = telephone.start(&telephone.id, &telephone.pin).await;
    refused.expect_error(400, "invalid_credentials");
}

async fn tariffs_may_forbid_calls(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    server.disable_features(&json!(["call_in"])).await;
    let refused = telephone.start(&telephone.id, &telephone.pin).await;
    refused.expect_error(403, "feature_disabled_by_tariff");
    server.disable_features(&json!([])).await;
    telephone.start(&telephone.id, &telephone.pin).await.expect(200);
}

async fn only_gateways_let_callers_in(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    let body = json!({"id": telephone.id, "pin": telephone.pin});
    let nobody = server.anonymous();
    nobody
        .post(START, body.clone())
        .await
        .expect_error(401, "unauthorized");
    let forger = nobody.with_authorization("Bearer nonsense");
    forger
        .post(START, body.clone())
        .await
        .expect_error(401, "unauthorized");
    let code = format!("InviteCode {}", telephone.meeting.invite_code);
    let guest = nobody.with_authorization(&code);
    guest
        .post(START, body.clone())
        .await
        .expect_error(403, "forbidden");
    let recorder = nobody.log_in("recorder").await;
    for who in [&telephone.meeting.alice, &recorder] {
        who.post(START, body.clone()).await.expect_error(403, "forbidden");
    }
}

async fn bad_bodies_are_never_422(server: &Server) {
    let telephone = Telephone::install(server, json!({})).await;
    for body in [
        json!({}),
        json!({"id": telephone.id}),
        json!({"id": 1_234_567_890, "pin": telephone.pin}),
        json!({"id": telephone.id, "pin": null}),
        json!([]),
        Value::Null,
    ] {
        let refused = telephone.gateway.post(START, body).await;
        refused.expect_error(400, "bad_request");
    }
    crate::rest::living_rooms::refuses_what_is_no_body(&telephone.gateway, START).await;
}
