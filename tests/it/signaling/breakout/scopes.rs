//! What each room has for itself, and what is of the whole meeting.

use serde_json::{Value, json};

use super::{Quiet, hears_of_joining, hears_of_leaving, move_guest, open, present};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    each_room_has_its_own_chat, each_room_has_its_own_poll, each_room_has_its_own_timer,
    flags_are_of_the_whole_meeting, moderators_reach_into_every_room, one_waiting_room_for_all);

fn contents(history: &Value) -> Vec<&str> {
    let messages = history["messages"].as_array().expect("messages").iter();
    messages
        .map(|message| message["content"].as_str().expect("a content"))
        .collect()
}

/// Alice and Ida in the main room, Gus in a breakout room, and its id; they have nothing left to read.
async fn apart(meeting: &Meeting) -> ([Participant; 3], Value) {
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let [red] = open(&mut alice, &mut [&mut gus, &mut ida], ["Red"]).await;
    move_guest(meeting, &mut gus, "Gus", &red).await;
    let mut people = [alice, gus, ida];
    for one in &mut people {
        one.events_so_far().await;
    }
    (people, red)
}

async fn each_room_has_its_own_chat(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut gus, mut ida], red) = apart(&meeting).await;
    alice.say("in the main room").await;
    ida.expect_next("chat", "message_sent").await;
    gus.say("in Red").await;
    // Private messages are of the whole meeting.
    gus.whisper(&alice.id, "psst").await;
    let source = json!(gus.id);
    for one in [&mut gus, &mut alice] {
        let heard = one.expect("chat", "message_sent").await;
        assert_eq!((&heard["scope"], &heard["source"]), (&json!("private"), &source));
    }
    ida.expect_silence().await;

    let joined = move_guest(&meeting, &mut ida, "Ida", &red).await;
    assert_eq!(contents(&joined["chat"]["room_history"]), ["in Red"]);
    assert_eq!(present(&joined["participants"]), [&gus.id]);
    alice.act("chat", "clear_history").await;
    alice.expect("chat", "history_cleared").await;
    hears_of_leaving(&mut gus, &ida.id, &json!(null)).await;
    gus.expect_next("control", "joined").await;
    gus.expect_silence().await;
    alice.say("once more").await;
    let joined = move_guest(&meeting, &mut gus, "Gus", &json!(null)).await;
    assert_eq!(contents(&joined["chat"]["room_history"]), ["once more"]);
    let joined = move_guest(&meeting, &mut gus, "Gus", &red).await;
    assert_eq!(contents(&joined["chat"]["room_history"]), ["in Red"]);
}

/// Alice makes Gus a moderator; a role reaches into other rooms.
async fn promote([alice, gus, ida]: [&mut Participant; 3]) {
    alice.act_on("control", "grant_moderator_role", &gus.id).await;
    gus.expect("control", "role_updated").await;
    alice.expect("control", "moderator_role_granted").await;
    for one in [alice, ida] {
        one.events_so_far().await;
    }
}

async fn each_room_has_its_own_poll(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut gus, mut ida], red) = apart(&meeting).await;
    promote([&mut alice, &mut gus, &mut ida]).await;
    let start =
        |topic: &str| json!({"action": "start", "topic": topic, "choices": ["yes", "no"], "duration": 600});
    gus.send("polls", start("Red?")).await;
    let of_red = gus.expect_next("polls", "started").await["payload"].clone();
    alice.expect_silence().await;
    alice.send("polls", start("All?")).await;
    let of_all = ida.expect_next("polls", "started").await["payload"].clone();
    alice.expect_next("polls", "started").await;
    assert_ne!(of_red["id"], of_all["id"]);
    gus.expect_silence().await;
    let vote = json!({"action": "vote", "poll_id": of_red["id"], "choice_id": 0});
    ida.send("polls", vote.clone()).await;
    ida.expect_error("polls", "invalid_poll_id").await;
    let joined = move_guest(&meeting, &mut ida, "Ida", &red).await;
    assert_eq!(joined["polls"]["topic"], "Red?");
    // The one that it leaves behind is over for its client.
    let left_behind = ida.expect_next("polls", "done").await;
    assert_eq!(left_behind["payload"]["id"], of_all["id"]);
    ida.send("polls", vote).await;
    ida.expect_silence().await;
    alice
        .send("polls", json!({"action": "finish", "id": of_red["id"]}))
        .await;
    alice.expect_error("polls", "invalid_poll_id").await;
    gus.send("polls", json!({"action": "finish", "id": of_red["id"]}))
        .await;
    for one in [&mut gus, &mut ida] {
        let done = one.expect("polls", "done").await;
        assert_eq!(
            done["results"],
            json!([{"id": 0, "count": 1}, {"id": 1, "count": 0}])
        );
    }
    alice.expect_silence().await;
}

async fn each_room_has_its_own_timer(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut gus, mut ida], red) = apart(&meeting).await;
    promote([&mut alice, &mut gus, &mut ida]).await;
    let start = json!({"action": "start", "kind": "stopwatch", "enable_ready_check": true});
    gus.send("timer", start.clone()).await;
    let of_red = gus.expect_next("timer", "started").await["payload"].clone();
    alice.send("timer", start).await;
    alice.expect_next("timer", "started").await;
    let of_all = ida.expect_next("timer", "started").await["payload"].clone();
    assert_ne!(of_red["timer_id"], of_all["timer_id"]);
    let ready = json!({"action": "update_ready_status", "timer_id": of_red["timer_id"], "status": true});
    ida.send("timer", ready.clone()).await;
    ida.expect_silence().await;
    gus.send("timer", ready).await;
    gus.expect_next("timer", "updated_ready_status").await;
    let joined = move_guest(&meeting, &mut ida, "Ida", &red).await;
    assert_eq!(joined["timer"]["timer_id"], of_red["timer_id"]);
    assert_eq!(joined["participants"][0]["timer"]["ready_status"], true);
    // Of the one that it left behind nothing comes: the client would take it for the end of this one.
    ida.expect_silence().await;
    alice.events_so_far().await;
    let stop = json!({"action": "stop", "timer_id": of_red["timer_id"]});
    alice.send("timer", stop.clone()).await;
    alice.expect_silence().await;
    gus.send("timer", stop).await;
    gus.expect("timer", "stopped").await;
    ida.expect_next("timer", "stopped").await;
    alice.expect_silence().await;
}

async fn flags_are_of_the_whole_meeting(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut gus, mut ida], red) = apart(&meeting).await;
    for (namespace, action, message) in [
        ("chat", "disable_chat", "chat_disabled"),
        ("moderation", "disable_raise_hands", "raise_hands_disabled"),
        ("moderation", "enable_waiting_room", "waiting_room_enabled"),
    ] {
        alice.act(namespace, action).await;
        for one in [&mut alice, &mut gus, &mut ida] {
            one.expect_next(namespace, message).await;
        }
    }
    let message = json!({"action": "send_message", "content": "?", "scope": "global"});
    gus.send("chat", message).await;
    gus.expect_error("chat", "chat_disabled").await;
    gus.act("control", "raise_hand").await;
    gus.expect_error("control", "raise_hands_disabled").await;
    // Whoever is inside need not wait on its way to another room.
    let joined = move_guest(&meeting, &mut ida, "Ida", &red).await;
    assert_eq!(joined["chat"]["enabled"], false);
    assert_eq!(joined["moderation"], json!({"raise_hands_enabled": false}));
}

async fn moderators_reach_into_every_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut gus, mut ida], red) = apart(&meeting).await;
    let rename = json!({"action": "change_display_name", "new_name": "Gustav", "target": gus.id});
    alice.send("moderation", rename).await;
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_next("moderation", "display_name_changed").await;
    }
    move_guest(&meeting, &mut ida, "Ida", &red).await;
    alice.events_so_far().await;
    gus.events_so_far().await;
    alice.act_on("moderation", "kick", &gus.id).await;
    gus.expect_next("moderation", "kicked").await;
    gus.expect_close(1000).await;
    hears_of_leaving(&mut alice, &gus.id, &red).await;
    let left = ida.expect_next("control", "left").await["payload"].clone();
    assert_eq!(left, json!({"message": "left", "id": gus.id, "reason": "kicked"}));
    // The token is void: it is somebody new who comes to Red, after a moderator has let it in.
    let mut back = meeting.moving_guest(&gus.resumption, &red).await;
    back.wait_outside("Gus", &mut alice).await;
    assert_ne!(back.id, gus.id);
    alice.act_on("moderation", "accept", &back.id).await;
    back.expect_next("moderation", "accepted").await;
    back.enter_room().await;
    alice.expect_next("moderation", "left_waiting_room").await;
    hears_of_joining(&mut alice, &back.id, &red).await;
    ida.expect("control", "joined").await;
    alice
        .send("moderation", json!({"action": "debrief", "kick_scope": "guests"}))
        .await;
    for one in [&mut back, &mut ida] {
        one.expect("moderation", "session_ended").await;
        assert_eq!(one.close_code().await, Some(1000));
    }
}

async fn one_waiting_room_for_all(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut gus, mut ida], red) = apart(&meeting).await;
    alice.act("moderation", "enable_waiting_room").await;
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_next("moderation", "waiting_room_enabled").await;
    }
    let mut will = meeting.guest_with(json!({"breakout_room": red})).await;
    will.wait_outside("Will", &mut alice).await;
    for one in [&mut gus, &mut ida] {
        let waits = one.expect_next("moderation", "joined_waiting_room").await;
        assert_eq!(waits["payload"]["id"], *will.id);
    }
    alice.act_on("moderation", "accept", &will.id).await;
    will.expect_next("moderation", "accepted").await;
    let joined = will.enter_room().await;
    assert_eq!(joined["breakout"]["current"], red, "where its ticket led to");
    for one in [&mut alice, &mut gus, &mut ida] {
        one.expect_next("moderation", "left_waiting_room").await;
    }
    gus.expect_next("control", "joined").await;
    for one in [&mut alice, &mut ida] {
        hears_of_joining(one, &will.id, &red).await;
    }
    // From a breakout room back to the waiting room.
    alice.act_on("moderation", "send_to_waiting_room", &gus.id).await;
    gus.expect_next("moderation", "sent_to_waiting_room").await;
    gus.expect_next("moderation", "in_waiting_room").await;
    let left = will.expect_next("control", "left").await;
    assert_eq!(left["payload"]["reason"], "sent_to_waiting_room");
    for one in [&mut alice, &mut ida] {
        hears_of_leaving(one, &gus.id, &red).await;
        one.expect_next("moderation", "joined_waiting_room").await;
    }
}
