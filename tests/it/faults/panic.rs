//! A rule that panics is undone: nobody but its sender notices.

use std::{fs, io, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use super::{UNLIMITED, assert_works, contents, message, wait_until};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant, server::Server},
};

/// Commands that each of four sessions sends behind the panic; a session may have 32 unhandled ones.
const COMMANDS_EACH: usize = 25;

/// What is waited for did not happen.
fn not_yet() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// Makes the rule panic, half-way through changing the state.
async fn panic(participant: &mut Participant) {
    participant.send("control", json!({"action": "panic"})).await;
}

/// A meeting with a history, somebody who left and somebody who waits.
async fn lively_meeting(server: &Server) -> (Meeting, Vec<Participant>, Participant) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut people = vec![meeting.joined_owner().await];
    for name in ["Bob", "Carol", "Dave"] {
        people.push(meeting.joined_guest(name).await);
    }
    meeting.joined_guest("Eve").await.leave().await;
    for (index, person) in people.iter_mut().enumerate() {
        person.say(&format!("before {index}")).await;
    }
    people[0]
        .send("moderation", json!({"action": "enable_waiting_room"}))
        .await;
    people[0].expect("moderation", "waiting_room_enabled").await;
    let mut waiting = meeting.guest().await;
    waiting.ask_to_join("Frank").await;
    waiting.expect("moderation", "in_waiting_room").await;
    for person in &mut people {
        person.events_so_far().await;
    }
    (meeting, people, waiting)
}

/// What alice gets when she comes back: everything that the room knows.
async fn state(meeting: &Meeting, alice: &mut Participant) -> Value {
    let mut again = meeting.returning_owner(&alice.resumption).await;
    let joined = again.join("Alice").await;
    *alice = again;
    joined
}

#[tokio::test]
async fn a_panicking_rule_is_undone_and_nobody_else_notices() {
    let server = Server::start_with(Kind::Sqlite, &UNLIMITED).await;
    let other = Meeting::create(&server, json!({})).await;
    let mut bystander = other.joined_guest("Bystander").await;
    let (meeting, mut people, mut waiting) = lively_meeting(&server).await;
    people[1].send("control", json!({"action": "raise_hand"})).await;
    people[1].expect("control", "hand_raised").await;

    let before = state(&meeting, &mut people[0]).await;
    panic(&mut people[0]).await;
    let error = people[0].expect_next("control", "error").await;
    assert_eq!(error["payload"]["error"], "internal");
    let after = state(&meeting, &mut people[0]).await;
    assert_eq!(before, after);
    let history = after["chat"]["room_history"]["messages"].as_array();
    assert_eq!(history.map(Vec::len), Some(4));

    // Whoever waits can panic too, and waits on.
    panic(&mut waiting).await;
    waiting.expect_error("control", "internal").await;
    assert_eq!(before, state(&meeting, &mut people[0]).await);
    waiting.expect_nothing().await;

    for person in &mut people[2..] {
        person.expect("control", "update").await;
        person.expect_silence().await;
    }
    bystander.expect_silence().await;
    people[0]
        .send(
            "moderation",
            json!({"action": "accept", "target": waiting_id(&after)}),
        )
        .await;
    waiting.expect("moderation", "accepted").await;
    waiting.send("control", json!({"action": "enter_room"})).await;
    waiting.expect("control", "join_success").await;
    server.finish().await;
}

fn waiting_id(joined: &Value) -> Value {
    joined["moderation"]["waiting_room_participants"][0]["id"].clone()
}

#[tokio::test]
async fn commands_queued_behind_a_panic_are_all_answered() {
    let server = Server::start_with(Kind::Sqlite, &UNLIMITED).await;
    let other = Meeting::create(&server, json!({})).await;
    let mut bystander = other.joined_guest("Bystander").await;
    let (meeting, mut people, _waiting) = lively_meeting(&server).await;

    panic(&mut people[0]).await;
    let mut sent = Vec::new();
    for round in 0..COMMANDS_EACH {
        for (index, person) in people.iter_mut().enumerate() {
            let content = format!("{index} behind {round}");
            person.send("chat", message(&content)).await;
            sent.push(content);
        }
    }
    let mut orders = Vec::new();
    for (index, person) in people.iter_mut().enumerate() {
        let mut received = Vec::new();
        // What others sent later on sockets of their own may be read before the command that panics.
        let mut errors = 0;
        while received.len() < sent.len() || index == 0 && errors == 0 {
            let frame: Value = serde_json::from_str(&person.next_text().await).expect("JSON");
            if frame["payload"]["error"] == "internal" {
                errors += 1;
            } else {
                assert_eq!(frame["payload"]["message"], "message_sent", "{frame}");
                received.push(frame["payload"].clone());
            }
        }
        assert_eq!(errors, usize::from(index == 0));
        assert_each_sender_in_order(&received, index);
        orders.push(received);
        person.expect_silence().await;
    }
    assert!(
        orders.iter().all(|order| *order == orders[0]),
        "one order for all"
    );
    let mut all = contents(&orders[0]);
    all.sort_unstable();
    sent.sort_unstable();
    assert_eq!(all, sent);

    bystander.expect_silence().await;
    let joined = state(&meeting, &mut people[0]).await;
    let history = meeting.history(&mut people[0], &joined).await;
    let expected = ["before 0", "before 1", "before 2", "before 3"].into_iter();
    let expected: Vec<_> = expected.chain(contents(&orders[0])).collect();
    assert_eq!(contents(&history), expected);
    server.finish().await;
}

fn assert_each_sender_in_order(messages: &[Value], receiver: usize) {
    for sender in 0..4 {
        let prefix = format!("{sender} behind ");
        let own = contents(messages)
            .into_iter()
            .filter_map(|content| content.strip_prefix(&prefix)?.parse().ok());
        let own: Vec<usize> = own.collect();
        assert!(own.is_sorted(), "receiver {receiver}, sender {sender}: {own:?}");
    }
}

#[tokio::test]
async fn one_who_panics_on_purpose_is_cut_and_ends_no_room() {
    let server = Server::start_with(Kind::Sqlite, &UNLIMITED).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut bob = meeting.joined_guest("Bob").await;
    for _ in 0..3 {
        let mut mallory = meeting.joined_guest("Mallory").await;
        panic(&mut mallory).await;
        mallory.expect_error("control", "internal").await;
        panic(&mut mallory).await;
        mallory.expect_error("control", "internal").await;
        mallory.expect("moderation", "kicked").await;
        assert_eq!(mallory.close_code().await, Some(1008));
    }
    alice.say("still here").await;
    let heard = bob.expect("chat", "message_sent").await;
    assert_eq!(heard["content"], "still here");
    server.finish().await;
}

#[tokio::test]
async fn panics_of_three_callers_within_a_minute_end_the_room() {
    let server = Server::start_with(Kind::Sqlite, &UNLIMITED).await;
    let other = Meeting::create(&server, json!({})).await;
    let mut bystander = other.joined_guest("Bystander").await;
    let (meeting, mut people, mut waiting) = lively_meeting(&server).await;
    let old_token = people[1].resumption.clone();
    for person in &mut people[..2] {
        panic(person).await;
        person.expect_error("control", "internal").await;
    }
    // Guests of one link are one caller.
    let another = json!({"expiration": "2900-01-01T00:00:00Z"});
    let another = meeting
        .alice
        .post(&meeting.path("/invites"), another)
        .await
        .expect(201);
    let code = json!({"invite_code": another["invite_code"]});
    let mut third = meeting.guest_with(code).await;
    panic(&mut third).await;
    assert_eq!(third.close_code().await, Some(1012));
    for person in people.iter_mut().chain([&mut waiting]) {
        assert_eq!(person.close_code().await, Some(1012));
    }

    let folder = server.data_dir().join("journal/post-mortem");
    // It is moved behind the last close frame.
    wait_until("a journal is kept", async || {
        fs::read_dir(&folder)?
            .next()
            .transpose()?
            .map(drop)
            .ok_or_else(not_yet)
    })
    .await;
    let kept: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].to_string_lossy().contains(&meeting.room), "{kept:?}");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&kept[0])), (0o700, 0o600));
    assert!(
        !server
            .data_dir()
            .join(format!("journal/{}.log", meeting.room))
            .exists()
    );

    assert_begins_empty(&meeting, &old_token).await;
    server.kill9();
    server.restart().await;
    // What was put aside stays there and is not revived; the new meeting is.
    assert!(kept[0].exists());
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["chat"]["room_history"]["messages"], json!([]));
    assert_works(&meeting, &mut alice).await;
    bystander.close_code().await;
    server.finish().await;
}

/// Clients come back at once; for a moment there may be no room to meet them.
async fn assert_begins_empty(meeting: &Meeting, old_token: &str) {
    wait_until("a start", async || {
        let answer = meeting.ask_as_guest(Some(old_token)).await;
        match answer.status {
            200 => Ok(()),
            503 if answer.headers.contains_key("retry-after") => Err(answer),
            _ => panic!("{answer:?}"),
        }
    })
    .await;
    let mut bob = meeting.returning_guest(old_token).await;
    let joined = bob.join("Bob").await;
    assert_eq!(joined["participants"], json!([]));
    assert_eq!(joined["chat"]["room_history"]["messages"], json!([]));
    bob.leave().await;
}
