//! Meetings that take notes, over real sockets.

use std::time::Duration;

use serde_json::{Value, json};

use super::{World, expect_error, select, url};
use crate::support::{
    etherpad::{Mood, PDF},
    meeting::Meeting,
};

on_both_databases!(
    World: notes_go_from_their_opening_to_a_pdf_and_are_deleted,
    an_etherpad_that_fails_is_told_to_who_asked,
    a_lie_about_a_pdf_leaves_nothing,
    a_restart_ends_all_sessions_and_makes_new_ones,
    four_requests_of_a_room_are_under_way_at_most,
    who_fails_at_first_gets_in_later
);

async fn notes_go_from_their_opening_to_a_pdf_and_are_deleted(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    select(&mut gus, "select_writer", &[]).await;
    expect_error(&mut gus, "insufficient_permissions").await;
    let gus_id = gus.id.clone();
    select(&mut alice, "select_writer", &[&gus_id]).await;
    let (write, read) = (
        url(&mut gus, "write_url").await,
        url(&mut alice, "read_url").await,
    );
    let etherpad = &world.etherpad;
    let of_gus = etherpad.session_of(&write).1.expect("a session");
    assert_eq!((of_gus.readonly, of_gus.author), (false, format!("a.{gus_id}")));
    assert!(etherpad.session_of(&read).1.expect("a session").readonly);
    assert_eq!(etherpad.world().authors[&gus_id], "Gus");
    assert!(etherpad.world().groups.contains_key(&meeting.room));
    // The others see who may write, before or after their own session is there.
    let is_told = |frame: &Value| {
        let payload = &frame["payload"];
        payload["message"] == "update"
            && payload["id"] == gus_id
            && payload["meeting_notes"] == json!({"readonly": false})
    };
    while !alice.everything_seen().iter().any(is_told) {
        alice.expect("control", "update").await;
    }
    select(&mut alice, "deselect_writer", &[&gus_id]).await;
    let again = url(&mut gus, "read_url").await;
    assert!(etherpad.session_of(&again).1.expect("a session").readonly);
    assert_eq!(etherpad.session_of(&write).1, None, "the old one has ended");

    alice.act("meeting_notes", "generate_pdf").await;
    let told = alice.expect("meeting_notes", "pdf_asset").await;
    assert_eq!(gus.expect("meeting_notes", "pdf_asset").await, told);
    let name = told["filename"].as_str().expect("a name");
    assert!(
        name.starts_with("meetingnotes_pdf_20") && name.ends_with("-UTC.pdf"),
        "{name}"
    );
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed[0]["id"], told["asset_id"]);
    assert_eq!(
        (&listed[0]["namespace"], &listed[0]["kind"], &listed[0]["size"]),
        (
            &json!("meeting_notes"),
            &json!("meetingnotes_pdf"),
            &json!(PDF.len())
        )
    );
    // Whoever comes reads, and whoever goes does not any more.
    let mut late = meeting.joined_guest("Late").await;
    let late_url = url(&mut late, "read_url").await;
    late.leave().await;
    world
        .until("the session of who left", |etherpad| {
            etherpad.session_of(&late_url).1.is_none()
        })
        .await;
    alice.leave().await;
    gus.leave().await;
    world.nothing_is_left().await;
}

async fn an_etherpad_that_fails_is_told_to_who_asked(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    alice.act("meeting_notes", "generate_pdf").await;
    expect_error(&mut alice, "not_initialized").await;
    for mood in [
        Mood::Page,
        Mood::Broken,
        Mood::Half,
        Mood::Gateway,
        Mood::Path,
        Mood::Internal,
    ] {
        world.etherpad.be(mood);
        select(&mut alice, "select_writer", &[]).await;
        expect_error(&mut alice, "failed_initialization").await;
    }
    world.etherpad.be(Mood::Honest);
    select(&mut alice, "select_writer", &[]).await;
    url(&mut alice, "read_url").await;
    // Nobody else has heard of the failures.
    let seen = gus.events_so_far().await;
    assert!(
        seen.iter().all(|frame| frame["payload"]["message"] != "error"),
        "{seen:?}"
    );
    alice.leave().await;
    gus.leave().await;
    world.nothing_is_left().await;
}

async fn a_lie_about_a_pdf_leaves_nothing(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    select(&mut alice, "select_writer", &[]).await;
    url(&mut alice, "read_url").await;
    for mood in [Mood::NoConverter, Mood::PdfHalf, Mood::Silent] {
        world.etherpad.be(mood);
        alice.act("meeting_notes", "generate_pdf").await;
        expect_error(&mut alice, "failed_initialization").await;
    }
    world.etherpad.be(Mood::Honest);
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed, json!([]));
    alice.leave().await;
    world.nothing_is_left().await;
}

async fn a_restart_ends_all_sessions_and_makes_new_ones(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let gus_id = gus.id.clone();
    select(&mut alice, "select_writer", &[&gus_id]).await;
    let (write, read) = (
        url(&mut gus, "write_url").await,
        url(&mut alice, "read_url").await,
    );
    world.server.kill9();
    world.server.restart().await;
    let mut alice = meeting.returning_owner(&alice.resumption).await;
    let mut gus = meeting.returning_guest(&gus.resumption).await;
    alice.join("Alice").await;
    gus.join("Gus").await;
    let (new_write, new_read) = (
        url(&mut gus, "write_url").await,
        url(&mut alice, "read_url").await,
    );
    for old in [write, read] {
        assert_eq!(world.etherpad.session_of(&old).1, None);
    }
    for new in [new_write, new_read] {
        assert!(world.etherpad.session_of(&new).1.is_some());
    }
    assert_eq!(world.etherpad.world().sessions.len(), 2);
    alice.leave().await;
    gus.leave().await;
    world.nothing_is_left().await;
}

async fn four_requests_of_a_room_are_under_way_at_most(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guests = Vec::new();
    for number in 0..12 {
        guests.push(meeting.joined_guest(&format!("Guest {number}")).await);
    }
    world.etherpad.world().thinks = Duration::from_millis(30);
    select(&mut alice, "select_writer", &[]).await;
    url(&mut alice, "read_url").await;
    for guest in &mut guests {
        url(guest, "read_url").await;
    }
    let most = world.etherpad.world().at_once_max;
    assert!((2..=4).contains(&most), "{most}");
    world.etherpad.world().thinks = Duration::ZERO;
    alice.leave().await;
    for guest in guests {
        guest.leave().await;
    }
    world.nothing_is_left().await;
}

async fn who_fails_at_first_gets_in_later(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let gus_id = gus.id.clone();
    world.etherpad.be(Mood::NoWriting);
    select(&mut alice, "select_writer", &[&gus_id]).await;
    // Who reads does not wait for who writes.
    alice
        .expect_within(Duration::from_secs(30), "meeting_notes", "read_url")
        .await;
    world.etherpad.be(Mood::Honest);
    gus.expect_within(Duration::from_secs(30), "meeting_notes", "write_url")
        .await;
    alice.leave().await;
    gus.leave().await;
    world.nothing_is_left().await;
}
