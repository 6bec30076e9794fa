//! Section 8: polls.

use serde_json::{Value, json};

use super::{NOBODY, Quiet, assert_time};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    everybody_votes_and_sees_the_result, live_results, their_time_is_over, polls_that_are_refused,
    votes_that_are_refused, a_newcomer_finds_the_running_poll, polls_outlive_the_server);

fn poll(more: &Value) -> Value {
    let mut command = json!({
        "action": "start", "topic": "Lunch?", "choices": ["soup", "salad", "cake"], "duration": 600,
    });
    let fields = command.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("fields").clone());
    command
}

/// Starts a poll with these fields; answers what everybody gets.
async fn start(alice: &mut Participant, gus: &mut Participant, more: &Value) -> Value {
    alice.send("polls", poll(more)).await;
    let started = alice.expect_next("polls", "started").await["payload"].clone();
    assert_eq!(gus.expect_next("polls", "started").await["payload"], started);
    started
}

async fn vote(who: &mut Participant, poll: &Value, choices: Value) {
    let vote = match choices {
        Value::Array(_) => json!({"action": "vote", "poll_id": poll["id"], "choice_ids": choices}),
        choice => json!({"action": "vote", "poll_id": poll["id"], "choice_id": choice}),
    };
    who.send("polls", vote).await;
}

fn results(counts: [u32; 3]) -> Value {
    json!([{"id": 0, "count": counts[0]}, {"id": 1, "count": counts[1]}, {"id": 2, "count": counts[2]}])
}

/// Reads live results until they are these: those between may have been left out.
async fn reads_results(who: &mut Participant, poll: &Value, counts: [u32; 3]) {
    while {
        let update = who.expect_next("polls", "live_update").await["payload"].clone();
        assert_eq!(update["id"], poll["id"]);
        update["results"] != results(counts)
    } {}
}

async fn finish(alice: &mut Participant, poll: &Value) {
    let finish = json!({"action": "finish", "id": poll["id"]});
    alice.send("polls", finish).await;
}

async fn everybody_votes_and_sees_the_result(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let started = start(&mut alice, &mut gus, &json!({"multiple_choice": true})).await;
    assert_eq!(
        started,
        json!({
            "message": "started", "id": started["id"], "topic": "Lunch?", "live": false, "multiple_choice": true,
            "choices": [
                {"id": 0, "content": "soup"}, {"id": 1, "content": "salad"}, {"id": 2, "content": "cake"},
            ],
            "duration": 600,
        })
    );
    vote(&mut alice, &started, json!([0, 1, 2])).await;
    vote(&mut alice, &started, json!([1, 2])).await;
    vote(&mut gus, &started, json!(2)).await;
    // No word of it before the end.
    alice.expect_silence().await;
    gus.expect_silence().await;
    finish(&mut alice, &started).await;
    for one in [&mut alice, &mut gus] {
        let done = one.expect_next("polls", "done").await;
        assert_eq!(
            done["payload"],
            json!({"message": "done", "id": started["id"], "results": results([0, 1, 2])})
        );
    }
    // It is over, and another one may begin.
    vote(&mut gus, &started, json!(0)).await;
    gus.expect_error("polls", "invalid_poll_id").await;
    finish(&mut alice, &started).await;
    alice.expect_error("polls", "invalid_poll_id").await;
    let next = start(&mut alice, &mut gus, &json!({})).await;
    assert_ne!(next["id"], started["id"]);
}

async fn live_results(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let started = start(&mut alice, &mut gus, &json!({"live": true})).await;
    for (choices, counts) in [
        (json!(0), [1, 0, 0]),
        (json!([1]), [0, 1, 0]),
        (json!(2), [0, 0, 1]),
        (json!([]), [0, 0, 0]),
        (json!(1), [0, 1, 0]),
    ] {
        vote(&mut gus, &started, choices).await;
        for one in [&mut alice, &mut gus] {
            reads_results(one, &started, counts).await;
        }
    }
    vote(&mut alice, &started, json!(1)).await;
    for one in [&mut alice, &mut gus] {
        reads_results(one, &started, [0, 2, 0]).await;
    }
    // The same vote again is no news.
    vote(&mut alice, &started, json!(1)).await;
    finish(&mut alice, &started).await;
    for one in [&mut alice, &mut gus] {
        let done = one.expect_next("polls", "done").await;
        assert_eq!(done["payload"]["results"], results([0, 2, 0]));
        one.expect_silence().await;
    }
}

async fn their_time_is_over(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let started = start(&mut alice, &mut gus, &json!({"duration": 3})).await;
    vote(&mut gus, &started, json!(1)).await;
    for one in [&mut alice, &mut gus] {
        let done = one.expect_next("polls", "done").await;
        assert_eq!(
            done["payload"],
            json!({"message": "done", "id": started["id"], "results": results([0, 1, 0])})
        );
    }
    vote(&mut gus, &started, json!(1)).await;
    gus.expect_error("polls", "invalid_poll_id").await;
}

async fn polls_that_are_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let (long_topic, long_choice) = ("x".repeat(501), "x".repeat(256));
    for (more, error) in [
        (json!({"topic": "x"}), "invalid_topic_length"),
        (json!({"topic": long_topic}), "invalid_topic_length"),
        (json!({"choices": ["alone"]}), "invalid_choice_count"),
        (json!({"choices": vec!["x"; 65]}), "invalid_choice_count"),
        (json!({"choices": ["", "x"]}), "invalid_choice_description"),
        (
            json!({"choices": ["x", long_choice]}),
            "invalid_choice_description",
        ),
        (json!({"duration": 1}), "invalid_duration"),
        (json!({"duration": 3_601}), "invalid_duration"),
    ] {
        alice.send("polls", poll(&more)).await;
        alice.expect_error("polls", error).await;
        gus.send("polls", poll(&more)).await;
        gus.expect_error("polls", "insufficient_permissions").await;
    }
    gus.send("polls", poll(&json!({}))).await;
    gus.expect_error("polls", "insufficient_permissions").await;
    alice.expect_silence().await;
    let most = json!({
        "topic": "ü".repeat(500), "choices": vec!["ü".repeat(255); 64], "duration": 3_600,
    });
    let started = start(&mut alice, &mut gus, &most).await;
    assert_eq!(started["choices"].as_array().map(Vec::len), Some(64));
    alice.send("polls", poll(&json!({}))).await;
    alice.expect_error("polls", "still_running").await;
    finish(&mut gus, &started).await;
    gus.expect_error("polls", "insufficient_permissions").await;
    finish(&mut alice, &json!({"id": NOBODY})).await;
    alice.expect_error("polls", "invalid_poll_id").await;
    alice.expect_silence().await;
}

async fn votes_that_are_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    vote(&mut gus, &json!({"id": NOBODY}), json!(0)).await;
    gus.expect_error("polls", "invalid_poll_id").await;
    let started = start(&mut alice, &mut gus, &json!({})).await;
    vote(&mut gus, &started, json!(1)).await;
    for (choices, error) in [
        (json!([0, 1]), "multiple_choices_not_allowed"),
        (json!(3), "invalid_choice_id"),
        (json!([3]), "invalid_choice_id"),
    ] {
        vote(&mut gus, &started, choices).await;
        gus.expect_error("polls", error).await;
    }
    vote(&mut gus, &json!({"id": NOBODY}), json!(0)).await;
    gus.expect_error("polls", "invalid_poll_id").await;
    // The earlier vote counts.
    finish(&mut alice, &started).await;
    assert_eq!(gus.expect("polls", "done").await["results"], results([0, 1, 0]));
}

async fn a_newcomer_finds_the_running_poll(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let started = start(&mut alice, &mut gus, &json!({"live": true})).await;
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    let mut expected = started.clone();
    let fields = expected.as_object_mut().expect("an object");
    fields.remove("message");
    fields.insert("started".to_owned(), joined["polls"]["started"].clone());
    fields.insert("results".to_owned(), results([0, 0, 0]));
    assert_eq!(joined["polls"], expected);
    assert_time(&joined["polls"]["started"]);
    vote(&mut late, &started, json!(0)).await;
    reads_results(&mut late, &started, [1, 0, 0]).await;
    // Its vote stays when it leaves.
    late.leave().await;
    alice.events_so_far().await;
    finish(&mut alice, &started).await;
    let done = alice.expect("polls", "done").await;
    assert_eq!(done["results"], results([1, 0, 0]));
    let mut last = meeting.guest().await;
    assert!(last.join("Last").await.get("polls").is_none());
}

async fn polls_outlive_the_server(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let started = start(&mut alice, &mut gus, &json!({})).await;
    vote(&mut gus, &started, json!(2)).await;
    gus.expect_silence().await;
    server.kill9();
    server.restart().await;
    let mut alice = meeting.returning_owner(&alice.resumption).await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["polls"]["id"], started["id"]);
    vote(&mut alice, &started, json!(0)).await;
    finish(&mut alice, &started).await;
    let done = alice.expect_next("polls", "done").await;
    assert_eq!(done["payload"]["results"], results([1, 0, 1]));
}
