//! Section 9: who may publish what, in new tokens at once and in LiveKit after.

use serde_json::json;

use super::{
    ALL_SOURCES, WITHOUT_MICROPHONE, bring, expect_permission, name_all, pair, restrict, room_of, sources,
    sources_now,
};
use crate::support::{
    livekit::{End, Mood, World, permission},
    participant::Participant,
    quiet::{Quiet, QuietWith, Settings},
};

on_sqlite!(Quiet:
    microphones_are_restricted_at_once_and_in_livekit_after, restrictions_end_when_they_were_there,
    a_new_moderator_may_speak);

on_sqlite!(Strict: screens_are_shared_by_permission_where_the_operator_says_so);

const WITHOUT_SCREEN: [&str; 2] = ["camera", "microphone"];

/// Only moderators, and whom they permit it, share their screen.
type Strict = QuietWith<ScreenShareOnPermission>;

struct ScreenShareOnPermission;

impl Settings for ScreenShareOnPermission {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_LIVEKIT__SCREEN_SHARE_REQUIRES_PERMISSION", "true")];
}

async fn expect_enabled(who: &mut Participant, unrestricted: &[&str]) {
    let told = who
        .expect_next("livekit", "microphone_restrictions_enabled")
        .await;
    assert_eq!(
        told["payload"],
        json!({"message": "microphone_restrictions_enabled", "unrestricted_participants": unrestricted})
    );
}

async fn microphones_are_restricted_at_once_and_in_livekit_after(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let mut ida = meeting.joined_guest("Ida").await;
    for one in [&mut alice, &mut gus] {
        one.expect_next("control", "joined").await;
    }
    for one in [&alice, &gus, &ida] {
        bring(&world.livekit, one, &[]);
    }

    let room = room_of(&alice);
    let mut late = meeting.guest().await;
    let allowed = ida.id.clone();
    world.livekit.be(Mood::Silent);
    restrict(&mut alice, &[&allowed]).await;
    let under_way = world.livekit.until("a call", |world| {
        world.calls.iter().position(|call| call.end.is_none())
    });
    let number = under_way.await;
    // LiveKit has not said a word yet.
    for one in [&mut alice, &mut gus, &mut ida] {
        expect_enabled(one, &[&allowed]).await;
    }
    assert_eq!(sources_now(&mut gus).await, WITHOUT_MICROPHONE);
    for one in [&mut alice, &mut ida] {
        assert_eq!(sources_now(one).await, ALL_SOURCES);
    }
    let state = late.join("Late").await["livekit"].clone();
    assert_eq!(
        state["microphone_restriction_state"],
        json!({"type": "enabled", "unrestricted_participants": [allowed]})
    );
    assert_eq!(sources(&state["token"]), WITHOUT_MICROPHONE);
    assert!(!matches!(
        world.livekit.calls()[number].end,
        Some(End::Answered(_))
    ));

    world.livekit.be(Mood::Honest);
    let is_done = |world: &World| {
        let of = |one: &Participant| &world.rooms[&room][&one.id].permission;
        let hold = *of(&gus) == permission(&WITHOUT_MICROPHONE) && *of(&ida) == permission(&ALL_SOURCES);
        hold.then_some(())
    };
    world.livekit.until("two permissions", is_done).await;
    let told = world.livekit.orders();
    assert!(
        told.iter().all(|call| call.body["identity"] != *alice.id),
        "nobody touches a moderator: {told:?}"
    );
}

async fn restrictions_end_when_they_were_there(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    bring(&world.livekit, &gus, &[]);
    let room = room_of(&gus);
    alice.act("livekit", "disable_microphone_restrictions").await;
    for one in [&mut alice, &mut gus] {
        one.expect_silence().await;
    }
    restrict(&mut alice, &[]).await;
    for one in [&mut alice, &mut gus] {
        expect_enabled(one, &[]).await;
    }
    expect_permission(&world.livekit, &room, &gus.id, &WITHOUT_MICROPHONE).await;
    alice.act("livekit", "disable_microphone_restrictions").await;
    for one in [&mut alice, &mut gus] {
        let told = one
            .expect_next("livekit", "microphone_restrictions_disabled")
            .await;
        assert_eq!(
            told["payload"],
            json!({"message": "microphone_restrictions_disabled"})
        );
    }
    expect_permission(&world.livekit, &room, &gus.id, &ALL_SOURCES).await;
    assert_eq!(sources_now(&mut gus).await, ALL_SOURCES);
}

async fn a_new_moderator_may_speak(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    bring(&world.livekit, &gus, &[]);
    let room = room_of(&gus);
    restrict(&mut alice, &[]).await;
    expect_permission(&world.livekit, &room, &gus.id, &WITHOUT_MICROPHONE).await;
    for (action, sources) in [
        ("grant_moderator_role", &ALL_SOURCES[..]),
        ("revoke_moderator_role", &WITHOUT_MICROPHONE),
    ] {
        alice.act_on("control", action, &gus.id).await;
        gus.expect("control", "role_updated").await;
        expect_permission(&world.livekit, &room, &gus.id, sources).await;
        assert_eq!(sources_now(&mut gus).await, sources);
    }
}

async fn screens_are_shared_by_permission_where_the_operator_says_so(world: &Strict) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    bring(&world.livekit, &gus, &[]);
    let room = room_of(&gus);
    assert_eq!(sources_now(&mut alice).await, ALL_SOURCES);
    assert_eq!(sources_now(&mut gus).await, WITHOUT_SCREEN);
    for (action, sources) in [
        ("grant_screen_share_permission", &ALL_SOURCES[..]),
        ("revoke_screen_share_permission", &WITHOUT_SCREEN),
    ] {
        name_all(&mut alice, action, &[&gus.id]).await;
        expect_permission(&world.livekit, &room, &gus.id, sources).await;
        assert_eq!(sources_now(&mut gus).await, sources);
    }
    // LiveKit hears of it, the others have nothing to do.
    for one in [&mut alice, &mut gus] {
        one.expect_silence().await;
    }
}
