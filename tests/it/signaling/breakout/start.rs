//! Opening rooms, and the refusals of `start`.

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use super::{NOBODY, Quiet, ask_for, fields, open};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet:
    everybody_hears_where_to_go, rooms_can_be_for_a_time, others_take_the_place_of_running_ones,
    rooms_that_nobody_can_enter, moderators_only);

async fn everybody_hears_where_to_go(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus, mut ida]) = meeting.gather(["Gus", "Ida"]).await;
    let rooms: [(&str, &[&str]); 2] = [("Red", &[&gus.id, NOBODY]), ("Blue", &[&ida.id])];
    ask_for(&mut alice, &rooms, None).await;
    let mut assigned = Vec::new();
    for one in [&mut alice, &mut gus, &mut ida] {
        let started = one.expect_next("breakout", "started").await["payload"].clone();
        assert_eq!(
            fields(&started),
            ["message", "rooms", "expires", "assignment"].into()
        );
        assert_eq!(started["expires"], json!(null));
        let rooms = started["rooms"].clone();
        assert_eq!(
            (&rooms[0]["name"], &rooms[1]["name"]),
            (&json!("Red"), &json!("Blue"))
        );
        assert_eq!(rooms.as_array().map(Vec::len), Some(2));
        assigned.push((rooms, started["assignment"].clone()));
    }
    let [(rooms, of_alice), (of_gus, red), (of_ida, blue)] = &assigned[..] else {
        panic!("{assigned:?}");
    };
    assert!(rooms == of_gus && rooms == of_ida, "the same for all");
    assert_eq!(
        (of_alice, red, blue),
        (&json!(null), &rooms[0]["id"], &rooms[1]["id"])
    );
    for room in [red, blue] {
        let id = uuid::Uuid::parse_str(room.as_str().expect("an id")).expect("a UUID");
        assert_eq!(id.get_version_num(), 4);
    }
}

async fn rooms_can_be_for_a_time(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, []) = meeting.gather([]).await;
    ask_for(&mut alice, &[("Red", &[])], Some(600)).await;
    let frame = alice.expect_next("breakout", "started").await;
    let time = |value: &Value| DateTime::parse_from_rfc3339(value.as_str().expect("a time")).expect("a time");
    let span = time(&frame["payload"]["expires"]) - time(&frame["timestamp"]);
    assert_eq!(span, TimeDelta::seconds(600));
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    assert_eq!(
        joined["breakout"],
        json!({
            "current": null, "expires": frame["payload"]["expires"], "rooms": frame["payload"]["rooms"],
            "participants": [],
        })
    );
}

async fn others_take_the_place_of_running_ones(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    // No rooms: nothing happens.
    ask_for(&mut alice, &[], None).await;
    alice.expect_silence().await;
    let [new_red, blue] = open(&mut alice, &mut [&mut gus], ["Red", "Blue"]).await;
    assert_ne!(red, new_red);
    meeting
        .started(json!({"breakout_room": red}))
        .await
        .expect_error(400, "no_breakout_rooms");
    for room in [new_red, blue] {
        meeting.started(json!({"breakout_room": room})).await.expect(200);
    }
}

async fn rooms_that_nobody_can_enter(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let nowhere = json!({"breakout_room": NOBODY});
    let as_alice = json!({"breakout_room": NOBODY, "resumption": alice.resumption});
    let as_gus = json!({"breakout_room": NOBODY, "resumption": gus.resumption});
    let refused = async |code: &str| {
        for body in [&nowhere, &as_alice] {
            meeting.started(body.clone()).await.expect_error(400, code);
        }
        for body in [&nowhere, &as_gus] {
            meeting.invited(body.clone()).await.expect_error(400, code);
        }
    };
    refused("no_breakout_rooms").await;
    let [red] = open(&mut alice, &mut [&mut gus], ["Red"]).await;
    refused("no_breakout_rooms").await;
    meeting.invited(json!({"breakout_room": red})).await.expect(200);
    alice.act("breakout", "stop").await;
    gus.expect_next("breakout", "stopped").await;
    refused("no_breakout_rooms").await;
    meeting
        .invited(json!({"breakout_room": red}))
        .await
        .expect_error(400, "no_breakout_rooms");
    // That has disturbed nobody.
    alice.expect_next("breakout", "stopped").await;
    alice.expect_silence().await;
    gus.expect_silence().await;
}

async fn moderators_only(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    alice.act("breakout", "stop").await;
    alice.expect_error("breakout", "inactive").await;
    ask_for(&mut gus, &[("Red", &[])], None).await;
    gus.expect_error("breakout", "insufficient_permissions").await;
    gus.act("breakout", "stop").await;
    gus.expect_error("breakout", "insufficient_permissions").await;
    alice.expect_silence().await;
    // There are limits for moderators, too.
    let red: (&str, &[&str]) = ("Red", &[]);
    ask_for(&mut alice, &[red; 101], None).await;
    alice.expect_error("control", "invalid_json").await;
}
