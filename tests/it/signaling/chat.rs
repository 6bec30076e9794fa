//! Section 6: a registered user and guests talk.

use serde_json::{Value, json};

use crate::support::{meeting::Meeting, server::Server};

/// More than a test's messages: the rate limit has tests of its own.
const TALKATIVE: (&str, &str) = ("COLLOQUY_SIGNALING__COMMANDS_BURST", "1000");

on_both_databases!(Server: a_guest_and_a_registered_user_chat, private_messages, chat_is_switched_and_cleared);

async fn a_guest_and_a_registered_user_chat(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    let sent = alice.say("Hello, Gus! 👋").await;
    let heard = guest.expect("chat", "message_sent").await;
    assert_eq!(heard, sent, "everybody gets the same");
    assert_eq!(
        heard,
        json!({"message": "message_sent", "id": heard["id"], "source": alice.id, "content": "Hello, Gus! 👋",
               "scope": "global"})
    );
    guest.say("Hello, Alice!").await;
    assert_eq!(
        alice.expect("chat", "message_sent").await["content"],
        "Hello, Alice!"
    );
    guest
        .send(
            "chat",
            json!({"action": "send_message", "content": "", "scope": "global"}),
        )
        .await;
    alice.expect_silence().await;

    let joined = meeting.guest().await.join("Late").await;
    let messages = joined["chat"]["room_history"]["messages"]
        .as_array()
        .expect("messages")
        .clone();
    let contents: Vec<_> = messages
        .iter()
        .map(|message| message["content"].clone())
        .collect();
    assert_eq!(contents, ["Hello, Gus! 👋", "Hello, Alice!"]);
    assert!(
        messages.iter().all(|message| message["timestamp"].is_string()),
        "{messages:?}"
    );
}

async fn private_messages(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut ben = meeting.joined_guest("Ben").await;
    let mut cleo = meeting.joined_guest("Cleo").await;
    let to_ben = json!({"action": "send_message", "content": "psst", "scope": "private", "target": ben.id});
    alice.send("chat", to_ben).await;
    for one in [&mut alice, &mut ben] {
        let heard = one.expect("chat", "message_sent").await;
        assert_eq!(
            (&heard["scope"], &heard["content"]),
            (&json!("private"), &json!("psst"))
        );
    }
    let stranger = json!({"action": "send_message", "content": "?", "scope": "private",
                          "target": "00000000-0000-4000-8000-000000000000"});
    alice.send("chat", stranger).await;
    let group = json!({"action": "send_message", "content": "?", "scope": "group", "target": "staff"});
    alice.send("chat", group).await;
    alice.expect_silence().await;
    let heard: Vec<Value> = cleo.events_so_far().await;
    assert!(
        heard.iter().all(|event| event["namespace"] != "chat"),
        "{heard:?}"
    );

    // It is in the history of both, and of nobody else.
    let (token, id) = (ben.resumption.clone(), ben.id.clone());
    ben.leave().await;
    let mut ben = meeting.returning_guest(&token).await;
    let joined = ben.join("Ben").await;
    assert_eq!(joined["id"], *id);
    let private = &joined["chat"]["private_history"];
    assert_eq!(private[0]["correspondent"], *alice.id);
    assert_eq!(private[0]["history"]["messages"][0]["content"], "psst");
    let joined = meeting.guest().await.join("Dan").await;
    assert_eq!(joined["chat"]["private_history"], json!([]));
}

async fn chat_is_switched_and_cleared(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.say("one").await;
    guest.send("chat", json!({"action": "disable_chat"})).await;
    guest.expect_error("chat", "insufficient_permissions").await;
    alice.send("chat", json!({"action": "disable_chat"})).await;
    assert_eq!(
        guest.expect("chat", "chat_disabled").await["issued_by"],
        *alice.id
    );
    for one in [&mut alice, &mut guest] {
        one.send(
            "chat",
            json!({"action": "send_message", "content": "x", "scope": "global"}),
        )
        .await;
        one.expect_error("chat", "chat_disabled").await;
    }
    alice.send("chat", json!({"action": "clear_history"})).await;
    guest.expect("chat", "history_cleared").await;
    alice.send("chat", json!({"action": "enable_chat"})).await;
    guest.expect("chat", "chat_enabled").await;
    guest.say("two").await;
    let joined = meeting.guest().await.join("Late").await;
    let history = &joined["chat"]["room_history"];
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(1), "{history}");
    assert_eq!(history["messages"][0]["content"], "two");
}

#[tokio::test]
async fn a_long_history_comes_in_chunks() {
    let server = Server::start_with(crate::databases::Kind::Sqlite, &[TALKATIVE]).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    for index in 0..250 {
        alice.say(&index.to_string()).await;
    }
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    let newest = &joined["chat"]["room_history"];
    assert_eq!(newest["messages"].as_array().map(Vec::len), Some(100));
    assert_eq!(newest["next_index"], 149);
    let contents: Vec<_> = meeting.history(&mut late, &joined).await;
    let contents: Vec<_> = contents
        .iter()
        .map(|message| message["content"].as_str().expect("text"))
        .collect();
    assert_eq!(
        contents,
        (0..250).map(|index: u32| index.to_string()).collect::<Vec<_>>()
    );
    let beyond = json!({"action": "get_history_chunk", "message_index": 250, "scope": "global"});
    late.send("chat", beyond).await;
    let chunk = late.expect("chat", "room_chat_history_chunk").await;
    assert_eq!(chunk["history"], json!({"messages": [], "next_index": null}));
    server.finish().await;
}
