//! Sections 2 and 3: what the tariff of the room's owner allows.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Quiet;
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    a_full_room_lets_nobody_in_until_somebody_leaves, who_counts, the_first_moderator_always_gets_in,
    who_is_lost_keeps_the_place, the_time_of_a_meeting_is_up, time_counts_from_the_first_join,
    modules_that_the_tariff_lacks);

/// A room that so many participants fill.
async fn small_room(server: &Server, settings: Value, limit: u64) -> Meeting {
    server.set_quotas(&json!({"room_participant_limit": limit})).await;
    Meeting::create(server, settings).await
}

async fn a_full_room_lets_nobody_in_until_somebody_leaves(server: &Server) {
    let meeting = small_room(server, json!({}), 2).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["tariff"]["quotas"], json!({"room_participant_limit": 2}));
    let gus = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    let mut ida = meeting.guest().await;
    for _ in 0..2 {
        ida.ask_to_join("Ida").await;
        let blocked = ida.expect_next("control", "join_blocked").await;
        assert_eq!(
            blocked["payload"],
            json!({"message": "join_blocked", "reason": "participant_limit_reached"})
        );
    }
    // The socket stays open, and is that of somebody who has not joined.
    ida.expect_nothing().await;
    ida.act("control", "raise_hand").await;
    ida.expect_error("control", "not_yet_joined").await;
    alice.expect_silence().await;
    gus.leave().await;
    alice.expect_next("control", "left").await;
    // Whoever closes may be on the way to another room: the place is kept for half a minute.
    ida.ask_to_join("Ida").await;
    ida.expect_next("control", "join_blocked").await;
    until_there_is_room(&mut ida, "Ida", "control", "join_success").await;
    alice.expect_next("control", "joined").await;
}

/// Asks to join again and again, as clients do, until it is answered by this message.
async fn until_there_is_room(who: &mut Participant, name: &str, namespace: &str, message: &str) {
    for _ in 0..30 {
        sleep(Duration::from_secs(5)).await;
        who.ask_to_join(name).await;
        let answer = who.try_next().await.expect("an answer");
        if answer["payload"]["message"] == "join_blocked" {
            continue;
        }
        assert_eq!(
            (&answer["namespace"], &answer["payload"]["message"]),
            (&json!(namespace), &json!(message))
        );
        return;
    }
    panic!("the place stays taken");
}

async fn who_counts(server: &Server) {
    let meeting = small_room(server, json!({"waiting_room": true}), 3).await;
    let mut alice = meeting.joined_owner().await;
    let start = json!({"action": "start", "rooms": [{"name": "Red", "assignments": []}]});
    alice.send("breakout", start).await;
    let started = alice.expect_next("breakout", "started").await["payload"].clone();
    let red = &started["rooms"][0]["id"];
    // One in a breakout room and one in the waiting room, beside alice.
    let mut gus = meeting.guest_with(json!({"breakout_room": red})).await;
    gus.wait_outside("Gus", &mut alice).await;
    alice.act_on("moderation", "accept", &gus.id).await;
    gus.expect_next("moderation", "accepted").await;
    gus.enter_room().await;
    let will = meeting.waiting_guest("Will", &mut alice).await;
    let mut ida = meeting.guest().await;
    ida.ask_to_join("Ida").await;
    ida.expect_next("control", "join_blocked").await;
    // Another session of the owner is one more, too.
    let mut again = meeting.owner().await;
    again.ask_to_join("Alice again").await;
    again.expect_next("control", "join_blocked").await;
    // Moving takes no second place.
    let mut moved = meeting.moving_guest(&gus.resumption, &json!(null)).await;
    moved.join("Gus").await;
    assert_eq!(moved.id, gus.id);
    will.leave().await;
    alice.expect("moderation", "left_waiting_room").await;
    until_there_is_room(&mut ida, "Ida", "moderation", "in_waiting_room").await;
    alice.expect("moderation", "joined_waiting_room").await;
}

async fn the_first_moderator_always_gets_in(server: &Server) {
    let meeting = small_room(server, json!({}), 1).await;
    let mut gus = meeting.joined_guest("Gus").await;
    let mut alice = meeting.owner().await;
    assert_eq!(alice.join("Alice").await["role"], "moderator");
    gus.expect_next("control", "joined").await;
    let mut second = meeting.owner().await;
    second.ask_to_join("Alice again").await;
    second.expect_next("control", "join_blocked").await;
    let mut ida = meeting.guest().await;
    ida.ask_to_join("Ida").await;
    ida.expect_next("control", "join_blocked").await;
}

async fn who_is_lost_keeps_the_place(server: &Server) {
    let meeting = small_room(server, json!({}), 2).await;
    let mut alice = meeting.joined_owner().await;
    let gus = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    let (id, token) = (gus.id.clone(), gus.resumption.clone());
    gus.vanish();
    let mut ida = meeting.guest().await;
    ida.ask_to_join("Ida").await;
    ida.expect_next("control", "join_blocked").await;
    let mut gus = meeting.returning_guest(&token).await;
    gus.join("Gus").await;
    assert_eq!(gus.id, id);
    alice.expect_silence().await;
}

fn time(value: &Value) -> DateTime<Utc> {
    let time = DateTime::parse_from_rfc3339(value.as_str().expect("a time"));
    time.expect("a time").to_utc()
}

async fn the_time_of_a_meeting_is_up(server: &Server) {
    server.set_quotas(&json!({"room_time_limit_secs": 3})).await;
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    // Time counts from the join: the sockets stand before.
    let (mut alice, mut will, mut idle) = (
        meeting.owner().await,
        meeting.guest().await,
        meeting.guest().await,
    );
    alice.ask_to_join("Alice").await;
    let frame = alice.expect_next("control", "join_success").await;
    let closes_at = time(&frame["payload"]["closes_at"]);
    assert_eq!(closes_at - time(&frame["timestamp"]), TimeDelta::seconds(3));
    will.ask_to_join("Will").await;
    will.expect_next("moderation", "in_waiting_room").await;
    alice.expect_next("moderation", "joined_waiting_room").await;
    for one in [&mut alice, &mut will] {
        let elapsed = one.expect_next("control", "time_limit_quota_elapsed").await;
        assert_eq!(elapsed["payload"], json!({"message": "time_limit_quota_elapsed"}));
        assert!(time(&elapsed["timestamp"]) >= closes_at);
        one.expect_close(1000).await;
    }
    // Nothing of the meeting is left: the next one has a time of its own. The token still keeps the id.
    let mut back = meeting.returning_owner(&alice.resumption).await;
    let joined = back.join("Alice").await;
    assert_eq!(joined["id"], frame["payload"]["id"]);
    assert!(time(&joined["closes_at"]) > closes_at);
    assert_eq!(joined["participants"], json!([]));
    assert_eq!(joined["moderation"]["waiting_room_participants"], json!([]));
    // A socket that had not joined was of the meeting that is over: its client comes again.
    idle.ask_to_join("Ira").await;
    idle.expect_close(1012).await;
}

async fn time_counts_from_the_first_join(server: &Server) {
    server.set_quotas(&json!({"room_time_limit_secs": 3_600})).await;
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let first = alice.join("Alice").await["closes_at"].clone();
    alice.say("some time goes by").await;
    let mut gus = meeting.guest().await;
    assert_eq!(gus.join("Gus").await["closes_at"], first);
    let token = alice.resumption.clone();
    alice.leave().await;
    let mut alice = meeting.returning_owner(&token).await;
    assert_eq!(alice.join("Alice").await["closes_at"], first);
}

async fn modules_that_the_tariff_lacks(server: &Server) {
    let lacking = [
        "breakout",
        "chat",
        "livekit",
        "meeting_report",
        "moderation",
        "polls",
        "timer",
        "training_participation_report",
    ];
    server.disable_modules(&json!(lacking)).await;
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    let empty = json!({"messages": [], "next_index": null});
    assert_eq!(
        joined["chat"],
        json!({
            "enabled": false, "room_history": empty, "groups_history": [], "private_history": [],
            "last_seen_timestamp_global": null, "last_seen_timestamps_private": {},
            "last_seen_timestamps_group": {},
        }),
        "clients need it"
    );
    for module in lacking {
        assert!(
            joined["tariff"]["modules"].get(module).is_none(),
            "{module}: {joined}"
        );
        assert!(
            module == "chat" || joined.get(module).is_none(),
            "{module}: {joined}"
        );
        alice.act(module, "start").await;
        alice.expect_error("control", "invalid_namespace").await;
    }
    alice.act("moderation", "enable_waiting_room").await;
    alice.expect_error("control", "invalid_namespace").await;
    alice.expect_silence().await;
    alice.expect_nothing().await;
}
