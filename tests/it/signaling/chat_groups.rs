//! Section 6: groups, which the identity provider names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::assert_time;
use crate::support::{
    meeting::Meeting,
    participant::Participant,
    quiet::{QuietWith, Settings},
    server::Server,
};

on_both_databases!(Grouped:
    groups_come_from_the_identity_provider, a_group_reads_what_is_for_it, others_are_no_part_of_it,
    the_history_of_a_group, a_group_in_a_breakout_room);

mod lists {
    use super::{GroupedLists, older_clients_get_no_id};

    on_both_databases!(GroupedLists: older_clients_get_no_id);
}

/// Alice is in `board` and `staff`, Bob in `choir` and `staff`.
const PEOPLE: (&str, &str) = (
    "COLLOQUY_DEV_ISSUER__USERS",
    r#"[
        {"username": "alice", "password": "alice", "email": "alice@example.org", "given_name": "Alice",
         "family_name": "Adams", "groups": ["board", "staff"]},
        {"username": "bob", "password": "bob", "email": "bob@example.org", "given_name": "Bob",
         "family_name": "Burton", "groups": ["choir", "staff"]}
    ]"#,
);

type Grouped = QuietWith<Groups>;

struct Groups;

impl Settings for Groups {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[PEOPLE];
}

type GroupedLists = QuietWith<GroupsAsLists>;

struct GroupsAsLists;

impl Settings for GroupsAsLists {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[PEOPLE, ("COLLOQUY_SIGNALING__CHAT_HISTORY", "list")];
}

/// Alice, Bob, and the guest Gus; what Bob was told; nobody has anything left to read.
async fn people(server: &Server, meeting: &Meeting) -> ([Participant; 3], Value) {
    let alice = meeting.joined_owner().await;
    let gus = meeting.joined_guest("Gus").await;
    let bobs = server.anonymous().log_in("bob").await;
    bobs.get("/v1/users/me").await.expect(200);
    server.hand_rooms_to("bob@example.org").await;
    let ticket = meeting.started_by(&bobs, json!({})).await.expect(200);
    let mut bob = meeting.connect(&ticket).await;
    let told = bob.join("Bob").await;
    let mut people = [alice, bob, gus];
    for one in &mut people {
        one.events_so_far().await;
    }
    (people, told)
}

async fn tell(who: &mut Participant, group: &str, content: &str) {
    let message = json!({"action": "send_message", "content": content, "scope": "group", "target": group});
    who.send("chat", message).await;
}

/// Groups of the state on joining: names, and what was said there.
fn groups(joined: &Value) -> Vec<(&str, Vec<&str>)> {
    let list = joined["chat"]["groups_history"]
        .as_array()
        .expect("a list")
        .iter();
    let mut groups: Vec<_> = list
        .map(|group| {
            let messages = group["history"]["messages"].as_array().expect("messages").iter();
            let contents = messages.map(|message| message["content"].as_str().expect("a content"));
            (group["name"].as_str().expect("a name"), contents.collect())
        })
        .collect();
    groups.sort_unstable();
    groups
}

/// The participant's groups that the receiver of this list is in as well.
fn shared_groups<'a>(entries: &'a Value, id: &str) -> &'a Value {
    let entries = entries.as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["id"] == *id);
    &entry.expect("an entry")["chat"]["groups"]
}

async fn groups_come_from_the_identity_provider(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([alice, bob, gus], of_bob) = people(server, &meeting).await;
    // Every group is listed, also when nothing was said, under an id that is the same for all.
    let of_alice = &alice.everything_seen()[0]["payload"];
    assert_eq!(groups(of_alice), [("board", vec![]), ("staff", vec![])]);
    assert_eq!(groups(&of_bob), [("choir", vec![]), ("staff", vec![])]);
    let id_of_staff = |joined: &Value| {
        let list = joined["chat"]["groups_history"]
            .as_array()
            .expect("a list")
            .clone();
        let staff = list.into_iter().find(|group| group["name"] == "staff");
        uuid::Uuid::parse_str(staff.expect("the group")["id"].as_str().expect("an id")).expect("a UUID")
    };
    assert_eq!(id_of_staff(of_alice), id_of_staff(&of_bob));
    let of_gus = &gus.everything_seen()[0]["payload"];
    assert_eq!(groups(of_gus), []);
    // Each sees of the others the groups that both are in; guests have none.
    assert_eq!(
        *shared_groups(&of_bob["participants"], &alice.id),
        json!(["staff"])
    );
    assert_eq!(*shared_groups(&of_bob["participants"], &gus.id), json!(null));
    assert_eq!(*shared_groups(&of_gus["participants"], &alice.id), json!([]));
    for (who, shared) in [(&alice, json!(["staff"])), (&gus, json!([]))] {
        let mut seen = who.everything_seen().iter().map(|frame| &frame["payload"]);
        let joined = seen.find(|event| event["message"] == "joined" && event["id"] == *bob.id);
        assert_eq!(joined.expect("Bob")["chat"]["groups"], shared);
    }
}

async fn a_group_reads_what_is_for_it(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut bob, mut gus], _) = people(server, &meeting).await;
    tell(&mut bob, "staff", "lunch?").await;
    let heard = bob.expect_next("chat", "message_sent").await["payload"].clone();
    assert_eq!(
        heard,
        json!({
            "message": "message_sent", "id": heard["id"], "source": bob.id, "content": "lunch?", "scope": "group",
            "target": "staff",
        })
    );
    assert_eq!(alice.expect_next("chat", "message_sent").await["payload"], heard);
    gus.expect_silence().await;
    // A group of which nobody else is here.
    tell(&mut alice, "board", "dinner").await;
    alice.expect_next("chat", "message_sent").await;
    bob.expect_silence().await;
    alice.act("chat", "disable_chat").await;
    bob.expect_next("chat", "chat_disabled").await;
    tell(&mut bob, "staff", "lunch").await;
    bob.expect_error("chat", "chat_disabled").await;
}

async fn others_are_no_part_of_it(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut bob, mut gus], _) = people(server, &meeting).await;
    for (who, group) in [(&mut bob, "board"), (&mut gus, "staff"), (&mut alice, "nobody")] {
        tell(who, group, "hello").await;
        who.expect_silence().await;
        for command in [
            json!({"action": "get_history_chunk", "message_index": 0, "scope": "group", "target": group}),
            json!({"action": "search_history", "term": "hello", "scope": "group", "target": group}),
        ] {
            who.send("chat", command).await;
            who.expect_error("chat", "insufficient_permissions").await;
        }
    }
    for one in [&mut alice, &mut bob, &mut gus] {
        one.expect_silence().await;
    }
}

async fn the_history_of_a_group(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut bob, _gus], _) = people(server, &meeting).await;
    tell(&mut alice, "staff", "one").await;
    // The other message goes another way: this one must be told before it.
    bob.expect("chat", "message_sent").await;
    tell(&mut bob, "staff", "two").await;
    tell(&mut alice, "board", "secret").await;
    alice.say("to all").await;
    bob.say("to all").await;
    let seen = json!({
        "action": "set_last_seen_timestamp", "scope": "group", "target": "staff", "timestamp": "2026-01-01T00:00:00Z",
    });
    bob.send("chat", seen).await;
    let ask = |index: u64, group: &str| json!({"action": "get_history_chunk", "message_index": index, "scope": "group", "target": group});
    bob.send("chat", ask(0, "staff")).await;
    let chunk = bob.expect_next("chat", "group_chat_history_chunk").await["payload"].clone();
    assert_eq!(
        super::fields(&chunk),
        BTreeSet::from(["message", "id", "name", "history"])
    );
    assert_eq!(chunk["name"], "staff");
    let message = &chunk["history"]["messages"][0];
    assert_time(&message["timestamp"]);
    assert_eq!(
        chunk["history"],
        json!({
            "messages": [{
                "id": message["id"], "source": alice.id, "timestamp": message["timestamp"], "content": "one",
                "scope": "group", "target": "staff",
            }],
            "next_index": null,
        })
    );
    // The room's whole history is cleared, a group's stays.
    alice.act("chat", "clear_history").await;
    bob.expect_next("chat", "history_cleared").await;
    let token = bob.resumption.clone();
    let bobs = server.anonymous().log_in("bob").await;
    let ticket = meeting.started_by(&bobs, json!({"resumption": token})).await;
    let mut bob = meeting.connect(&ticket.expect(200)).await;
    let joined = bob.join("Bob").await;
    assert_eq!(
        groups(&joined),
        [("choir", vec![]), ("staff", vec!["one", "two"])]
    );
    assert_eq!(joined["chat"]["room_history"]["messages"], json!([]));
    let marks = &joined["chat"]["last_seen_timestamps_group"];
    assert_time(&marks["staff"]);
    assert_eq!(super::fields(marks), ["staff"].into());
    let search = json!({"action": "search_history", "term": "TW", "scope": "group", "target": "staff"});
    bob.send("chat", search).await;
    let results = bob.expect_next("chat", "search_results").await["payload"].clone();
    assert_eq!(
        (&results["scope"], &results["target"]),
        (&json!("group"), &json!("staff"))
    );
    let matches = results["matches"]["messages"].as_array().expect("messages");
    assert_eq!((matches.len(), &matches[0]["content"]), (1, &json!("two")));
}

async fn a_group_in_a_breakout_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let ([mut alice, mut bob, _gus], _) = people(server, &meeting).await;
    let start = json!({"action": "start", "rooms": [{"name": "Red", "assignments": []}]});
    alice.send("breakout", start).await;
    let started = bob.expect_next("breakout", "started").await["payload"].clone();
    alice.expect_next("breakout", "started").await;
    let red = &started["rooms"][0]["id"];
    let bobs = server.anonymous().log_in("bob").await;
    let body = json!({"resumption": bob.resumption, "breakout_room": red});
    let ticket = meeting.started_by(&bobs, body).await.expect(200);
    let mut moved = meeting.connect(&ticket).await;
    let joined = moved.join("Bob").await;
    assert_eq!(moved.id, bob.id);
    assert_eq!(groups(&joined), [("choir", vec![]), ("staff", vec![])]);
    alice.events_so_far().await;
    tell(&mut moved, "staff", "in Red").await;
    moved.expect_next("chat", "message_sent").await;
    alice.expect_silence().await;
    tell(&mut alice, "staff", "in the main room").await;
    alice.expect_next("chat", "message_sent").await;
    moved.expect_silence().await;
}

async fn older_clients_get_no_id(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    tell(&mut alice, "staff", "hello").await;
    let sent = alice.expect_next("chat", "message_sent").await;
    let joined = meeting
        .returning_owner(&alice.resumption)
        .await
        .join("Alice")
        .await;
    let list = joined["chat"]["groups_history"].as_array().expect("a list");
    let staff = list
        .iter()
        .find(|group| group["name"] == "staff")
        .expect("the group");
    let kept = &staff["history"][0];
    assert_eq!(kept["id"], sent["payload"]["id"]);
    assert_eq!(*staff, json!({"name": "staff", "history": [kept]}));
    assert_eq!(list.len(), 2);
}
