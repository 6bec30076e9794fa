//! Sections 2 and 3: raised hands and the moderator role.

use serde_json::json;

use super::{NOBODY, Quiet};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet: hands_go_up_and_down, moderators_make_moderators, what_is_refused, a_granted_role_sticks);

async fn hands_go_up_and_down(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    let before = alice.expect_next("control", "joined").await["payload"]["control"].clone();
    for (action, answer, is_up) in [
        ("raise_hand", "hand_raised", true),
        ("lower_hand", "hand_lowered", false),
        ("raise_hand", "hand_raised", true),
    ] {
        guest.act("control", action).await;
        let answered = guest.expect_next("control", answer).await;
        assert_eq!(answered["payload"], json!({"message": answer}));
        let update = alice.expect_next("control", "update").await["payload"].clone();
        let mut expected = before.clone();
        expected["hand_is_up"] = is_up.into();
        expected["hand_updated_at"] = update["control"]["hand_updated_at"].clone();
        assert_ne!(expected["hand_updated_at"], before["hand_updated_at"]);
        assert_eq!(
            update,
            json!({"message": "update", "id": guest.id, "control": expected})
        );
        // Once more is answered, and is no news to the others.
        guest.act("control", action).await;
        guest.expect_next("control", answer).await;
    }
    alice.expect_silence().await;
    // A newcomer sees it. It goes down when its owner leaves, and its client is told when it comes back.
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    alice.expect_next("control", "joined").await;
    let entries = joined["participants"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["id"] == *guest.id);
    assert_eq!(entry.expect("Gus")["control"]["hand_is_up"], true);
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.leave().await;
    let left = alice.expect("control", "left").await;
    assert_eq!(left["id"], *id);
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    back.expect_next("control", "hand_lowered").await;
    let told = alice.expect("control", "joined").await;
    assert_eq!(
        (&told["id"], &told["control"]["hand_is_up"]),
        (&json!(id), &json!(false))
    );
    // It stays up while a connection is only lost.
    back.act("control", "raise_hand").await;
    back.expect_next("control", "hand_raised").await;
    let token = back.resumption.clone();
    back.vanish();
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    let update = alice.expect("control", "update").await;
    assert_eq!(
        (&update["id"], &update["control"]["hand_is_up"]),
        (&json!(id), &json!(true))
    );
    alice.expect_silence().await;
}

async fn moderators_make_moderators(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.joined_guest("Gus").await;
    let mut ida = meeting.joined_guest("Ida").await;
    gus.expect_next("control", "joined").await;
    alice.expect("control", "joined").await;
    alice.expect("control", "joined").await;
    for (action, answer, new_role) in [
        ("grant_moderator_role", "moderator_role_granted", "moderator"),
        ("revoke_moderator_role", "moderator_role_revoked", "guest"),
    ] {
        alice.act_on("control", action, &gus.id).await;
        let answered = alice.expect_next("control", answer).await;
        assert_eq!(answered["payload"], json!({"message": answer, "target": gus.id}));
        let told = gus.expect_next("control", "role_updated").await;
        assert_eq!(
            told["payload"],
            json!({"message": "role_updated", "new_role": new_role})
        );
        for other in [&mut alice, &mut ida] {
            let update = other.expect_next("control", "update").await;
            assert_eq!(update["payload"]["id"], *gus.id);
            assert_eq!(update["payload"]["control"]["role"], new_role);
        }
        // It takes effect at once.
        gus.act("chat", "clear_history").await;
        if new_role == "moderator" {
            for one in [&mut alice, &mut gus, &mut ida] {
                one.expect_next("chat", "history_cleared").await;
            }
        } else {
            gus.expect_error("chat", "insufficient_permissions").await;
        }
    }
}

async fn what_is_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.waiting_guest("Gus", &mut alice).await;
    alice.act_on("moderation", "accept", &gus.id).await;
    gus.expect_next("moderation", "accepted").await;
    gus.enter_room().await;
    let waiting = meeting.waiting_guest("Will", &mut alice).await;
    gus.expect_next("moderation", "joined_waiting_room").await;
    let gone = meeting.waiting_guest("Gone", &mut alice).await;
    gus.expect_next("moderation", "joined_waiting_room").await;
    let gone_id = gone.id.clone();
    gone.leave().await;
    gus.expect_next("moderation", "left_waiting_room").await;

    for action in ["grant_moderator_role", "revoke_moderator_role"] {
        for target in [&*gus.id.clone(), &*alice.id, NOBODY] {
            gus.act_on("control", action, target).await;
            gus.expect_error("control", "insufficient_permissions").await;
        }
        for target in [NOBODY, &*waiting.id, &*gone_id] {
            alice.act_on("control", action, target).await;
            alice.expect_error("control", "nothing_to_do").await;
        }
    }
    // An owner is a moderator for good.
    alice
        .act_on("control", "grant_moderator_role", &alice.id.clone())
        .await;
    alice.expect_error("control", "nothing_to_do").await;
    alice
        .act_on("control", "revoke_moderator_role", &alice.id.clone())
        .await;
    alice.expect_error("control", "target_is_room_owner").await;
    alice.act_on("control", "revoke_moderator_role", &gus.id).await;
    alice.expect_error("control", "nothing_to_do").await;
    gus.expect_silence().await;
    alice.act_on("control", "grant_moderator_role", &gus.id).await;
    alice.expect("control", "moderator_role_granted").await;
    alice.act_on("control", "grant_moderator_role", &gus.id).await;
    alice.expect_error("control", "nothing_to_do").await;
}

async fn a_granted_role_sticks(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.joined_guest("Gus").await;
    alice.act_on("control", "grant_moderator_role", &gus.id).await;
    gus.expect_next("control", "role_updated").await;

    let token = gus.resumption.clone();
    gus.vanish();
    let mut gus = meeting.returning_guest(&token).await;
    assert_eq!(gus.join("Gus").await["role"], "moderator");
    let token = gus.resumption.clone();
    gus.leave().await;
    let mut gus = meeting.returning_guest(&token).await;
    let joined = gus.join("Gus").await;
    assert_eq!(joined["role"], "moderator");
    assert_eq!(joined["is_room_owner"], false);
    assert!(joined["moderation"]["waiting_room_participants"].is_array());

    alice.act_on("control", "revoke_moderator_role", &gus.id).await;
    gus.expect_next("control", "role_updated").await;
    let token = gus.resumption.clone();
    gus.leave().await;
    let mut gus = meeting.returning_guest(&token).await;
    assert_eq!(gus.join("Gus").await["role"], "guest");
    // Somebody else with the same link is nobody's moderator.
    assert_eq!(meeting.guest().await.join("Gus").await["role"], "guest");
}
