//! Section 6: searching what was said.

use std::ops::Range;

use serde_json::{Value, json};

use crate::support::{
    meeting::Meeting,
    participant::Participant,
    quiet::{Quiet, QuietWith, Settings},
    server::Server,
};

on_both_databases!(Quiet:
    letters_are_found_in_any_case, private_conversations_are_searched_apart, terms_have_bounds, searches_have_a_rate);

mod many {
    use super::{Talkative, many_matches_come_in_chunks};

    on_both_databases!(Talkative: many_matches_come_in_chunks);
}

/// More than a test's messages: the rate limit has tests of its own.
type Talkative = QuietWith<Unhurried>;

struct Unhurried;

impl Settings for Unhurried {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_SIGNALING__COMMANDS_BURST", "1000")];
}

/// Searches sent at once: far more than three a second for as long as a loaded machine may take to read them.
const SEARCHES: usize = 40;
/// Searches of a session per second.
const SEARCHES_PER_SECOND: usize = 3;

fn search(term: &str) -> Value {
    json!({"action": "search_history", "term": term, "scope": "global"})
}

/// The matches of a search, as a chunk.
async fn found(who: &mut Participant, command: Value) -> Value {
    let scope = command["scope"].clone();
    who.send("chat", command).await;
    let results = who.expect_next("chat", "search_results").await["payload"].clone();
    assert_eq!(results["scope"], scope);
    results["matches"].clone()
}

fn contents(chunk: &Value) -> Vec<&str> {
    let messages = chunk["messages"].as_array().expect("messages").iter();
    messages
        .map(|message| message["content"].as_str().expect("a content"))
        .collect()
}

async fn letters_are_found_in_any_case(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    let sent = alice.say("Where is LUNCH today?").await;
    gus.expect_next("chat", "message_sent").await;
    for content in ["no idea", "Brunch is over", "Ärger mit dem Lunch"] {
        gus.say(content).await;
    }
    let matches = found(&mut gus, search("lunch")).await;
    assert_eq!(
        contents(&matches),
        ["Where is LUNCH today?", "Ärger mit dem Lunch"]
    );
    assert_eq!(matches["next_index"], json!(null));
    let first = &matches["messages"][0];
    assert_eq!(
        (&first["id"], &first["source"], &first["scope"]),
        (&sent["id"], &json!(alice.id), &json!("global"))
    );
    assert_eq!(
        contents(&found(&mut gus, search("äRGER")).await),
        ["Ärger mit dem Lunch"]
    );
    let nothing = found(&mut gus, search("dinner")).await;
    assert_eq!(nothing, json!({"messages": [], "next_index": null}));
    // A search is nobody else's business.
    alice.events_so_far().await;
    alice.expect_silence().await;
}

async fn private_conversations_are_searched_apart(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut gus = meeting.joined_guest("Gus").await;
    let mut ida = meeting.joined_guest("Ida").await;
    alice.whisper(&gus.id, "our secret").await;
    alice.expect("chat", "message_sent").await;
    alice.say("no secret").await;
    let private = |other: &str| json!({"action": "search_history", "term": "secret", "scope": "private", "target": other});
    gus.events_so_far().await;
    ida.events_so_far().await;
    let matches = found(&mut gus, private(&alice.id)).await;
    assert_eq!(contents(&matches), ["our secret"]);
    assert_eq!(contents(&found(&mut gus, search("secret")).await), ["no secret"]);
    for other in [&alice.id, &gus.id] {
        let nothing = found(&mut ida, private(other)).await;
        assert_eq!(nothing, json!({"messages": [], "next_index": null}));
    }
}

async fn terms_have_bounds(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    for short in ["", "x", "ü"] {
        alice.send("chat", search(short)).await;
        let error = alice.expect_next("chat", "error").await["payload"].clone();
        assert_eq!(
            error,
            json!({"message": "error", "error": "invalid_search_term_length", "min": 2})
        );
    }
    let mut gus = meeting.joined_guest("Gus").await;
    found(&mut gus, search("üü")).await;
    found(&mut gus, search(&"ü".repeat(255))).await;
    gus.send("chat", search(&"x".repeat(256))).await;
    gus.expect_error("control", "invalid_json").await;
}

async fn searches_have_a_rate(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut gus = meeting.joined_guest("Gus").await;
    for _ in 0..SEARCHES {
        gus.send("chat", search("anything")).await;
    }
    let (mut handled, mut refused) = (0, 0);
    while handled + refused < SEARCHES {
        let frame = gus.try_next().await.expect("an answer");
        match frame["payload"]["message"].as_str() {
            Some("search_results") => handled += 1,
            Some("rate_limit_exceeded") => refused += 1,
            _ => panic!("{frame}"),
        }
    }
    assert!(
        handled >= SEARCHES_PER_SECOND && refused >= 1,
        "{handled} and {refused}"
    );
    // Everything else goes on, and each session has its own measure.
    gus.say("still here").await;
    let mut ida = meeting.joined_guest("Ida").await;
    assert_eq!(contents(&found(&mut ida, search("still")).await), ["still here"]);
}

async fn many_matches_come_in_chunks(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    for number in 0..120 {
        alice.say(&format!("needle {number}")).await;
        alice.say("hay").await;
    }
    let needles = |range: Range<usize>| range.map(|number| format!("needle {number}")).collect::<Vec<_>>();
    let newest = found(&mut alice, search("needle")).await;
    assert_eq!(contents(&newest), needles(20..120));
    assert_eq!(newest["next_index"], 19, "matches are counted, not messages");
    let mut next = search("needle");
    next["message_index"] = json!(19);
    let oldest = found(&mut alice, next).await;
    assert_eq!(contents(&oldest), needles(0..20));
    assert_eq!(oldest["next_index"], json!(null));
}
