//! Section 1: the clients' heartbeat.

use serde_json::{Value, json};

use super::{Quiet, fields};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet: whatever_is_sent_comes_back, everybody_has_a_heartbeat, an_echo_needs_a_payload);

async fn expect_echo(who: &mut Participant, payload: Value) {
    who.send("echo", payload.clone()).await;
    let frame = who.try_next().await.expect("a frame");
    assert_eq!(frame["namespace"], "echo");
    assert_eq!(frame["payload"], payload);
    assert_eq!(fields(&frame), ["namespace", "payload", "timestamp"].into());
}

async fn whatever_is_sent_comes_back(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.guest().await;
    for payload in [
        json!({"action": "ping"}),
        json!({"action": "join", "display_name": "nobody"}),
        json!(null),
        json!("text \u{1f44b} \0 \u{2028}"),
        json!([1, -2.5e300, [], {}, {"": {"a": [null, true]}}]),
        json!(u64::MAX),
    ] {
        expect_echo(&mut guest, payload).await;
    }
    // Numbers that no float holds, and the order of fields, come back as they were sent.
    let unusual = r#"{"z":1.00000000000000000001,"a":123456789012345678901234567890,"z":2}"#;
    guest
        .send_text(&format!(r#"{{"namespace":"echo","payload":{unusual}}}"#))
        .await;
    let raw = guest.next_text().await;
    assert!(raw.ends_with(&format!(r#""payload":{unusual}}}"#)), "{raw}");
}

async fn everybody_has_a_heartbeat(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let ping = || json!({"action": "ping"});
    let mut alice = meeting.owner().await;
    expect_echo(&mut alice, ping()).await;
    alice.join("Alice").await;
    expect_echo(&mut alice, ping()).await;

    let mut guest = meeting.waiting_guest("Gus", &mut alice).await;
    expect_echo(&mut guest, ping()).await;
    alice.act_on("moderation", "accept", &guest.id).await;
    guest.expect_next("moderation", "accepted").await;
    expect_echo(&mut guest, ping()).await;
    guest.enter_room().await;
    expect_echo(&mut guest, ping()).await;
}

async fn an_echo_needs_a_payload(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.guest().await;
    guest.send_text(r#"{"namespace":"echo"}"#).await;
    guest.expect_error("control", "invalid_json").await;
    guest.expect_nothing().await;
}
