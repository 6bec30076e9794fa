//! Section 4: the waiting room, and removing participants.

use serde_json::json;

use super::{NOBODY, Quiet, assert_time};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    the_waiting_room_holds_a_guest_until_accepted, waiting_nothing_else_works, moderators_know_who_waits,
    the_waiting_room_is_switched, an_acceptance_lasts, repeating_is_answered_to_the_sender_only,
    moderators_only, kicked_means_out, kicked_from_the_waiting_room, kicked_needs_the_password_again);

async fn the_waiting_room_holds_a_guest_until_accepted(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest().await;
    let told = guest.wait_outside("Gus", &mut alice).await;
    let control = &told["control"];
    assert_eq!(
        told,
        json!({
            "message": "joined_waiting_room", "id": guest.id,
            "control": {
                "display_name": "Gus", "role": "guest", "participation_kind": "guest", "hand_is_up": false,
                "joined_at": control["joined_at"], "left_at": null,
                "hand_updated_at": control["hand_updated_at"], "is_room_owner": false,
            },
        })
    );
    alice.say("nobody hears me").await;
    guest.act("control", "enter_room").await;
    guest
        .expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;

    alice.act_on("moderation", "accept", &guest.id).await;
    let accepted = guest.expect_next("moderation", "accepted").await;
    assert_eq!(accepted["payload"], json!({"message": "accepted"}));
    alice.expect_silence().await;
    let joined = guest.enter_room().await;
    assert_eq!(joined["id"], *guest.id);
    assert_eq!(joined["display_name"], "Gus");
    let left = alice.expect_next("moderation", "left_waiting_room").await;
    assert_eq!(
        left["payload"],
        json!({"message": "left_waiting_room", "id": guest.id})
    );
    let entered = alice.expect_next("control", "joined").await;
    assert_eq!(entered["payload"]["id"], *guest.id);
    alice.say("welcome").await;
    let heard = guest.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["content"], "welcome");
    guest.act("control", "enter_room").await;
    guest
        .expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;
}

async fn waiting_nothing_else_works(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.waiting_guest("Gus", &mut alice).await;
    guest.whisper(&alice.id, "let me in").await;
    guest.act("chat", "disable_chat").await;
    guest.act_on("moderation", "accept", &guest.id.clone()).await;
    guest.act("nope", "fly").await;
    guest.expect_nothing().await;
    for action in ["raise_hand", "lower_hand"] {
        guest.act("control", action).await;
        guest.expect_error("control", "not_yet_joined").await;
    }
    guest.ask_to_join("Gustav").await;
    guest.expect_error("control", "already_joined").await;
    alice.expect_silence().await;
    // Going away is told like coming.
    let id = guest.id.clone();
    guest.leave().await;
    let left = alice.expect_next("moderation", "left_waiting_room").await;
    assert_eq!(left["payload"]["id"], id);
    alice.expect_silence().await;
}

async fn moderators_know_who_waits(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut ann = meeting.waiting_guest("Ann", &mut alice).await;
    let ben = meeting.waiting_guest("Ben", &mut alice).await;
    alice.act_on("moderation", "accept", &ann.id).await;
    ann.expect_next("moderation", "accepted").await;

    let joined = meeting.owner().await.join("Alice again").await;
    let state = &joined["moderation"];
    assert_eq!(state["waiting_room_enabled"], true);
    let waiting = state["waiting_room_participants"].as_array().expect("a list");
    assert_eq!(waiting.len(), 2, "{state}");
    for (who, name, is) in [(&ann, "Ann", "accepted"), (&ben, "Ben", "waiting")] {
        let entry = waiting.iter().find(|entry| entry["id"] == *who.id);
        let entry = entry.expect("an entry");
        assert_eq!(entry["waiting_room_state"], is);
        let control = &entry["control"];
        assert_eq!(control["display_name"], name);
        assert_time(&control["joined_at"]);
        assert_eq!(control["joined_at"], control["hand_updated_at"]);
        assert_eq!(control["left_at"], json!(null));
    }
    // Not for guests, and who waits is no participant.
    let joined = ann.enter_room().await;
    assert_eq!(joined["moderation"], json!({"raise_hands_enabled": true}));
    let participants = joined["participants"].as_array().expect("a list");
    assert!(
        participants.iter().all(|entry| entry["id"] != *ben.id),
        "{joined}"
    );
}

async fn the_waiting_room_is_switched(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut inside = meeting.joined_guest("Inside").await;
    alice.expect_next("control", "joined").await;
    alice.act("moderation", "enable_waiting_room").await;
    for one in [&mut alice, &mut inside] {
        let told = one.expect_next("moderation", "waiting_room_enabled").await;
        assert_eq!(told["payload"], json!({"message": "waiting_room_enabled"}));
    }
    let mut waits = meeting.waiting_guest("Waits", &mut alice).await;
    let told = inside.expect_next("moderation", "joined_waiting_room").await;
    assert_eq!(told["payload"]["id"], *waits.id);

    alice.act("moderation", "disable_waiting_room").await;
    for one in [&mut alice, &mut inside] {
        one.expect_next("moderation", "waiting_room_disabled").await;
    }
    // That accepts everybody who waits, and later guests need not wait.
    waits.expect_next("moderation", "waiting_room_disabled").await;
    waits.expect_next("moderation", "accepted").await;
    meeting.joined_guest("Next").await;
    waits.enter_room().await;
}

/// Lets a waiting participant in.
async fn let_in(alice: &mut Participant, guest: &mut Participant) {
    alice.act_on("moderation", "accept", &guest.id).await;
    guest.expect_next("moderation", "accepted").await;
    guest.enter_room().await;
    alice.expect_next("moderation", "left_waiting_room").await;
    alice.expect_next("control", "joined").await;
}

async fn an_acceptance_lasts(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.waiting_guest("Gus", &mut alice).await;
    let_in(&mut alice, &mut guest).await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.leave().await;
    alice.expect_next("control", "left").await;
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    assert_eq!(back.id, id);
    alice.expect_next("control", "joined").await;
    // Without the token it is somebody else.
    meeting.waiting_guest("Gus", &mut alice).await;
}

async fn repeating_is_answered_to_the_sender_only(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut inside = meeting.waiting_guest("Inside", &mut alice).await;
    let_in(&mut alice, &mut inside).await;
    let mut waits = meeting.waiting_guest("Waits", &mut alice).await;
    inside.expect_next("moderation", "joined_waiting_room").await;

    alice.act("moderation", "enable_waiting_room").await;
    alice.expect_next("moderation", "waiting_room_enabled").await;
    inside.expect_silence().await;
    alice.act_on("moderation", "accept", &waits.id).await;
    waits.expect_next("moderation", "accepted").await;
    alice.act_on("moderation", "accept", &waits.id).await;
    alice.expect_silence().await;
    waits.expect_nothing().await;
    // Nothing happens to who does not wait.
    for target in [&*inside.id, &*alice.id.clone(), NOBODY] {
        alice.act_on("moderation", "accept", target).await;
        alice.act_on("moderation", "kick", NOBODY).await;
    }
    alice.expect_silence().await;
    inside.expect_silence().await;
}

async fn moderators_only(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    for action in ["enable_waiting_room", "disable_waiting_room"] {
        guest.act("moderation", action).await;
        guest.expect_error("moderation", "insufficient_permissions").await;
    }
    for action in ["accept", "kick"] {
        for target in [&*alice.id, &*guest.id.clone(), NOBODY] {
            guest.act_on("moderation", action, target).await;
            guest.expect_error("moderation", "insufficient_permissions").await;
        }
    }
    alice.expect_silence().await;
    alice.say("still here").await;
}

async fn kicked_means_out(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.waiting_guest("Gus", &mut alice).await;
    let_in(&mut alice, &mut guest).await;

    alice.act_on("moderation", "kick", &guest.id).await;
    let kicked = guest.expect_next("moderation", "kicked").await;
    assert_eq!(kicked["payload"], json!({"message": "kicked"}));
    guest.expect_close(1000).await;
    let left = alice.expect_next("control", "left").await;
    assert_eq!(
        left["payload"],
        json!({"message": "left", "id": guest.id, "reason": "kicked"})
    );

    // Token and acceptance are void: somebody new, who waits again.
    let mut back = meeting.returning_guest(&guest.resumption).await;
    back.wait_outside("Gus", &mut alice).await;
    assert_ne!(back.id, guest.id);
    alice.expect_silence().await;
}

async fn kicked_from_the_waiting_room(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    for accepted_before in [false, true] {
        let mut guest = meeting.waiting_guest("Gus", &mut alice).await;
        if accepted_before {
            alice.act_on("moderation", "accept", &guest.id).await;
            guest.expect_next("moderation", "accepted").await;
        }
        alice.act_on("moderation", "kick", &guest.id).await;
        guest.expect_next("moderation", "kicked").await;
        guest.expect_close(1000).await;
        let left = alice.expect_next("moderation", "left_waiting_room").await;
        assert_eq!(left["payload"]["id"], *guest.id);
        let mut back = meeting.returning_guest(&guest.resumption).await;
        back.wait_outside("Gus", &mut alice).await;
        assert_ne!(back.id, guest.id);
        back.leave().await;
        alice.expect_next("moderation", "left_waiting_room").await;
    }
    alice.expect_silence().await;
}

async fn kicked_needs_the_password_again(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest_with(json!({"password": "secret"})).await;
    guest.join("Gus").await;
    // A ticket that was issued before is void as well.
    let issued = meeting.ask_as_guest(Some(&guest.resumption)).await.expect(200);
    alice.act_on("moderation", "kick", &guest.id).await;
    guest.expect_next("moderation", "kicked").await;
    guest.expect_close(1000).await;
    for token in [Some(&*guest.resumption), issued["resumption"].as_str()] {
        let refused = meeting.ask_as_guest(token).await;
        refused.expect_error(401, "wrong_room_password");
    }
    let mut late = meeting.connect(&issued).await;
    late.expect_next("moderation", "kicked").await;
    late.expect_close(1000).await;
    // Whoever was kicked waits for a while, even with the password, and so does its network.
    let mut back = meeting.guest_with(json!({"password": "secret"})).await;
    back.wait_outside("Gus", &mut alice).await;
    assert_ne!(back.id, guest.id);
}
