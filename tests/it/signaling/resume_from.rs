//! Section 1: going on from the number of the last event that was seen.

use serde_json::{Value, json};

use super::{Hasty, Quiet};
use crate::support::{
    meeting::Meeting,
    participant::{Participant, protocols},
    quiet::{QuietWith, Settings},
    server::Server,
};

on_both_databases!(Quiet:
    exactly_what_was_missed, nothing_was_missed, a_take_over_goes_on_too, two_at_once_are_one_participant,
    numbers_that_were_never_given_out, what_is_older_than_the_own_join, what_is_older_than_a_history,
    into_another_room, waiting, kicked_means_out, after_a_restart, without_a_token, numbers_that_are_none);

mod grace_time_over {
    use super::{Hasty, after_the_grace_time};

    on_both_databases!(Hasty: after_the_grace_time);
}

mod long_chats {
    use super::{Talkative, in_the_middle_of_a_chat, what_is_not_kept_any_more};

    on_both_databases!(Talkative: in_the_middle_of_a_chat, what_is_not_kept_any_more);
}

/// More than a test's messages: the rate limit has tests of its own.
type Talkative = QuietWith<Unhurried>;

struct Unhurried;

impl Settings for Unhurried {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_SIGNALING__COMMANDS_BURST", "10000")];
}

/// The guest, whose connection breaks if it has not yet, comes back and asks to go on from this number.
async fn come_back(meeting: &Meeting, guest: Participant, seq: u64) -> Participant {
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    let mut back = meeting.resuming_guest(&token, seq).await;
    back.id = id;
    back.ask_to_join("Gus").await;
    back
}

/// It goes on: the word for it has no number, as it is no event of the room.
async fn expect_resumed(who: &mut Participant, seq: u64) {
    let frame = who.expect_next("control", "resumed").await;
    assert_eq!(frame["payload"], json!({"message": "resumed", "from": seq}));
    assert!(frame.get("seq").is_none(), "{frame}");
}

/// It starts anew; answers the payload of `join_success`.
async fn expect_not_resumed(who: &mut Participant) -> Value {
    let frame = who.expect_next("control", "not_resumed").await;
    assert_eq!(frame["payload"], json!({"message": "not_resumed"}));
    assert!(frame.get("seq").is_none(), "{frame}");
    who.expect_next("control", "join_success").await["payload"].clone()
}

/// The frames that follow, as many as these messages, which they must be.
async fn expect_all(who: &mut Participant, messages: &[(&str, &str)]) -> Vec<Value> {
    let mut frames = Vec::new();
    for (namespace, message) in messages {
        frames.push(who.expect_next(namespace, message).await);
    }
    frames
}

async fn exactly_what_was_missed(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let (seen, id) = (gus.last_seq(), gus.id.clone());
    let token = gus.resumption.clone();
    gus.vanish();
    alice.say("one").await;
    alice.whisper(&ida.id, "not for Gus").await;
    alice.whisper(&id, "two").await;
    // Ida's hand goes another way: the message must be told before it.
    while alice.expect("chat", "message_sent").await["content"] != "two" {}
    ida.act("control", "raise_hand").await;
    ida.expect("control", "hand_raised").await;
    alice.expect("control", "update").await;
    alice.act_on("control", "grant_moderator_role", &id).await;
    alice.act("moderation", "enable_waiting_room").await;
    alice.say("three").await;
    while ida.expect("chat", "message_sent").await["content"] != "three" {}

    let mut gus = meeting.resuming_guest(&token, seen).await;
    gus.ask_to_join("Gus").await;
    expect_resumed(&mut gus, seen).await;
    let missed = expect_all(
        &mut gus,
        &[
            ("chat", "message_sent"),
            ("chat", "message_sent"),
            ("control", "update"),
            ("control", "role_updated"),
            ("moderation", "waiting_room_enabled"),
            ("chat", "message_sent"),
        ],
    )
    .await;
    assert_eq!(missed[1]["payload"]["content"], "two");
    let numbers: Vec<_> = missed.iter().map(|frame| frame["seq"].as_u64()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(numbers[0] > Some(seen));
    // They are the same as those who were there got: number, time and all.
    for index in [0, 4, 5] {
        assert!(
            ida.everything_seen().contains(&missed[index]),
            "{}",
            missed[index]
        );
    }
    // It goes on, with all that belongs to the participant, and nothing comes twice.
    gus.expect_silence().await;
    gus.act("moderation", "disable_waiting_room").await;
    gus.expect_next("moderation", "waiting_room_disabled").await;
    alice.expect("moderation", "waiting_room_disabled").await;
    alice.say("four").await;
    let heard = gus.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["content"], "four");
}

async fn nothing_was_missed(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    for _ in 0..3 {
        let seen = gus.last_seq();
        gus = come_back(&meeting, gus, seen).await;
        expect_resumed(&mut gus, seen).await;
        gus.expect_silence().await;
    }
    alice.expect_silence().await;
    // The token was rotated as ever, and who does not ask gets what there was always.
    let mut back = meeting.returning_guest(&gus.resumption).await;
    let joined = back.join("Gus").await;
    assert_eq!(joined["id"], *gus.id);
    assert_eq!(back.everything_seen().len(), 1);
    back.expect_silence().await;
}

async fn in_the_middle_of_a_chat(server: &Server) {
    const MESSAGES: usize = 200;
    const BREAKS: usize = 8;
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let talking = tokio::spawn(async move {
        for number in 0..MESSAGES {
            alice.say(&number.to_string()).await;
        }
        alice
    });
    let mut heard = Vec::new();
    for part in 1..=BREAKS {
        while heard.len() < part * MESSAGES / BREAKS {
            let sent = gus.expect_next("chat", "message_sent").await;
            heard.push(sent["payload"]["content"].as_str().expect("a content").to_owned());
        }
        let seen = gus.last_seq();
        gus = come_back(&meeting, gus, seen).await;
        expect_resumed(&mut gus, seen).await;
    }
    let mut alice = talking.await.expect("alice");
    let all: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(heard, all, "each once, and in order");
    gus.expect_silence().await;
    alice.expect_silence().await;
}

async fn a_take_over_goes_on_too(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let seen = gus.last_seq();
    alice.say("on its way to the old socket").await;
    let mut new = meeting.resuming_guest(&gus.resumption, seen).await;
    alice.say("between the two").await;
    new.ask_to_join("Gus").await;
    expect_resumed(&mut new, seen).await;
    assert_eq!(gus.close_code().await, Some(1000));
    for content in ["on its way to the old socket", "between the two"] {
        let heard = new.expect_next("chat", "message_sent").await;
        assert_eq!(heard["payload"]["content"], content);
    }
    new.expect_silence().await;
    alice.expect_silence().await;
}

async fn two_at_once_are_one_participant(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let (seen, token) = (gus.last_seq(), gus.resumption.clone());
    gus.vanish();
    alice.say("missed").await;
    let come_back = async || {
        let mut back = meeting.resuming_guest(&token, seen).await;
        // An answer, or the end because the other one came: either way the room knows of this connection.
        back.try_send("echo", json!({"action": "ping"})).await;
        back.try_next().await;
        back
    };
    let (first, second) = tokio::join!(come_back(), come_back());
    let mut gone_on = 0;
    for mut one in [first, second] {
        let join = json!({"action": "join", "display_name": "Gus"});
        one.try_send("control", join).await;
        if one.try_next().await.is_none() {
            assert_eq!(one.closed_with(), Some(1000));
            continue;
        }
        let word = &one.everything_seen()[one.everything_seen().len() - 1];
        assert_eq!(word["payload"], json!({"message": "resumed", "from": seen}));
        let heard = one.expect_next("chat", "message_sent").await;
        assert_eq!(heard["payload"]["content"], "missed");
        one.expect_silence().await;
        gone_on += 1;
    }
    assert_eq!(gone_on, 1);
    alice.expect_silence().await;
}

async fn numbers_that_were_never_given_out(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let newest = gus.last_seq();
    for seq in [newest + 1_000, newest + (1 << 32), u64::MAX] {
        gus = come_back(&meeting, gus, seq).await;
        let joined = expect_not_resumed(&mut gus).await;
        assert_eq!(joined["id"], *gus.id);
        gus.expect_silence().await;
    }
    alice.expect_silence().await;
}

async fn what_is_older_than_the_own_join(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    alice.say("before").await;
    let before = alice.last_seq();
    let mut gus = meeting.joined_guest("Gus").await;
    for seq in [0, before] {
        gus = come_back(&meeting, gus, seq).await;
        let joined = expect_not_resumed(&mut gus).await;
        let messages = joined["chat"]["room_history"]["messages"].as_array();
        assert_eq!(messages.expect("messages").len(), 1, "nothing twice: {joined}");
        gus.expect_silence().await;
    }
}

async fn what_is_older_than_a_history(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let before = gus.last_seq();
    let chunk = json!({"action": "get_history_chunk", "message_index": 0, "scope": "global"});
    gus.send("chat", chunk).await;
    gus.expect_next("chat", "room_chat_history_chunk").await;
    let after = gus.last_seq();
    alice.say("missed").await;
    gus = come_back(&meeting, gus, before).await;
    expect_not_resumed(&mut gus).await;
    gus = come_back(&meeting, gus, after).await;
    // Now it has a newer beginning: its last `join_success`.
    expect_not_resumed(&mut gus).await;
    let search = json!({"action": "search_history", "term": "missed", "scope": "global"});
    gus.send("chat", search).await;
    gus.expect_next("chat", "search_results").await;
    let after = gus.last_seq();
    alice.say("missed, too").await;
    gus = come_back(&meeting, gus, after).await;
    expect_resumed(&mut gus, after).await;
    let heard = gus.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["content"], "missed, too");
}

async fn what_is_not_kept_any_more(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let (seen, token) = (gus.last_seq(), gus.resumption.clone());
    gus.vanish();
    for number in 1..=700 {
        alice.say(&number.to_string()).await;
    }
    let mut gus = meeting.resuming_guest(&token, seen).await;
    gus.ask_to_join("Gus").await;
    let joined = expect_not_resumed(&mut gus).await;
    let messages = joined["chat"]["room_history"]["messages"].as_array();
    let newest = messages.and_then(|messages| messages.last()).expect("a message");
    assert_eq!(newest["content"], "700");
    gus.expect_silence().await;
    // What came lately is kept.
    let seen = gus.last_seq();
    for number in 0..300 {
        alice.say(&number.to_string()).await;
    }
    let mut gus = come_back(&meeting, gus, seen).await;
    expect_resumed(&mut gus, seen).await;
    for number in 0..300 {
        let heard = gus.expect_next("chat", "message_sent").await;
        assert_eq!(heard["payload"]["content"], number.to_string());
    }
    gus.expect_silence().await;
}

async fn into_another_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let start = json!({"action": "start", "rooms": [{"name": "Red", "assignments": []}]});
    alice.send("breakout", start).await;
    let started = gus.expect_next("breakout", "started").await["payload"].clone();
    let red = &started["rooms"][0]["id"];
    let seen = gus.last_seq();
    let body = json!({"resumption": gus.resumption, "breakout_room": red});
    let ticket = meeting.invited(body).await.expect(200);
    let mut moved = Participant::connect_from(&server.address(), &ticket, seen).await;
    moved.ask_to_join("Gus").await;
    let joined = expect_not_resumed(&mut moved).await;
    assert_eq!(
        (&joined["id"], &joined["breakout"]["current"]),
        (&json!(gus.id), red)
    );
    moved.expect_silence().await;
    // Back into the same breakout room, it goes on.
    let seen = moved.last_seq();
    let body = json!({"resumption": moved.resumption, "breakout_room": red});
    let ticket = meeting.invited(body).await.expect(200);
    moved.vanish();
    let mut moved = Participant::connect_from(&server.address(), &ticket, seen).await;
    moved.ask_to_join("Gus").await;
    expect_resumed(&mut moved, seen).await;
    // A ticket without a room leads elsewhere.
    moved.expect_silence().await;
    let (seen, token) = (moved.last_seq(), moved.resumption.clone());
    moved.vanish();
    alice.act("breakout", "stop").await;
    alice.expect("breakout", "stopped").await;
    let ticket = meeting.ask_as_guest(Some(&token)).await.expect(200);
    let mut back = Participant::connect_from(&server.address(), &ticket, seen).await;
    back.ask_to_join("Gus").await;
    let joined = expect_not_resumed(&mut back).await;
    assert!(joined.get("breakout").is_none(), "the room has ended: {joined}");
}

async fn waiting(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let gus = meeting.waiting_guest("Gus", &mut alice).await;
    let seen = gus.last_seq();
    let mut back = come_back(&meeting, gus, seen).await;
    back.expect_next("control", "not_resumed").await;
    back.expect_next("moderation", "in_waiting_room").await;
    alice.expect_silence().await;
    alice.act_on("moderation", "accept", &back.id).await;
    back.expect_next("moderation", "accepted").await;
    back.enter_room().await;
}

async fn kicked_means_out(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.guest_with(json!({"password": "secret"})).await;
    gus.join("Gus").await;
    let seen = gus.last_seq();
    alice.act_on("moderation", "kick", &gus.id).await;
    gus.expect_next("moderation", "kicked").await;
    gus.expect_close(1000).await;
    meeting
        .ask_as_guest(Some(&gus.resumption))
        .await
        .expect_error(401, "wrong_room_password");
    // With the password it is somebody else, who has missed nothing.
    let again = json!({"password": "secret", "resumption": gus.resumption});
    let ticket = meeting.invited(again).await.expect(200);
    let mut other = Participant::connect_from(&server.address(), &ticket, seen).await;
    other.ask_to_join("Gus").await;
    let frame = other.expect_next("control", "not_resumed").await;
    assert!(frame.get("seq").is_none(), "{frame}");
    other.expect_next("moderation", "in_waiting_room").await;
    let waits = alice.expect("moderation", "joined_waiting_room").await;
    assert_ne!(waits["id"], *gus.id);
}

async fn after_a_restart(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    alice.say("before").await;
    ida.expect_next("chat", "message_sent").await;
    let seen = gus.last_seq();
    server.kill9();
    server.restart().await;
    let mut back = come_back(&meeting, gus, seen).await;
    expect_resumed(&mut back, seen).await;
    let before = back.expect_next("chat", "message_sent").await;
    assert_eq!(before["payload"]["content"], "before");
    let last = back.last_seq();
    let mut alice = meeting.returning_owner(&alice.resumption).await;
    alice.join("Alice").await;
    alice.say("after").await;
    let heard = back.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["content"], "after");
    // Numbers go on far above, so none comes twice.
    let newest = back.last_seq();
    assert!(newest >= 1 << 32, "{newest}");
    // Nobody knows of what the log does not know.
    let mut back = come_back(&meeting, back, last + 1).await;
    let joined = expect_not_resumed(&mut back).await;
    assert_eq!(joined["id"], *back.id);
    back.expect_silence().await;
}

async fn after_the_grace_time(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let gus = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    let (seen, id, token) = (gus.last_seq(), gus.id.clone(), gus.resumption.clone());
    gus.vanish();
    let left = alice.expect_next("control", "left").await;
    assert_eq!(left["payload"]["reason"], "timeout");
    let mut back = meeting.resuming_guest(&token, seen).await;
    back.ask_to_join("Gus").await;
    let joined = expect_not_resumed(&mut back).await;
    assert_eq!(joined["id"], *id);
    let joined = alice.expect_next("control", "joined").await;
    assert_eq!(joined["payload"]["id"], *id);
    // The same after a polite goodbye.
    let (seen, token) = (back.last_seq(), back.resumption.clone());
    back.leave().await;
    alice.expect_next("control", "left").await;
    let mut back = meeting.resuming_guest(&token, seen).await;
    back.ask_to_join("Gus").await;
    assert_eq!(expect_not_resumed(&mut back).await["id"], *id);
}

async fn without_a_token(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, _ida]) = meeting.gather(["Gus", "Ida"]).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let mut other = Participant::connect_from(&server.address(), &ticket, gus.last_seq()).await;
    other.ask_to_join("Other").await;
    let joined = expect_not_resumed(&mut other).await;
    assert_ne!(joined["id"], *gus.id);
    gus.expect_next("control", "joined").await;
    alice.expect_next("control", "joined").await;
}

async fn numbers_that_are_none(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    let offered = protocols(&ticket);
    for number in ["", "x", "-1", "1.5", "18446744073709551616", "1%00"] {
        let path = format!("/signaling?resume_from={number}");
        let refused = Participant::upgrade_at(&server.address(), &path, Some(&offered)).await;
        let (status, body) = refused.expect_err("refused");
        assert_eq!((status, &body["code"]), (400, &json!("bad_request")), "{number}");
    }
    // That has not cost the ticket; what else stands in the query is not looked at.
    let path = "/v1/signaling?other=1";
    let opened = Participant::upgrade_at(&server.address(), path, Some(&offered)).await;
    opened.expect("a socket");
}
