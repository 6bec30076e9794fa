//! Section 10: the order that clients rely on.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Quiet;
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet: everybody_sees_the_same_order, a_newcomer_misses_nothing, answers_keep_the_order_of_commands);

const GUESTS: usize = 4;
const MESSAGES: usize = 25;

/// Sends numbered messages without waiting for anything.
async fn talk(who: &mut Participant) {
    for number in 0..MESSAGES {
        let message = json!({"action": "send_message", "content": number.to_string(), "scope": "global"});
        who.send("chat", message).await;
    }
}

/// Everybody talks at the same time.
async fn talk_all_at_once(people: &mut [Participant]) {
    join_all(people.iter_mut().map(talk)).await;
}

/// Reads until so many messages were seen, and answers the frames of all events of the room that were seen.
async fn events_until(who: &mut Participant, messages: usize) -> Vec<Value> {
    let is_message = |frame: &&Value| frame["payload"]["message"] == "message_sent";
    while who.everything_seen().iter().filter(is_message).count() < messages {
        who.try_next().await.expect("an event");
    }
    who.everything_seen().to_vec()
}

fn messages(frames: &[Value]) -> Vec<Value> {
    let payloads = frames.iter().map(|frame| &frame["payload"]);
    let sent = payloads.filter(|payload| payload["message"] == "message_sent");
    sent.map(|message| message["id"].clone()).collect()
}

async fn people(meeting: &Meeting) -> Vec<Participant> {
    let mut people = vec![meeting.joined_owner().await];
    for number in 0..GUESTS {
        people.push(meeting.joined_guest(&format!("Guest {number}")).await);
    }
    people
}

async fn everybody_sees_the_same_order(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut people = people(&meeting).await;
    talk_all_at_once(&mut people).await;

    let total = people.len() * MESSAGES;
    let mut numbered: BTreeMap<u64, Value> = BTreeMap::new();
    let mut order = None;
    for who in &mut people {
        let frames = events_until(who, total).await;
        let order: &Vec<Value> = order.get_or_insert_with(|| messages(&frames));
        assert_eq!(messages(&frames), *order);
        let numbers: Vec<_> = frames
            .iter()
            .map(|frame| frame["seq"].as_u64().expect("a number"))
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "rising: {numbers:?}");
        // The same number is the same event, whoever gets it, and at the same time.
        for frame in frames
            .into_iter()
            .filter(|frame| frame["payload"]["message"] == "message_sent")
        {
            let number = frame["seq"].as_u64().expect("a number");
            let known = numbered.entry(number).or_insert_with(|| frame.clone());
            assert_eq!(*known, frame);
        }
    }
    // Each sender's messages are in the order in which they were sent, and no two have the same time.
    let mut times = Vec::new();
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    for frame in numbered.values() {
        let message = &frame["payload"];
        heard
            .entry(text(&message["source"]))
            .or_default()
            .push(text(&message["content"]));
        times.push(text(&frame["timestamp"]));
    }
    let in_order: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(heard.len(), people.len());
    assert!(heard.values().all(|contents| *contents == in_order), "{heard:?}");
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

async fn a_newcomer_misses_nothing(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut people = people(&meeting).await;
    let total = people.len() * MESSAGES;
    let newcomers = async {
        let mut newcomers = Vec::new();
        for number in 0..10 {
            let mut newcomer = meeting.guest().await;
            let joined = newcomer.join(&format!("Newcomer {number}")).await;
            newcomers.push((newcomer, joined));
        }
        newcomers
    };
    let ((), newcomers) = tokio::join!(talk_all_at_once(&mut people), newcomers);
    let expected = messages(&events_until(&mut people[0], total).await);

    for (mut newcomer, joined) in newcomers {
        let history = meeting.history(&mut newcomer, &joined).await;
        let mut seen: Vec<_> = history.iter().map(|message| message["id"].clone()).collect();
        let frames = events_until(&mut newcomer, total - seen.len()).await;
        seen.extend(messages(&frames));
        assert_eq!(seen, expected, "history and events: no gap, and nothing twice");
        let first = &frames[0];
        assert_eq!(
            first["payload"]["message"], "join_success",
            "nothing comes before it"
        );
    }
}

async fn answers_keep_the_order_of_commands(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    for _ in 0..5 {
        alice.act("control", "raise_hand").await;
        alice.whisper(&alice.id.clone(), "note").await;
        alice.act("control", "join").await;
        alice.act("chat", "enable_chat").await;
        let chunk = json!({"action": "get_history_chunk", "message_index": 0, "scope": "global"});
        alice.send("chat", chunk).await;
        alice.act("moderation", "disable_waiting_room").await;
    }
    for _ in 0..5 {
        for (namespace, message) in [
            ("control", "hand_raised"),
            ("chat", "message_sent"),
            ("control", "error"),
            ("chat", "chat_enabled"),
            ("chat", "room_chat_history_chunk"),
            ("moderation", "waiting_room_disabled"),
        ] {
            alice.expect_next(namespace, message).await;
        }
    }
}
