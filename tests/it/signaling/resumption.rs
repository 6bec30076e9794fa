//! Section 1: coming back with a resumption token.

use serde_json::json;

use super::{Hasty, Quiet};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet:
    back_within_the_grace_time_nobody_notices, back_into_the_waiting_room, a_take_over_closes_the_old_socket,
    two_at_once_are_one_participant, a_ticket_does_not_outlive_its_token, tokens_are_rotated, others_can_not_use_a_token);

mod grace_time_over {
    use super::{Hasty, lost_participants_leave_and_come_back, lost_while_waiting};

    on_both_databases!(Hasty: lost_participants_leave_and_come_back, lost_while_waiting);
}

async fn back_within_the_grace_time_nobody_notices(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    guest.act("control", "raise_hand").await;
    guest.expect_next("control", "hand_raised").await;
    alice.expect_next("control", "update").await;
    for round in 0..3 {
        let (id, token) = (guest.id.clone(), guest.resumption.clone());
        guest.vanish();
        alice.expect_silence().await;
        let missed = alice.say(&format!("missed {round}")).await;
        guest = meeting.returning_guest(&token).await;
        let joined = guest.join("Another name").await;
        assert_eq!(joined["id"], *id);
        assert_eq!(
            joined["display_name"], "Gus",
            "the participant has never been away"
        );
        let history = joined["chat"]["room_history"]["messages"].as_array();
        let last = history.and_then(|messages| messages.last());
        assert_eq!(last.expect("a message")["id"], missed["id"]);
        alice.expect_silence().await;
    }
    // Seen from a newcomer, its hand is still up.
    let joined = meeting.guest().await.join("Late").await;
    let entries = joined["participants"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["id"] == *guest.id);
    let control = &entry.expect("Gus")["control"];
    assert_eq!(
        (&control["hand_is_up"], &control["left_at"]),
        (&json!(true), &json!(null))
    );
    guest.say("back").await;
    assert_eq!(alice.expect("chat", "message_sent").await["source"], *guest.id);
}

async fn back_into_the_waiting_room(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.waiting_guest("Gus", &mut alice).await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    let mut guest = meeting.returning_guest(&token).await;
    guest.ask_to_join("Gus").await;
    guest.expect_next("moderation", "in_waiting_room").await;
    alice.expect_silence().await;
    // Accepted while away: told when it is back.
    let token = guest.resumption.clone();
    guest.vanish();
    alice.act_on("moderation", "accept", &id).await;
    let mut guest = meeting.returning_guest(&token).await;
    guest.ask_to_join("Gus").await;
    guest.expect_next("moderation", "in_waiting_room").await;
    guest.expect_next("moderation", "accepted").await;
    assert_eq!(guest.enter_room().await["id"], *id);
    alice.expect_next("moderation", "left_waiting_room").await;
    alice.expect_next("control", "joined").await;
}

async fn a_take_over_closes_the_old_socket(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut old = meeting.joined_owner().await;
    let mut other = meeting.joined_guest("Other").await;
    old.expect_next("control", "joined").await;
    let mut new = meeting.returning_owner(&old.resumption).await;
    let joined = new.join("Alice").await;
    old.expect_close(1000).await;
    assert_eq!(
        (&joined["id"], &joined["role"]),
        (&json!(old.id), &json!("moderator"))
    );
    other.expect_silence().await;
    new.say("same as before").await;
    let heard = other.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["source"], *old.id);
}

async fn two_at_once_are_one_participant(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    let come_back = async || {
        let mut back = meeting.returning_guest(&token).await;
        // An answer, or the end because the other one came: either way the room knows of this connection.
        back.try_send("echo", json!({"action": "ping"})).await;
        back.try_next().await;
        back
    };
    let (mut first, mut second) = tokio::join!(come_back(), come_back());
    for one in [&mut first, &mut second] {
        let join = json!({"action": "join", "display_name": "Gus"});
        one.try_send("control", join).await;
    }
    let mut joined = Vec::new();
    for mut one in [first, second] {
        if let Some(frame) = one.try_next().await {
            assert_eq!(frame["payload"]["message"], "join_success");
            assert_eq!(frame["payload"]["id"], *id);
            joined.push(one);
        } else {
            assert_eq!(one.closed_with(), Some(1000));
        }
    }
    assert_eq!(joined.len(), 1);
    // Nobody saw it come or go.
    alice.expect_silence().await;
    alice.say("there you are").await;
    joined[0].expect_next("chat", "message_sent").await;
}

async fn a_ticket_does_not_outlive_its_token(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let guest = meeting.joined_guest("Gus").await;
    let ticket = async || meeting.ask_as_guest(Some(&guest.resumption)).await.expect(200);
    let (first, second) = (ticket().await, ticket().await);
    let mut back = meeting.connect(&first).await;
    back.join("Gus").await;
    assert_eq!(back.id, guest.id);
    // Joining with one successor has voided the other: whoever comes by it has lost, and stays away.
    meeting.connect(&second).await.expect_close(1000).await;
    back.say("undisturbed").await;
}

async fn tokens_are_rotated(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    // Somebody who keeps the meeting going.
    let _alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    let (id, first) = (guest.id.clone(), guest.resumption.clone());
    guest.leave().await;
    // An answer of start can get lost: until somebody has joined with the successor, the old token is good.
    let lost = meeting.ask_as_guest(Some(&first)).await.expect(200);
    assert_ne!(lost["resumption"], *first);
    let unjoined = meeting.returning_guest(&first).await;
    let second = unjoined.resumption.clone();
    unjoined.leave().await;
    let mut guest = meeting.returning_guest(&first).await;
    guest.join("Gus").await;
    assert_eq!(guest.id, id);
    let third = guest.resumption.clone();
    guest.leave().await;
    // Now only the joined one is.
    for void in [
        first,
        second,
        lost["resumption"].as_str().expect("a token").to_owned(),
    ] {
        let mut other = meeting.returning_guest(&void).await;
        other.join("Gus").await;
        assert_ne!(other.id, id);
    }
    let mut guest = meeting.returning_guest(&third).await;
    guest.join("Gus").await;
    assert_eq!(guest.id, id);
}

async fn others_can_not_use_a_token(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    // No error, but a new participant: a guest with a user's token, ...
    let mut thief = meeting.returning_guest(&alice.resumption).await;
    let joined = thief.join("Thief").await;
    assert_ne!(joined["id"], *alice.id);
    assert_eq!(joined["role"], "guest");
    // ... a guest with another link, ...
    let body = json!({"expiration": "2900-01-01T00:00:00Z"});
    let invite = meeting
        .alice
        .post(&meeting.path("/invites"), body)
        .await
        .expect(201);
    let body = json!({"invite_code": invite["invite_code"], "resumption": guest.resumption});
    let ticket = meeting.anyone.post(&meeting.path("/start_invited"), body).await;
    let mut other = meeting.connect(&ticket.expect(200)).await;
    assert_ne!(other.join("Other link").await["id"], *guest.id);
    // ... and anybody in another room. But a guest who signs in goes on as that guest.
    let gina = meeting.joined_guest("Gina").await;
    let mut signed_in = meeting.returning_owner(&gina.resumption).await;
    assert_eq!(signed_in.join("Gina").await["id"], *gina.id);
    let elsewhere = Meeting::create(server, json!({})).await;
    let mut there = elsewhere.returning_owner(&alice.resumption).await;
    assert_ne!(there.join("Alice").await["id"], *alice.id);
    // The rightful ones were not disturbed.
    alice.say("still here").await;
    let mut guest_again = meeting.returning_guest(&guest.resumption).await;
    assert_eq!(guest_again.join("Gus").await["id"], *guest.id);
}

async fn lost_participants_leave_and_come_back(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    let left = alice.expect_next("control", "left").await;
    assert_eq!(
        left["payload"],
        json!({"message": "left", "id": id, "reason": "timeout"})
    );
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    assert_eq!(back.id, id);
    let joined = alice.expect_next("control", "joined").await;
    assert_eq!(joined["payload"]["id"], *id);
    assert_eq!(joined["payload"]["control"]["left_at"], json!(null));
    // A socket that was taken but never joined does not keep the participant listed.
    let token = back.resumption.clone();
    back.vanish();
    let idle = meeting.returning_guest(&token).await;
    let left = alice.expect_next("control", "left").await;
    assert_eq!(left["payload"]["reason"], "timeout");
    idle.leave().await;
}

async fn lost_while_waiting(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.waiting_guest("Gus", &mut alice).await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    let left = alice.expect_next("moderation", "left_waiting_room").await;
    assert_eq!(left["payload"]["id"], *id);
    let mut back = meeting.returning_guest(&token).await;
    back.wait_outside("Gus", &mut alice).await;
    assert_eq!(back.id, id);
}
