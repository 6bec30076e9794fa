//! Section 7: stopwatches and countdowns.

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use super::{NOBODY, Quiet, assert_time};
use crate::support::{meeting::Meeting, participant::Participant, server::Server};

on_both_databases!(Quiet:
    a_stopwatch_is_started_and_stopped, a_countdown_ends_by_itself, who_is_ready, no_ready_check_no_answer,
    timers_that_are_refused, a_newcomer_finds_the_running_timer, timers_outlive_the_server);

/// Starts a timer with these fields; answers what everybody gets.
async fn start(alice: &mut Participant, gus: &mut Participant, more: &Value) -> Value {
    let mut command = json!({"action": "start"});
    let fields = command.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("fields").clone());
    alice.send("timer", command).await;
    let started = alice.expect_next("timer", "started").await["payload"].clone();
    assert_eq!(gus.expect_next("timer", "started").await["payload"], started);
    started
}

async fn set_ready(who: &mut Participant, timer: &Value, status: bool) {
    let command = json!({"action": "update_ready_status", "timer_id": timer["timer_id"], "status": status});
    who.send("timer", command).await;
}

fn time(value: &Value) -> DateTime<chrono::FixedOffset> {
    assert_time(value);
    DateTime::parse_from_rfc3339(value.as_str().expect("a time")).expect("a time")
}

async fn a_stopwatch_is_started_and_stopped(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let more = json!({"kind": "stopwatch", "title": "Break", "style": "coffee", "duration": 1});
    let started = start(&mut alice, &mut gus, &more).await;
    assert_time(&started["started_at"]);
    assert_eq!(
        started,
        json!({
            "message": "started", "timer_id": started["timer_id"], "started_at": started["started_at"],
            "kind": "stopwatch", "style": "coffee", "title": "Break", "ready_check_enabled": false,
        })
    );
    let another = json!({"action": "stop", "timer_id": NOBODY});
    alice.send("timer", another).await;
    alice.expect_silence().await;
    let stop = json!({"action": "stop", "timer_id": started["timer_id"], "reason": "enough"});
    alice.send("timer", stop.clone()).await;
    let told = json!({
        "message": "stopped", "timer_id": started["timer_id"], "kind": "by_moderator",
        "participant_id": alice.id, "reason": "enough",
    });
    for one in [&mut alice, &mut gus] {
        assert_eq!(one.expect_next("timer", "stopped").await["payload"], told);
    }
    // Once is enough.
    alice.send("timer", stop).await;
    alice.expect_silence().await;
    gus.expect_silence().await;
}

async fn a_countdown_ends_by_itself(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let started = start(&mut alice, &mut gus, &json!({"kind": "countdown", "duration": 1})).await;
    assert_eq!(
        started,
        json!({
            "message": "started", "timer_id": started["timer_id"], "started_at": started["started_at"],
            "kind": "countdown", "ends_at": started["ends_at"], "ready_check_enabled": false,
        })
    );
    let span = time(&started["ends_at"]) - time(&started["started_at"]);
    assert_eq!(span, TimeDelta::seconds(1));
    for one in [&mut alice, &mut gus] {
        let stopped = one.expect_next("timer", "stopped").await;
        assert_eq!(
            stopped["payload"],
            json!({"message": "stopped", "timer_id": started["timer_id"], "kind": "expired"})
        );
        assert!(time(&stopped["timestamp"]) >= time(&started["ends_at"]));
    }
    // Stopped before its end, it does not end once more; and then another may begin.
    let first = start(
        &mut alice,
        &mut gus,
        &json!({"kind": "countdown", "duration": 600}),
    )
    .await;
    alice
        .send("timer", json!({"action": "stop", "timer_id": first["timer_id"]}))
        .await;
    for one in [&mut alice, &mut gus] {
        let stopped = one.expect_next("timer", "stopped").await["payload"].clone();
        assert_eq!(
            stopped,
            json!({
                "message": "stopped", "timer_id": first["timer_id"], "kind": "by_moderator",
                "participant_id": stopped["participant_id"],
            })
        );
    }
    let second = start(&mut alice, &mut gus, &json!({"kind": "stopwatch"})).await;
    assert_ne!(first["timer_id"], second["timer_id"]);
}

async fn who_is_ready(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let more = json!({"kind": "stopwatch", "enable_ready_check": true});
    let started = start(&mut alice, &mut gus, &more).await;
    assert_eq!(started["ready_check_enabled"], true);
    for status in [true, false, true] {
        set_ready(&mut gus, &started, status).await;
        let told = json!({
            "message": "updated_ready_status", "timer_id": started["timer_id"], "participant_id": gus.id,
            "status": status,
        });
        for one in [&mut alice, &mut gus] {
            let updated = one.expect_next("timer", "updated_ready_status").await;
            assert_eq!(updated["payload"], told);
        }
    }
    set_ready(&mut gus, &json!({"timer_id": NOBODY}), false).await;
    gus.expect_silence().await;
    alice.expect_silence().await;
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    assert_eq!(joined["timer"]["ready_status"], false);
    let of = |id: &str| {
        let entries = joined["participants"].as_array().expect("a list");
        let entry = entries.iter().find(|entry| entry["id"] == *id);
        entry.expect("an entry")["timer"].clone()
    };
    assert_eq!(of(&gus.id)["ready_status"], true);
    assert_eq!(of(&alice.id)["ready_status"], false);
    let told = alice.expect_next("control", "joined").await;
    assert_eq!(told["payload"]["timer"]["ready_status"], false);
    // Who comes back is still ready.
    let back = meeting.returning_guest(&gus.resumption).await.join("Gus").await;
    assert_eq!(back["timer"]["ready_status"], true);
}

async fn no_ready_check_no_answer(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let nothing = json!({"timer_id": NOBODY});
    set_ready(&mut gus, &nothing, true).await;
    gus.expect_silence().await;
    let started = start(&mut alice, &mut gus, &json!({"kind": "stopwatch"})).await;
    set_ready(&mut gus, &started, true).await;
    gus.expect_silence().await;
    alice.expect_silence().await;
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    assert!(joined["timer"].get("ready_status").is_none(), "{joined}");
    assert!(joined["participants"][0].get("timer").is_none(), "{joined}");
}

async fn timers_that_are_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    for duration in [0, u64::MAX, 253_402_300_800] {
        let command = json!({"action": "start", "kind": "countdown", "duration": duration});
        gus.send("timer", command.clone()).await;
        gus.expect_error("timer", "insufficient_permissions").await;
        alice.send("timer", command).await;
        alice.expect_error("timer", "invalid_duration").await;
    }
    for command in [
        json!({"action": "start", "kind": "countdown"}),
        json!({"action": "start", "kind": "countdown", "duration": -1}),
        json!({"action": "start", "kind": "hourglass"}),
        json!({"action": "start", "kind": "stopwatch", "title": "x".repeat(256)}),
        json!({"action": "start", "kind": "stopwatch", "style": "x".repeat(65)}),
    ] {
        alice.send("timer", command).await;
        alice.expect_error("control", "invalid_json").await;
    }
    gus.expect_silence().await;
    let started = start(&mut alice, &mut gus, &json!({"kind": "stopwatch"})).await;
    for kind in ["stopwatch", "countdown"] {
        let command = json!({"action": "start", "kind": kind, "duration": 60});
        alice.send("timer", command).await;
        alice.expect_error("timer", "timer_already_running").await;
    }
    gus.send(
        "timer",
        json!({"action": "stop", "timer_id": started["timer_id"]}),
    )
    .await;
    gus.expect_error("timer", "insufficient_permissions").await;
    alice.expect_silence().await;
}

async fn a_newcomer_finds_the_running_timer(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let more = json!({"kind": "countdown", "duration": 600, "title": "Break"});
    let mut expected = start(&mut alice, &mut gus, &more).await;
    expected.as_object_mut().expect("an object").remove("message");
    let mut late = meeting.guest().await;
    assert_eq!(late.join("Late").await["timer"], expected);
    alice
        .send(
            "timer",
            json!({"action": "stop", "timer_id": expected["timer_id"]}),
        )
        .await;
    late.expect("timer", "stopped").await;
    let mut last = meeting.guest().await;
    assert!(last.join("Last").await.get("timer").is_none());
}

async fn timers_outlive_the_server(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let more = json!({"kind": "countdown", "duration": 3, "enable_ready_check": true});
    let mut expected = start(&mut alice, &mut gus, &more).await;
    set_ready(&mut gus, &expected, true).await;
    gus.expect_next("timer", "updated_ready_status").await;
    server.kill9();
    server.restart().await;
    let mut gus = meeting.returning_guest(&gus.resumption).await;
    let joined = gus.join("Gus").await;
    // It may have come to its end already, before he was back.
    if let Some(timer) = joined.get("timer") {
        let fields = expected.as_object_mut().expect("an object");
        fields.remove("message");
        fields.insert("ready_status".to_owned(), json!(true));
        assert_eq!(*timer, expected);
        let stopped = gus.expect_next("timer", "stopped").await;
        assert_eq!(stopped["payload"]["kind"], "expired");
    }
}
