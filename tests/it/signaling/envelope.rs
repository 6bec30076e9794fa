//! Section 1: what is no message of the protocol, before and after the join.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: before_the_join, after_the_join, messages_that_are_too_large, text_that_is_no_utf8);

async fn before_the_join(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.guest().await;
    for nonsense in [
        "nonsense",
        "{}",
        "[]",
        "null",
        r#"{"namespace":"control"}"#,
        r#"{"namespace":1,"payload":{}}"#,
    ] {
        guest.send_text(nonsense).await;
        guest.expect_error("control", "invalid_json").await;
    }
    for payload in [
        json!({"action": "fly"}),
        json!({"action": "join", "display_name": 1}),
        json!("join"),
    ] {
        guest.send("control", payload).await;
        guest.expect_error("control", "invalid_json").await;
    }
    // Other namespaces are dropped silently, whether they exist or not.
    guest
        .send(
            "chat",
            json!({"action": "send_message", "content": "x", "scope": "global"}),
        )
        .await;
    guest.send("chat", json!({"action": "fly"})).await;
    guest.send("nope", json!({"action": "fly"})).await;
    guest.expect_nothing().await;
    guest.send("control", json!({"action": "raise_hand"})).await;
    guest.expect_error("control", "not_yet_joined").await;
    for name in ["", "   ", &"x".repeat(101)] {
        guest.ask_to_join(name).await;
        guest.expect_error("control", "invalid_username").await;
    }
    let joined = guest.join(&"ü".repeat(100)).await;
    assert_eq!(joined["display_name"], "ü".repeat(100));
    guest.ask_to_join("again").await;
    guest.expect_error("control", "already_joined").await;
}

async fn after_the_join(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Guest").await;
    guest.send("nope", json!({"action": "fly"})).await;
    guest.expect_error("control", "invalid_namespace").await;
    guest.send("chat", json!({"action": "fly"})).await;
    guest.expect_error("control", "invalid_json").await;
    guest
        .send(
            "chat",
            json!({"action": "send_message", "content": 1, "scope": "global"}),
        )
        .await;
    guest.expect_error("control", "invalid_json").await;
    // Unknown fields are ignored, and JSON may come as bytes.
    let raise = json!({"namespace": "control", "extra": 1, "payload": {"action": "raise_hand", "more": []}});
    guest.send_message(Message::binary(raise.to_string())).await;
    let raised = guest.expect_next("control", "hand_raised").await;
    assert!(
        raised["seq"].is_u64() && raised["timestamp"].is_string(),
        "{raised}"
    );
    guest.send_message(Message::binary(vec![0xff, 0xfe])).await;
    guest.expect_error("control", "invalid_json").await;
    guest.expect_nothing().await;
}

async fn messages_that_are_too_large(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut early = meeting.guest().await;
    early.send_text(&"x".repeat(16 * 1024 + 1)).await;
    assert_eq!(early.close_code().await, Some(1009));

    let mut bystander = meeting.joined_guest("Bystander").await;
    let mut guest = meeting.joined_guest("Guest").await;
    let large = "x".repeat(100 * 1024);
    guest
        .send(
            "chat",
            json!({"action": "send_message", "content": large, "scope": "global"}),
        )
        .await;
    let sent = guest.expect("chat", "message_sent").await;
    assert_eq!(
        sent["content"].as_str().map(str::len),
        Some(4096),
        "cut, not refused"
    );
    guest.send_text(&"x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(guest.close_code().await, Some(1009));
    let left = bystander.expect("control", "left").await;
    assert_eq!(left["reason"], "quit");
}

async fn text_that_is_no_utf8(server: &Server) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let meeting = Meeting::create(server, json!({})).await;
    let mut bystander = meeting.joined_guest("Bystander").await;
    let guest = meeting.joined_guest("Guest").await;
    let mut stream = guest.into_stream();
    // A masked text frame of two bytes that are no UTF-8 (RFC 6455, section 5.2), with a mask of zeros.
    stream
        .write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe])
        .await
        .expect("sent");
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .await
        .expect("the server ends the connection");
    // 1007: a close frame of two bytes.
    assert!(
        rest.windows(4).any(|bytes| bytes == [0x88, 0x02, 0x03, 0xef]),
        "{rest:?}"
    );
    bystander.say("unharmed").await;
}
