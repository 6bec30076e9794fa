//! Section 1: what is no message of the protocol, before and after the join, and the form of what is one.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::{Quiet, assert_time, fields};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    before_the_join, after_the_join, names_are_checked_at_the_join, bytes_and_unknown_fields_are_accepted,
    events_have_an_envelope, messages_that_are_too_large, text_that_is_no_utf8);

const NO_MESSAGES: [&str; 11] = [
    r#"["control",{"action":"raise_hand"}]"#,
    "",
    "nonsense",
    "{",
    "{}",
    "[]",
    "null",
    r#"{"namespace":"control"}"#,
    r#"{"payload":{"action":"join"}}"#,
    r#"{"namespace":1,"payload":{}}"#,
    r#"{"namespace":"control","payload":{"action":"raise_hand"}} {}"#,
];

async fn refuses_what_is_no_message(who: &mut Participant) {
    for nonsense in NO_MESSAGES {
        who.send_text(nonsense).await;
        let refused = who.expect_next("control", "error").await;
        assert_eq!(refused["payload"]["error"], "invalid_json", "{nonsense}");
    }
    who.send_message(Message::binary(vec![0xff, 0xfe])).await;
    who.expect_error("control", "invalid_json").await;
    for payload in [
        json!(null),
        json!("join"),
        json!(["raise_hand"]),
        json!({}),
        json!({"action": null}),
        json!({"action": "fly"}),
        json!({"action": "Join"}),
        json!({"action": "join", "display_name": 1}),
        json!({"action": "grant_moderator_role"}),
        json!({"action": "grant_moderator_role", "target": "somebody"}),
    ] {
        who.send("control", payload.clone()).await;
        let refused = who.expect_next("control", "error").await;
        assert_eq!(refused["payload"]["error"], "invalid_json", "{payload}");
    }
    who.expect_nothing().await;
}

async fn before_the_join(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.guest().await;
    refuses_what_is_no_message(&mut guest).await;
    // Other namespaces are dropped silently, whether they exist or not.
    for namespace in ["chat", "moderation", "nope", "", "Control", "livekit"] {
        guest.act(namespace, "fly").await;
    }
    guest.act("chat", "clear_history").await;
    guest.act("moderation", "enable_waiting_room").await;
    guest.expect_nothing().await;
    for action in ["raise_hand", "lower_hand"] {
        guest.act("control", action).await;
        guest.expect_error("control", "not_yet_joined").await;
    }
    for action in ["grant_moderator_role", "revoke_moderator_role"] {
        guest.act_on("control", action, super::NOBODY).await;
        guest.expect_error("control", "not_yet_joined").await;
    }
    guest.act("control", "enter_room").await;
    guest
        .expect_error("control", "not_accepted_or_not_in_waiting_room")
        .await;
    guest.join("Gus").await;
}

async fn after_the_join(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    refuses_what_is_no_message(&mut guest).await;
    for namespace in ["nope", "", "Control", "whiteboard"] {
        guest.act(namespace, "fly").await;
        guest.expect_error("control", "invalid_namespace").await;
    }
    for (namespace, payload) in [
        ("chat", json!({"action": "fly"})),
        ("chat", json!({"action": "send_message", "scope": "global"})),
        (
            "chat",
            json!({"action": "send_message", "content": 1, "scope": "global"}),
        ),
        (
            "chat",
            json!({"action": "send_message", "content": "x", "scope": "public"}),
        ),
        (
            "chat",
            json!({"action": "send_message", "content": "x", "scope": "private"}),
        ),
        (
            "chat",
            json!({"action": "get_history_chunk", "message_index": -1, "scope": "global"}),
        ),
        ("moderation", json!({"action": "kick"})),
        ("moderation", json!({"action": "accept", "target": 1})),
        ("moderation", json!("enable_waiting_room")),
    ] {
        guest.send(namespace, payload.clone()).await;
        let refused = guest.expect_next("control", "error").await;
        assert_eq!(refused["payload"]["error"], "invalid_json", "{payload}");
    }
    guest.say("none of it closes the socket").await;
}

async fn names_are_checked_at_the_join(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest().await;
    for name in ["", "   ", "\t\n", &"x".repeat(101)] {
        guest.ask_to_join(name).await;
        guest.expect_error("control", "invalid_username").await;
    }
    // A guest has no profile to take a name from.
    for payload in [
        json!({"action": "join"}),
        json!({"action": "join", "display_name": null}),
    ] {
        guest.send("control", payload).await;
        guest.expect_error("control", "invalid_username").await;
    }
    alice.expect_silence().await;
    let longest = "ü".repeat(100);
    let joined = guest.join(&format!("  {longest} ")).await;
    assert_eq!(joined["display_name"], longest);
    guest.ask_to_join("again").await;
    guest.expect_error("control", "already_joined").await;
    let told = alice.expect_next("control", "joined").await;
    assert_eq!(told["payload"]["control"]["display_name"], longest);
    alice.expect_silence().await;
}

async fn bytes_and_unknown_fields_are_accepted(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.guest().await;
    let join = json!({
        "namespace": "control", "timestamp": 1, "more": {},
        "payload": {"more": [], "action": "join", "display_name": "Gus"},
    });
    guest.send_message(Message::binary(join.to_string())).await;
    guest.expect_next("control", "join_success").await;
    // Fields come in any order, and texts may be escaped.
    let raise = r#" { "payload":{"action":"raise_hand"},"namespace":"contr\u006fl" } "#;
    guest.send_text(raise).await;
    guest.expect_next("control", "hand_raised").await;
}

async fn events_have_an_envelope(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    guest.act("control", "raise_hand").await;
    let of_the_room = guest.expect_next("control", "hand_raised").await;
    assert_eq!(
        fields(&of_the_room),
        ["namespace", "payload", "seq", "timestamp"].into()
    );
    assert!(of_the_room["seq"].is_u64(), "{of_the_room}");
    assert_time(&of_the_room["timestamp"]);
    guest.act("nope", "fly").await;
    let of_the_session = guest.expect_next("control", "error").await;
    assert_eq!(
        fields(&of_the_session),
        ["namespace", "payload", "timestamp"].into()
    );
    assert_time(&of_the_session["timestamp"]);
}

/// A text message of this size that is no JSON.
fn nonsense(bytes: usize) -> String {
    "x".repeat(bytes)
}

async fn messages_that_are_too_large(server: &Server) {
    const BEFORE: usize = 16 * 1024;
    const AFTER: usize = 1024 * 1024;
    let meeting = Meeting::create(server, json!({})).await;
    let mut early = meeting.guest().await;
    early.send_text(&nonsense(BEFORE)).await;
    early.expect_error("control", "invalid_json").await;
    early.send_text(&nonsense(BEFORE + 1)).await;
    early.expect_close(1009).await;

    let mut bystander = meeting.joined_guest("Bystander").await;
    let mut guest = meeting.joined_guest("Guest").await;
    bystander.expect_next("control", "joined").await;
    guest.send_text(&nonsense(AFTER)).await;
    guest.expect_error("control", "invalid_json").await;
    guest.send_text(&nonsense(AFTER + 1)).await;
    guest.expect_next("moderation", "kicked").await;
    guest.expect_close(1009).await;
    let left = bystander.expect_next("control", "left").await;
    assert_eq!(left["payload"]["reason"], "quit");
    bystander.say("alone again").await;
}

/// A text frame of a client (RFC 6455, section 5.2) with a mask of zeros.
fn text_frame(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a short text");
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(content);
    frame
}

async fn text_that_is_no_utf8(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut bystander = meeting.joined_guest("Bystander").await;
    for content in [
        &b"\xff\xfe"[..],
        b"{\"namespace\":\"echo\",\"payload\":\"\xc3\"}",
        b"\xed\xa0\x80",
    ] {
        let guest = meeting.joined_guest("Guest").await;
        let (id, token) = (guest.id.clone(), guest.resumption.clone());
        bystander.expect_next("control", "joined").await;
        let mut stream = guest.into_stream();
        stream.write_all(&text_frame(content)).await.expect("sent");
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest).await;
        read.expect("the server ends the connection");
        // A close frame of two bytes: 1007.
        assert!(rest.ends_with(&[0x88, 0x02, 0x03, 0xef]), "{rest:?}");
        // The web client comes back after this code: the connection counts as lost, not as left.
        bystander.expect_silence().await;
        let mut again = meeting.returning_guest(&token).await;
        again.join("Guest").await;
        assert_eq!(again.id, id);
        bystander.expect_silence().await;
        again.leave().await;
        bystander.expect_next("control", "left").await;
    }
}
