//! `POST /v1/livekit/webhook`: LiveKit says who has come, and whoever should not be there goes at once.

use std::time::Duration;

use chrono::Utc;
use colloquy::livekit::WEBHOOK_BYTES_MAX;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{
    WITHOUT_MICROPHONE, bring, expect_look, expect_permission, expect_removal, media_of, pair, restrict,
    room_of, troubled::Troubled,
};
use crate::support::{
    livekit::{
        API_KEY, API_SECRET, FakeLivekit, Mood, Track, World,
        webhook::{Told, event, sign},
    },
    meeting::Meeting,
    participant::Participant,
    quiet::Quiet,
    server::Server,
};

on_sqlite!(Quiet:
    only_livekit_is_believed, whoever_is_inside_as_it_should_be_is_left_alone, a_room_without_a_meeting_hears_nothing,
    a_permission_of_an_older_token_is_mended_at_once, a_room_that_was_made_is_looked_at,
    all_go_when_many_come);

on_sqlite!(Troubled: whoever_was_kicked_is_out_at_once);

/// Somebody whom the server does not know.
const STRANGER: &str = "00000000-0000-4000-8000-000000000001";

async fn only_livekit_is_believed(world: &Quiet) {
    let (_meeting, alice, _gus) = pair(world).await;
    let room = room_of(&alice);
    world.livekit.enter(&room, STRANGER, &[]);
    let body = world.livekit.joined(&room, STRANGER).to_string();
    let other = event("participant_left", &room).to_string();
    for (authorization, why) in [
        (None, "nobody signed it"),
        (Some(String::new()), "no token"),
        (Some("Bearer".to_owned()), "no token either"),
        (Some(sign(&body, (API_KEY, "not the one"), 0)), "another secret"),
        (
            Some(sign(&body, ("somebody else's", API_SECRET), 0)),
            "another key",
        ),
        (Some(sign(&body, (API_KEY, API_SECRET), 3_600)), "too old"),
        (Some(sign(&body, (API_KEY, API_SECRET), -3_600)), "not yet"),
        (Some(sign(&other, (API_KEY, API_SECRET), 0)), "another body"),
        // Any other token of the same key, such as a participant's.
        (
            media_of(&alice)["token"].as_str().map(str::to_owned),
            "of a participant",
        ),
    ] {
        let body = body.clone();
        let told = Told { authorization, body };
        assert_eq!(told.send_to(world).await, 401, "{why}");
    }
    for malformed in ["", "{", "[]", "{\"event\": 1}"] {
        assert_eq!(
            Told::signed(malformed.to_owned()).send_to(world).await,
            400,
            "{malformed}"
        );
    }
    let padded = |bytes: usize| {
        let body = other.clone() + &" ".repeat(bytes - other.len());
        Told::signed(body).send_to(world)
    };
    assert_eq!(padded(WEBHOOK_BYTES_MAX).await, 200);
    assert_eq!(padded(WEBHOOK_BYTES_MAX + 1).await, 413);
    let asked = world
        .anonymous()
        .request(Method::GET, "/v1/livekit/webhook")
        .send()
        .await;
    assert_eq!(asked.expect("an answer").status(), 405);
    assert_eq!(world.livekit.orders(), []);
    // What is older than a minute a look has seen.
    let mut old = world.livekit.joined(&room, STRANGER);
    old["createdAt"] = json!((Utc::now().timestamp() - 90).to_string());
    world.livekit.tell(world, &old).await;
    assert_prompt_removal(world, &alice).await;
    assert_eq!(world.livekit.orders().len(), 1);
}

/// The stranger, who comes to LiveKit, is removed because LiveKit tells of it: looks have no answer meanwhile. What was told before is
/// done by then.
async fn assert_prompt_removal(world: &Quiet, who: &Participant) {
    let room = room_of(who);
    world.livekit.be_about("ListParticipants", Mood::Silent);
    come_and_tell(world, &world.livekit, &room, STRANGER).await;
    expect_removal(&world.livekit, &room, STRANGER).await;
    world.livekit.be(Mood::Honest);
}

/// Somebody comes to LiveKit, which tells of it.
async fn come_and_tell(server: &Server, livekit: &FakeLivekit, room: &str, identity: &str) {
    livekit.enter(room, identity, &[]);
    livekit.tell(server, &livekit.joined(room, identity)).await;
}

async fn whoever_is_inside_as_it_should_be_is_left_alone(world: &Quiet) {
    let (_meeting, alice, gus) = pair(world).await;
    let room = room_of(&alice);
    expect_look(&world.livekit, &room).await;
    for one in [&alice, &gus] {
        bring(&world.livekit, one, &[Track::live("TR_1", "MICROPHONE")]);
        world
            .livekit
            .tell(world, &world.livekit.joined(&room, &one.id))
            .await;
    }
    world.livekit.enter(&room, "bot", &[]);
    world
        .livekit
        .tell(world, &world.livekit.joined(&room, "bot"))
        .await;
    for name in [
        "participant_left",
        "track_published",
        "room_finished",
        "something_new",
    ] {
        let mut told = event(name, &room);
        told["participant"] = world.livekit.joined(&room, &gus.id)["participant"].clone();
        world.livekit.tell(world, &told).await;
    }
    world
        .livekit
        .tell(world, &json!({"event": "egress_started", "id": "EV_1"}))
        .await;
    world.livekit.tell(world, &event("room_started", "lobby")).await;
    assert_prompt_removal(world, &alice).await;
    assert_eq!(world.livekit.orders().len(), 1, "{:?}", world.livekit.orders());
}

/// It begins no meeting, and what is no room of the running one is none of its business.
async fn a_room_without_a_meeting_hears_nothing(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let former = format!("{}~{}", meeting.room, Utc::now().timestamp() - 3_600);
    let unknown = format!("{STRANGER}~{}", Utc::now().timestamp());
    let breakout = format!("{}:{STRANGER}", meeting.room);
    let rooms = [&*former, &*unknown, &*breakout, &*meeting.room];
    let tell_all = async || {
        for room in rooms {
            world.livekit.enter(room, STRANGER, &[]);
            world
                .livekit
                .tell(world, &world.livekit.joined(room, STRANGER))
                .await;
            world.livekit.tell(world, &event("room_started", room)).await;
        }
    };
    tell_all().await;
    let journals = std::fs::read_dir(world.data_dir().join("journal")).expect("the journals");
    let names: Vec<_> = journals
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().contains(&*meeting.room)),
        "{names:?}"
    );
    let alice = meeting.joined_owner().await;
    let room = room_of(&alice);
    // The look at the room that it joins is the first call.
    expect_look(&world.livekit, &room).await;
    assert_eq!(world.livekit.count("ListParticipants"), 1);
    tell_all().await;
    assert_prompt_removal(world, &alice).await;
    assert_eq!(world.livekit.orders().len(), 1, "{:?}", world.livekit.orders());
    for room in rooms {
        assert_eq!(world.livekit.people(room), [STRANGER]);
    }
}

async fn a_permission_of_an_older_token_is_mended_at_once(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    let room = room_of(&alice);
    expect_look(&world.livekit, &room).await;
    restrict(&mut alice, &[]).await;
    gus.expect("livekit", "microphone_restrictions_enabled").await;
    let (number, _) = world.livekit.expect("GetParticipant").await;
    world.livekit.end_of(number).await;
    // No look is needed.
    world.livekit.be_about("ListParticipants", Mood::Silent);
    bring(&world.livekit, &gus, &[]);
    world
        .livekit
        .tell(world, &world.livekit.joined(&room, &gus.id))
        .await;
    expect_permission(&world.livekit, &room, &gus.id, &WITHOUT_MICROPHONE).await;
}

async fn a_room_that_was_made_is_looked_at(world: &Quiet) {
    let (_meeting, alice, _gus) = pair(world).await;
    let room = room_of(&alice);
    expect_look(&world.livekit, &room).await;
    world.livekit.enter(&room, STRANGER, &[]);
    world.livekit.tell(world, &event("room_started", &room)).await;
    expect_look(&world.livekit, &room).await;
    expect_removal(&world.livekit, &room, STRANGER).await;
}

async fn whoever_was_kicked_is_out_at_once(world: &Troubled) {
    let (_meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&alice);
    expect_look(&world.livekit, &room).await;
    bring(&world.livekit, &gus, &[]);
    alice.act_on("moderation", "kick", &gus.id).await;
    expect_removal(&world.livekit, &room, &gus.id).await;
    // No look finds it from now on.
    world.livekit.be_about("ListParticipants", Mood::Silent);
    for _ in 0..3 {
        come_and_tell(world, &world.livekit, &room, &gus.id).await;
        expect_removal(&world.livekit, &room, &gus.id).await;
    }
    // One line says so, however often it comes, as soon as it is clear that it had gone.
    world.livekit.be(Mood::Honest);
    tokio::time::sleep(Duration::from_secs(4)).await;
    for _ in 0..2 {
        come_and_tell(world, &world.livekit, &room, &gus.id).await;
        expect_removal(&world.livekit, &room, &gus.id).await;
    }
    world.wait_for_log("in LiveKit again", 1).await;
    assert!(
        world.warnings()[0].contains("webhooks=true"),
        "{:?}",
        world.warnings()
    );
}

/// More than a room takes one by one.
async fn all_go_when_many_come(world: &Quiet) {
    let (_meeting, alice, gus) = pair(world).await;
    let room = room_of(&alice);
    bring(&world.livekit, &gus, &[]);
    for number in 0..60 {
        let identity = Uuid::from_u128(number).to_string();
        come_and_tell(world, &world.livekit, &room, &identity).await;
    }
    let is_right = |world: &World| world.rooms[&room].keys().eq([&gus.id]).then_some(());
    world.livekit.until("all strangers to go", is_right).await;
}
