//! Section 4: the waiting room, and removing participants.

use serde_json::json;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: the_waiting_room_holds_a_guest_until_accepted, the_waiting_room_is_switched, kicked_means_out);

async fn the_waiting_room_holds_a_guest_until_accepted(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest().await;
    guest.ask_to_join("Gus").await;
    guest.expect_next("moderation", "in_waiting_room").await;
    let told = alice.expect_next("moderation", "joined_waiting_room").await;
    let id = told["payload"]["id"].clone();
    assert_eq!(told["payload"]["control"]["display_name"], "Gus");

    // Waiting, only enter_room and echo do anything.
    guest
        .send(
            "chat",
            json!({"action": "send_message", "content": "let me in", "scope": "global"}),
        )
        .await;
    guest.send("nope", json!({})).await;
    guest.expect_nothing().await;
    guest.send("control", json!({"action": "raise_hand"})).await;
    guest.expect_error("control", "not_yet_joined").await;
    guest.ask_to_join("Gus").await;
    guest.expect_error("control", "already_joined").await;
    guest.send("control", json!({"action": "enter_room"})).await;
    guest
        .expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;
    alice.expect_silence().await;

    alice
        .send("moderation", json!({"action": "accept", "target": id}))
        .await;
    guest.expect_next("moderation", "accepted").await;
    guest.send("control", json!({"action": "enter_room"})).await;
    let joined = guest.expect_next("control", "join_success").await;
    assert_eq!(joined["payload"]["id"], id);
    let left = alice.expect_next("moderation", "left_waiting_room").await;
    assert_eq!(left["payload"]["id"], id);
    let entered = alice.expect_next("control", "joined").await;
    assert_eq!(entered["payload"]["id"], id);
    alice.say("welcome").await;
    assert_eq!(guest.expect("chat", "message_sent").await["content"], "welcome");
}

async fn the_waiting_room_is_switched(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut inside = meeting.joined_guest("Inside").await;
    inside
        .send("moderation", json!({"action": "enable_waiting_room"}))
        .await;
    inside
        .expect_error("moderation", "insufficient_permissions")
        .await;
    alice
        .send("moderation", json!({"action": "enable_waiting_room"}))
        .await;
    alice.expect("moderation", "waiting_room_enabled").await;
    inside.expect("moderation", "waiting_room_enabled").await;

    let mut guest = meeting.guest().await;
    guest.ask_to_join("Waits").await;
    guest.expect_next("moderation", "in_waiting_room").await;
    // A moderator who joins later is told who waits.
    let again = meeting.owner().await.join("Alice again").await;
    let waiting = &again["moderation"]["waiting_room_participants"];
    assert_eq!(waiting[0]["control"]["display_name"], "Waits");
    assert_eq!(waiting[0]["waiting_room_state"], "waiting");

    alice
        .send("moderation", json!({"action": "disable_waiting_room"}))
        .await;
    inside.expect("moderation", "waiting_room_disabled").await;
    guest.send("control", json!({"action": "enter_room"})).await;
    guest
        .expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;
    meeting.joined_guest("Next").await;
}

async fn kicked_means_out(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest().await;
    guest.ask_to_join("Gus").await;
    let id = alice.expect("moderation", "joined_waiting_room").await["id"].clone();
    alice
        .send("moderation", json!({"action": "accept", "target": id}))
        .await;
    guest.expect("moderation", "accepted").await;
    guest.send("control", json!({"action": "enter_room"})).await;
    guest.expect("control", "join_success").await;

    alice
        .send("moderation", json!({"action": "kick", "target": id}))
        .await;
    guest.expect_next("moderation", "kicked").await;
    assert_eq!(guest.close_code().await, Some(1000));
    let left = alice.expect("control", "left").await;
    assert_eq!((&left["id"], &left["reason"]), (&id, &json!("kicked")));

    // The token is void: a new participant, who waits again.
    let mut back = meeting.returning_guest(&guest.resumption).await;
    back.ask_to_join("Gus").await;
    back.expect_next("moderation", "in_waiting_room").await;
    let new_id = alice.expect("moderation", "joined_waiting_room").await["id"].clone();
    assert_ne!(new_id, id);
    alice
        .send("moderation", json!({"action": "kick", "target": new_id}))
        .await;
    back.expect("moderation", "kicked").await;
    assert_eq!(back.close_code().await, Some(1000));
    alice.expect("moderation", "left_waiting_room").await;
}
