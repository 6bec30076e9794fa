//! `POST /v1/rooms/{room_id}/start`.

use serde_json::json;

use super::{NOBODY, Quiet, refuses_what_is_no_body};
use crate::support::{meeting::Meeting, rest::Rest, server::Server};

on_both_databases!(Quiet:
    each_start_gives_a_new_ticket_and_token, invited_users_have_the_role_of_their_invitation,
    meetings_know_their_event, strangers_are_refused, rooms_that_are_none_are_refused, bad_bodies_are_never_422);

async fn each_start_gives_a_new_ticket_and_token(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut secrets = Vec::new();
    for body in [
        json!({}),
        json!({"breakout_room": null, "resumption": null}),
        json!({"resumption": "unknown", "more": 1}),
        json!({"resumption": ""}),
    ] {
        let issued = meeting.started(body).await.expect(200);
        assert_eq!(issued.as_object().map(serde_json::Map::len), Some(2), "{issued}");
        for field in ["ticket", "resumption"] {
            let secret = issued[field].as_str().expect("a secret").to_owned();
            assert!(
                secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{field} {secret}"
            );
            assert!(!secrets.contains(&secret), "{field} came twice");
            secrets.push(secret);
        }
    }
}

async fn invited_users_have_the_role_of_their_invitation(server: &Server) {
    for (name, role) in [("bob", "moderator"), ("carol", "user")] {
        let meeting = Meeting::create(server, json!({})).await;
        let invitee = meeting.anyone.log_in(name).await;
        meeting
            .started_by(&invitee, json!({}))
            .await
            .expect_error(404, "not_found");
        let email = format!("{name}@example.org");
        server.invite_to_room(&meeting.room, &email, role).await;
        let ticket = meeting.started_by(&invitee, json!({})).await.expect(200);
        let mut joined = meeting.connect(&ticket).await;
        let success = joined.join("Somebody").await;
        assert_eq!(
            (&success["role"], &success["is_room_owner"]),
            (&json!(role), &json!(false)),
            "{success}"
        );
        joined.leave().await;
        // An invitation gives no right to the room itself.
        invitee
            .patch(&meeting.path(""), json!({}))
            .await
            .expect_error(403, "forbidden");
    }
}

async fn meetings_know_their_event(server: &Server) {
    let meeting = Meeting::create(server, json!({"e2e_encryption": true})).await;
    let bob = meeting.anyone.log_in("bob").await;
    bob.get("/v1/users/me").await.expect(200);
    server
        .invite_to_room(&meeting.room, "bob@example.org", "user")
        .await;
    let event = meeting.alice.get(&meeting.path("/event")).await.expect(200);
    let joined = meeting.owner().await.join("Alice").await;
    assert_eq!(
        (&joined["event_info"], &event["title"]),
        (&event, &json!("Planted"))
    );
    let core = &joined["tariff"]["modules"]["core"]["features"];
    let core = core.as_array().expect("features");
    assert!(
        !core.contains(&json!("call_in")),
        "a telephone can't decrypt: {core:?}"
    );
}

async fn strangers_are_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let path = meeting.path("/start");
    let start = async |who: &Rest| who.post(&path, json!({})).await;
    let nobody = server.anonymous();
    for authorization in [None, Some("nonsense"), Some("InviteCode x")] {
        let who = authorization.map_or(nobody.clone(), |text| nobody.with_authorization(text));
        let refused = start(&who).await;
        assert!(refused.headers.contains_key("www-authenticate"));
        // The web client knows this text: any other 401 means to a guest that the session is over.
        assert_eq!(
            refused.json["message"],
            "Unable to parse access token or invite code"
        );
        refused.expect_error(401, "unauthorized");
    }
    let forger = nobody.with_authorization("Bearer nonsense");
    start(&forger).await.expect_error(401, "unauthorized");
    let guest = nobody.with_authorization(&format!("InviteCode {}", meeting.invite_code));
    start(&guest).await.expect_error(403, "forbidden");
    let bob = nobody.log_in("bob").await;
    start(&bob).await.expect_error(404, "not_found");
}

async fn rooms_that_are_none_are_refused(server: &Server) {
    let alice = server.anonymous().log_in("alice").await;
    let start = async |room: &str| alice.post(&format!("/v1/rooms/{room}/start"), json!({})).await;
    start(NOBODY).await.expect_error(404, "not_found");
    start("x").await.expect_error(400, "bad_request");
}

async fn bad_bodies_are_never_422(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    for body in [
        json!({"breakout_room": 1}),
        json!({"breakout_room": "x"}),
        json!({"resumption": 1}),
        json!({"resumption": ["x"]}),
    ] {
        meeting.started(body).await.expect_error(400, "bad_request");
    }
    meeting
        .started(json!({"breakout_room": NOBODY}))
        .await
        .expect_error(400, "no_breakout_rooms");
    refuses_what_is_no_body(&meeting.alice, &meeting.path("/start")).await;
}
