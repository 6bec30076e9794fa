//! Section 6: what was said before somebody came.

use serde_json::{Value, json};

use crate::support::{
    meeting::Meeting,
    participant::Participant,
    quiet::{QuietWith, Settings},
    server::Server,
};

/// More than a test's messages: the rate limit has tests of its own.
const TALKATIVE: (&str, &str) = ("COLLOQUY_SIGNALING__COMMANDS_BURST", "1000");

type Talkative = QuietWith<Chunks>;

struct Chunks;

impl Settings for Chunks {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[TALKATIVE];
}

mod chunks {
    use super::{
        Talkative, a_chunk_ends_where_it_is_asked_for, a_cleared_history_keeps_its_numbers,
        a_long_history_comes_in_chunks, private_histories_come_in_chunks,
    };

    on_both_databases!(Talkative:
        a_long_history_comes_in_chunks, a_chunk_ends_where_it_is_asked_for, private_histories_come_in_chunks,
        a_cleared_history_keeps_its_numbers);
}

mod bounded {
    use super::{Bounded, a_history_is_bounded};

    on_both_databases!(Bounded: a_history_is_bounded);
}

mod lists {
    use super::{Lists, older_clients_get_plain_lists};

    on_both_databases!(Lists: older_clients_get_plain_lists);
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn contents(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().expect("messages").iter();
    messages
        .map(|message| message["content"].as_str().expect("a content"))
        .collect()
}

/// Says the numbers of this range.
async fn count(who: &mut Participant, range: std::ops::Range<usize>) {
    for number in numbers(range) {
        who.say(&number).await;
    }
}

async fn chunk(who: &mut Participant, index: u64) -> Value {
    let command = json!({"action": "get_history_chunk", "message_index": index, "scope": "global"});
    who.send("chat", command).await;
    let chunk = who.expect("chat", "room_chat_history_chunk").await;
    chunk["history"].clone()
}

async fn a_long_history_comes_in_chunks(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    count(&mut alice, 0..250).await;
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    let newest = &joined["chat"]["room_history"];
    assert_eq!(contents(&newest["messages"]), numbers(150..250));
    assert_eq!(newest["next_index"], 149);
    let next = chunk(&mut late, 149).await;
    assert_eq!(contents(&next["messages"]), numbers(50..150));
    assert_eq!(next["next_index"], 49);
    let last = chunk(&mut late, 49).await;
    assert_eq!(contents(&last["messages"]), numbers(0..50));
    assert_eq!(last["next_index"], json!(null));
}

async fn a_chunk_ends_where_it_is_asked_for(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    count(&mut alice, 0..10).await;
    for (index, expected) in [(0, 0..1), (4, 0..5), (9, 0..10)] {
        let got = chunk(&mut alice, index).await;
        assert_eq!(contents(&got["messages"]), numbers(expected), "{index}");
        assert_eq!(got["next_index"], json!(null));
    }
    for beyond in [10, 1_000, u64::MAX] {
        let got = chunk(&mut alice, beyond).await;
        assert_eq!(got, json!({"messages": [], "next_index": null}), "{beyond}");
    }
    // The indexes do not shift when more is said.
    count(&mut alice, 10..120).await;
    let got = chunk(&mut alice, 4).await;
    assert_eq!(contents(&got["messages"]), numbers(0..5));
    let got = chunk(&mut alice, 104).await;
    assert_eq!(contents(&got["messages"]), numbers(5..105));
    assert_eq!(got["next_index"], 4);
}

async fn private_histories_come_in_chunks(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    for number in 0..120 {
        alice.whisper(&guest.id, &number.to_string()).await;
        alice.expect("chat", "message_sent").await;
        // Messages to the room do not count here.
        if number % 10 == 0 {
            alice.say("by the way").await;
        }
    }
    let mut guest = meeting.returning_guest(&guest.resumption).await;
    let joined = guest.join("Gus").await;
    let newest = &joined["chat"]["private_history"][0];
    assert_eq!(newest["correspondent"], *alice.id);
    assert_eq!(contents(&newest["history"]["messages"]), numbers(20..120));
    assert_eq!(newest["history"]["next_index"], 19);
    let ask = |target: &str| json!({"action": "get_history_chunk", "message_index": 19, "scope": "private", "target": target});
    guest.send("chat", ask(&alice.id)).await;
    // What the old connection may not have brought follows the join; then comes the answer.
    let payload = guest.expect("chat", "private_chat_history_chunk").await;
    assert_eq!(payload["correspondent"], *alice.id);
    assert_eq!(contents(&payload["history"]["messages"]), numbers(0..20));
    assert_eq!(payload["history"]["next_index"], json!(null));
    // It is theirs alone: others see their own conversations only.
    let mut other = meeting.joined_guest("Ida").await;
    for target in [&alice.id, &guest.id] {
        other.send("chat", ask(target)).await;
        let chunk = other.expect_next("chat", "private_chat_history_chunk").await;
        assert_eq!(
            chunk["payload"]["history"],
            json!({"messages": [], "next_index": null})
        );
    }
}

async fn a_cleared_history_keeps_its_numbers(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    count(&mut alice, 0..10).await;
    alice.act("chat", "clear_history").await;
    alice.expect_next("chat", "history_cleared").await;
    let empty = json!({"messages": [], "next_index": null});
    assert_eq!(chunk(&mut alice, 9).await, empty);
    count(&mut alice, 10..130).await;
    let joined = meeting.guest().await.join("Late").await;
    let newest = &joined["chat"]["room_history"];
    assert_eq!(contents(&newest["messages"]), numbers(30..130));
    assert_eq!(newest["next_index"], 29);
    let got = chunk(&mut alice, 29).await;
    assert_eq!(contents(&got["messages"]), numbers(10..30));
    assert_eq!(got["next_index"], json!(null));
    assert_eq!(chunk(&mut alice, 9).await, empty);
}

type Bounded = QuietWith<FiftyMessages>;

struct FiftyMessages;

impl Settings for FiftyMessages {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        TALKATIVE,
        ("COLLOQUY_SIGNALING__CHAT_MESSAGES_PER_SCOPE_MAX", "50"),
    ];
}

async fn a_history_is_bounded(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    count(&mut alice, 0..80).await;
    let joined = meeting.guest().await.join("Late").await;
    let newest = &joined["chat"]["room_history"];
    assert_eq!(contents(&newest["messages"]), numbers(30..80));
    assert_eq!(newest["next_index"], json!(null));
    let got = chunk(&mut alice, 34).await;
    assert_eq!(contents(&got["messages"]), numbers(30..35));
    let gone = chunk(&mut alice, 29).await;
    assert_eq!(gone, json!({"messages": [], "next_index": null}));
}

type Lists = QuietWith<HistoryAsList>;

struct HistoryAsList;

impl Settings for HistoryAsList {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[TALKATIVE, ("COLLOQUY_SIGNALING__CHAT_HISTORY", "list")];
}

async fn older_clients_get_plain_lists(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    count(&mut alice, 0..10).await;
    alice.whisper(&guest.id, "psst").await;
    alice.expect("chat", "message_sent").await;
    let joined = meeting.returning_guest(&guest.resumption).await.join("Gus").await;
    let chat = &joined["chat"];
    assert_eq!(contents(&chat["room_history"]), numbers(0..10));
    let private = &chat["private_history"][0];
    assert_eq!(private["correspondent"], *alice.id);
    assert_eq!(contents(&private["history"]), ["psst"]);
    assert_eq!(chat["groups_history"], json!([]));
}
