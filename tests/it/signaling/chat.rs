//! Section 6: a registered user and guests talk.

use serde_json::{Value, json};

use super::{NOBODY, Quiet, assert_time};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    a_guest_and_a_registered_user_chat, private_messages_are_private, messages_to_nobody_are_dropped,
    contents_have_bounds, chat_is_switched_and_cleared, repeating_is_answered_to_the_sender_only,
    what_was_read_is_remembered);

/// The next frame is this message to the room; answers its payload.
async fn hears(who: &mut Participant, content: &str) -> Value {
    let heard = who.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["content"], content);
    heard["payload"].clone()
}

/// A registered user creates a room and an invite link; a guest comes in by it, and they talk.
async fn a_guest_and_a_registered_user_chat(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let verified = meeting
        .anyone
        .post("/v1/invite/verify", json!({"invite_code": meeting.invite_code}));
    let verified = verified.await.expect(201);
    assert_eq!(
        verified,
        json!({"room_id": meeting.room, "password_required": false})
    );
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;

    let sent = alice.say("Hello, Gus! 👋").await;
    let heard = hears(&mut guest, "Hello, Gus! 👋").await;
    assert_eq!(heard, sent, "everybody gets the same");
    assert_eq!(
        heard,
        json!({
            "message": "message_sent", "id": heard["id"], "source": alice.id, "content": "Hello, Gus! 👋",
            "scope": "global",
        })
    );
    let answer = guest.say("Hello, Alice!").await;
    assert_eq!(hears(&mut alice, "Hello, Alice!").await, answer);
    assert_ne!(answer["id"], sent["id"]);

    // Who comes late reads what was said.
    let joined = meeting.guest().await.join("Late").await;
    let history = &joined["chat"]["room_history"];
    let messages = history["messages"].as_array().expect("messages");
    for (stored, sent) in messages.iter().zip([&sent, &answer]) {
        assert_time(&stored["timestamp"]);
        assert_eq!(
            *stored,
            json!({
                "id": sent["id"], "source": sent["source"], "timestamp": stored["timestamp"],
                "content": sent["content"], "scope": "global",
            })
        );
    }
    assert_eq!((messages.len(), &history["next_index"]), (2, &json!(null)));
}

async fn private_messages_are_private(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut ben = meeting.joined_guest("Ben").await;
    let mut cleo = meeting.joined_guest("Cleo").await;
    ben.expect_next("control", "joined").await;
    alice.whisper(&ben.id, "psst").await;
    alice.expect("chat", "message_sent").await;
    let heard = hears(&mut ben, "psst").await;
    assert_eq!(
        heard,
        json!({
            "message": "message_sent", "id": heard["id"], "source": alice.id, "content": "psst",
            "scope": "private", "target": ben.id,
        })
    );
    ben.whisper(&alice.id, "what?").await;
    hears(&mut ben, "what?").await;
    hears(&mut alice, "what?").await;
    // To oneself: once.
    ben.whisper(&ben.id.clone(), "note").await;
    hears(&mut ben, "note").await;
    ben.expect_silence().await;
    alice.expect_silence().await;
    cleo.expect_silence().await;

    // It is in the history of both, and of nobody else.
    let (token, id) = (ben.resumption.clone(), ben.id.clone());
    ben.vanish();
    alice.whisper(&id, "for later").await;
    hears(&mut alice, "for later").await;
    let mut ben = meeting.returning_guest(&token).await;
    let joined = ben.join("Ben").await;
    let histories = joined["chat"]["private_history"].as_array().expect("a list");
    let with = |who: &str| {
        let history = histories.iter().find(|history| history["correspondent"] == *who);
        let history = &history.expect("a history")["history"];
        assert_eq!(history["next_index"], json!(null));
        let messages = history["messages"].as_array().expect("messages").iter();
        messages
            .map(|message| message["content"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(with(&alice.id), ["psst", "what?", "for later"]);
    assert_eq!(with(&id), ["note"]);
    assert_eq!(histories.len(), 2);
    let joined = meeting.guest().await.join("Dan").await;
    assert_eq!(joined["chat"]["private_history"], json!([]));
    assert_eq!(joined["chat"]["room_history"]["messages"], json!([]));
}

async fn messages_to_nobody_are_dropped(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    alice.whisper(NOBODY, "anybody?").await;
    let group = json!({"action": "send_message", "content": "?", "scope": "group", "target": "staff"});
    alice.send("chat", group).await;
    let empty = json!({"action": "send_message", "content": "", "scope": "global"});
    alice.send("chat", empty).await;
    alice.expect_silence().await;
    let group =
        json!({"action": "get_history_chunk", "message_index": 0, "scope": "group", "target": "staff"});
    alice.send("chat", group).await;
    alice.expect_error("chat", "insufficient_permissions").await;
}

async fn contents_have_bounds(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    // 4096 bytes, cut at a border of characters.
    for (long, kept) in [
        ("x".repeat(4_096), "x".repeat(4_096)),
        ("x".repeat(5_000), "x".repeat(4_096)),
        ("ü".repeat(3_000), "ü".repeat(2_048)),
        (
            format!("x{}", "👋".repeat(2_000)),
            format!("x{}", "👋".repeat(1_023)),
        ),
    ] {
        let message = json!({"action": "send_message", "content": long, "scope": "global"});
        alice.send("chat", message).await;
        hears(&mut alice, &kept).await;
    }
    for odd in [" ", "\t", "\u{202e}", "<b>&amp;</b>", "line\nline"] {
        alice.say(odd).await;
    }
    // Control characters draw nothing, and some clients end at them.
    let message = json!({"action": "send_message", "content": "a\u{0}b\u{1b}c", "scope": "global"});
    alice.send("chat", message).await;
    hears(&mut alice, "abc").await;
}

async fn chat_is_switched_and_cleared(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    for action in ["disable_chat", "enable_chat", "clear_history"] {
        guest.act("chat", action).await;
        guest.expect_error("chat", "insufficient_permissions").await;
    }
    alice.say("one").await;
    hears(&mut guest, "one").await;
    alice.whisper(&guest.id, "between us").await;
    hears(&mut alice, "between us").await;
    hears(&mut guest, "between us").await;

    alice.act("chat", "disable_chat").await;
    let told = json!({"message": "chat_disabled", "issued_by": alice.id});
    for one in [&mut alice, &mut guest] {
        assert_eq!(one.expect_next("chat", "chat_disabled").await["payload"], told);
    }
    let joined = meeting.guest().await.join("Late").await;
    assert_eq!(joined["chat"]["enabled"], false);
    for one in [&mut alice, &mut guest] {
        let message = json!({"action": "send_message", "content": "x", "scope": "global"});
        one.send("chat", message).await;
        one.expect_error("chat", "chat_disabled").await;
        one.whisper(NOBODY, "x").await;
        one.expect_error("chat", "chat_disabled").await;
    }
    alice.act("chat", "clear_history").await;
    let cleared = guest.expect("chat", "history_cleared").await;
    assert_eq!(
        cleared,
        json!({"message": "history_cleared", "issued_by": alice.id})
    );
    alice.act("chat", "enable_chat").await;
    let enabled = guest.expect("chat", "chat_enabled").await;
    assert_eq!(enabled, json!({"message": "chat_enabled", "issued_by": alice.id}));
    guest.say("two").await;
    // The private conversation stays.
    let back = meeting.returning_guest(&guest.resumption).await.join("Gus").await;
    let history = &back["chat"]["room_history"]["messages"];
    assert_eq!(history.as_array().map(Vec::len), Some(1), "{history}");
    assert_eq!(history[0]["content"], "two");
    let private = &back["chat"]["private_history"][0]["history"]["messages"];
    assert_eq!(private[0]["content"], "between us");
    assert_eq!(back["chat"]["enabled"], true);
}

async fn repeating_is_answered_to_the_sender_only(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    alice.act("chat", "enable_chat").await;
    alice.expect_next("chat", "chat_enabled").await;
    alice.act("chat", "disable_chat").await;
    guest.expect_next("chat", "chat_disabled").await;
    alice.act("chat", "disable_chat").await;
    alice.expect_next("chat", "chat_disabled").await;
    alice.expect_next("chat", "chat_disabled").await;
    guest.expect_silence().await;
}

async fn what_was_read_is_remembered(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z");
    for (scope, target, time) in [
        ("global", None, early),
        ("global", None, late),
        ("private", Some(&alice.id), early),
    ] {
        let seen =
            json!({"action": "set_last_seen_timestamp", "scope": scope, "target": target, "timestamp": time});
        guest.send("chat", seen).await;
    }
    guest.expect_silence().await;
    alice.expect("control", "joined").await;
    alice.expect_silence().await;

    let joined = meeting.returning_guest(&guest.resumption).await.join("Gus").await;
    let time = |value: &Value| {
        let parsed = chrono::DateTime::parse_from_rfc3339(value.as_str().expect("a time"));
        parsed
            .expect("a time")
            .to_utc()
            .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    };
    let chat = &joined["chat"];
    assert_eq!(
        time(&chat["last_seen_timestamp_global"]),
        "2026-01-01T00:00:00.500Z"
    );
    assert_eq!(time(&chat["last_seen_timestamps_private"][&*alice.id]), early);
    assert_eq!(chat["last_seen_timestamps_group"], json!({}));
    // It is everybody's own.
    let joined = meeting
        .returning_owner(&alice.resumption)
        .await
        .join("Alice")
        .await;
    assert_eq!(joined["chat"]["last_seen_timestamp_global"], json!(null));
}
