//! Section 4: back to the waiting room, debriefings, and who can't be banned.

use serde_json::{Value, json};

use super::{NOBODY, Quiet, assert_time};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    sent_back_to_the_waiting_room, who_is_not_sent_back, a_debriefing_of_guests, a_debriefing_of_all_but_moderators,
    a_debriefing_of_all, who_waits_stays_in_a_debriefing, debriefed_means_out, who_is_not_banned, moderators_only);

/// Alice makes this guest a moderator; the two have nothing left to read.
async fn promote(alice: &mut Participant, guest: &mut Participant) {
    alice.act_on("control", "grant_moderator_role", &guest.id).await;
    guest.expect("control", "role_updated").await;
    alice.expect("control", "update").await;
}

async fn sent_back_to_the_waiting_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    alice.act_on("moderation", "send_to_waiting_room", &gus.id).await;
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_next("moderation", "waiting_room_enabled").await;
    }
    gus.expect_next("moderation", "sent_to_waiting_room").await;
    gus.expect_next("moderation", "in_waiting_room").await;
    for one in [&mut alice, &mut ida] {
        let left = one.expect_next("control", "left").await["payload"].clone();
        assert_eq!(
            left,
            json!({"message": "left", "id": gus.id, "reason": "sent_to_waiting_room"})
        );
        let waits = one.expect_next("moderation", "joined_waiting_room").await;
        assert_eq!(waits["payload"]["id"], *gus.id);
        assert_time(&waits["payload"]["control"]["left_at"]);
    }
    // On the same socket, nothing of the room reaches it any more, until it is let in again.
    alice.say("nobody outside hears me").await;
    gus.act("control", "enter_room").await;
    gus.expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;
    alice.act_on("moderation", "accept", &gus.id).await;
    gus.expect_next("moderation", "accepted").await;
    let id = gus.id.clone();
    assert_eq!(gus.enter_room().await["id"], *id);
    for one in [&mut alice, &mut ida] {
        one.expect("moderation", "left_waiting_room").await;
        let joined = one.expect_next("control", "joined").await;
        assert_eq!(joined["payload"]["control"]["left_at"], json!(null));
    }
    // The second time the waiting room is on already, and the acceptance is void.
    alice.act_on("moderation", "send_to_waiting_room", &gus.id).await;
    gus.expect_next("moderation", "sent_to_waiting_room").await;
    gus.expect_next("moderation", "in_waiting_room").await;
    alice.expect_next("control", "left").await;
    alice.expect_next("moderation", "joined_waiting_room").await;
    let mut back = meeting.returning_guest(&gus.resumption).await;
    back.ask_to_join("Gus").await;
    back.expect_next("moderation", "in_waiting_room").await;
    back.expect_nothing().await;
    back.act("control", "enter_room").await;
    back.expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;
}

async fn who_is_not_sent_back(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    promote(&mut alice, &mut gus).await;
    let owner = alice.id.clone();
    for moderator in [&mut alice, &mut gus] {
        moderator
            .act_on("moderation", "send_to_waiting_room", &owner)
            .await;
        moderator
            .expect_error("moderation", "cannot_send_room_owner_to_waiting_room")
            .await;
        moderator
            .act_on("moderation", "send_to_waiting_room", NOBODY)
            .await;
        moderator.expect_silence().await;
    }
}

async fn a_debriefing_of_guests(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    debrief(&meeting, "guests").await;
}

async fn a_debriefing_of_all_but_moderators(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    debrief(&meeting, "users_and_guests").await;
}

/// Two guests go; alice stays, and so does a guest who has become a moderator.
async fn debrief(meeting: &Meeting, scope: &str) {
    let (mut alice, [mut gus, mut ida, mut max]) = meeting.gather(["Gus", "Ida", "Max"]).await;
    promote(&mut alice, &mut max).await;
    let command = json!({"action": "debrief", "kick_scope": scope});
    max.send("moderation", command).await;
    let moderator = json!(max.id);
    let mut gone = Vec::new();
    for guest in [&mut gus, &mut ida] {
        guest.expect("moderation", "waiting_room_enabled").await;
        let ended = guest.expect_next("moderation", "session_ended").await["payload"].clone();
        assert_eq!(ended, json!({"message": "session_ended", "issued_by": moderator}));
        assert_eq!(guest.close_code().await, Some(1000));
        gone.push(json!(guest.id));
    }
    for stays in [&mut alice, &mut max] {
        stays.expect_next("moderation", "waiting_room_enabled").await;
        let started = stays.expect_next("moderation", "debriefing_started").await["payload"].clone();
        assert_eq!(
            started,
            json!({"message": "debriefing_started", "issued_by": moderator})
        );
        let mut left = Vec::new();
        for _ in 0..2 {
            let one = stays.expect_next("control", "left").await["payload"].clone();
            assert_eq!(one["reason"], "kicked");
            left.push(one["id"].clone());
        }
        left.sort_by_key(Value::to_string);
        gone.sort_by_key(Value::to_string);
        assert_eq!(left, gone);
        stays.expect_silence().await;
    }
    alice.say("among us").await;
    assert_eq!(max.expect("chat", "message_sent").await["content"], "among us");
}

async fn a_debriefing_of_all(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut max, mut gus]) = meeting.gather(["Max", "Gus"]).await;
    promote(&mut alice, &mut max).await;
    // The owner goes too, when another moderator says so, and so does that one.
    max.send("moderation", json!({"action": "debrief", "kick_scope": "all"}))
        .await;
    for one in [&mut alice, &mut gus, &mut max] {
        one.expect("moderation", "waiting_room_enabled").await;
        one.expect_next("moderation", "session_ended").await;
        assert_eq!(one.close_code().await, Some(1000));
    }
    // The owner need not wait.
    let id = meeting.joined_owner().await.id;
    assert_ne!(id, alice.id);
}

async fn who_waits_stays_in_a_debriefing(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut will = meeting.waiting_guest("Will", &mut alice).await;
    alice
        .send("moderation", json!({"action": "debrief", "kick_scope": "all"}))
        .await;
    alice.expect_next("moderation", "session_ended").await;
    assert_eq!(alice.close_code().await, Some(1000));
    will.expect_nothing().await;
    // Nobody removed who ended it: the token is good.
    let mut alice = meeting.returning_owner(&alice.resumption).await;
    alice.join("Alice").await;
    alice.act_on("moderation", "accept", &will.id).await;
    will.expect_next("moderation", "accepted").await;
    will.enter_room().await;
}

async fn debriefed_means_out(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let mut max = meeting.guest_with(json!({"password": "secret"})).await;
    max.join("Max").await;
    alice.expect_next("control", "joined").await;
    promote(&mut alice, &mut max).await;
    alice
        .send("moderation", json!({"action": "debrief", "kick_scope": "all"}))
        .await;
    max.expect("moderation", "session_ended").await;
    assert_eq!(max.close_code().await, Some(1000));
    // The token is void: the password is asked for again, it is somebody new, who waits, and no moderator.
    meeting
        .ask_as_guest(Some(&max.resumption))
        .await
        .expect_error(401, "wrong_room_password");
    let again = json!({"password": "secret", "resumption": max.resumption});
    assert_eq!(alice.close_code().await, Some(1000));
    let mut alice = meeting.joined_owner().await;
    let mut back = meeting.guest_with(again).await;
    let entry = back.wait_outside("Max", &mut alice).await;
    assert_ne!(back.id, max.id);
    assert_eq!(entry["control"]["role"], "guest");
}

async fn who_is_not_banned(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    alice.act_on("moderation", "ban", &gus.id).await;
    alice.expect_error("moderation", "cannot_ban_guest").await;
    promote(&mut alice, &mut gus).await;
    alice.act_on("moderation", "ban", &gus.id).await;
    alice.expect_error("moderation", "cannot_ban_guest").await;
    gus.act_on("moderation", "ban", &alice.id).await;
    gus.expect_error("moderation", "insufficient_permissions").await;
    alice.act_on("moderation", "ban", &alice.id.clone()).await;
    alice.expect_error("moderation", "insufficient_permissions").await;
    alice.act_on("moderation", "ban", NOBODY).await;
    alice.expect_silence().await;
    gus.expect_silence().await;
    // Nobody is banned by that.
    meeting.started(json!({})).await.expect(200);
    meeting.ask_as_guest(Some(&gus.resumption)).await.expect(200);
}

async fn moderators_only(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, ida]) = meeting.gather(["Gus", "Ida"]).await;
    for action in ["ban", "send_to_waiting_room"] {
        for target in [&*alice.id, &*ida.id, NOBODY] {
            gus.act_on("moderation", action, target).await;
            gus.expect_error("moderation", "insufficient_permissions").await;
        }
    }
    for scope in ["guests", "users_and_guests", "all"] {
        let command = json!({"action": "debrief", "kick_scope": scope});
        gus.send("moderation", command).await;
        gus.expect_error("moderation", "insufficient_permissions").await;
    }
    let unknown = json!({"action": "debrief", "kick_scope": "nobody"});
    alice.send("moderation", unknown).await;
    alice.expect_error("control", "invalid_json").await;
    alice.expect_silence().await;
}
