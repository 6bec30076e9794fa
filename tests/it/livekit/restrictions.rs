//! Section 9: who may publish what, in new tokens at once and in LiveKit after.

use serde_json::{Value, json};

use super::{ALL_SOURCES, name_all, pair, restrict, sources, sources_now};
use crate::support::{
    livekit::{End, FakeLivekit, Mood},
    participant::Participant,
    quiet::{Quiet, QuietWith, Settings},
};

on_sqlite!(Quiet:
    microphones_are_restricted_at_once_and_in_livekit_after, restrictions_end_when_they_were_there,
    a_new_moderator_may_speak);

on_sqlite!(Strict: screens_are_shared_by_permission_where_the_operator_says_so);

const WITHOUT_MICROPHONE: [&str; 3] = ["camera", "screen_share", "screen_share_audio"];
const WITHOUT_SCREEN: [&str; 2] = ["camera", "microphone"];

/// Only moderators, and whom they permit it, share their screen.
type Strict = QuietWith<ScreenShareOnPermission>;

struct ScreenShareOnPermission;

impl Settings for ScreenShareOnPermission {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_LIVEKIT__SCREEN_SHARE_REQUIRES_PERMISSION", "true")];
}

/// What LiveKit is told about a participant.
fn permission(sources: &[&str]) -> Value {
    let sources: Vec<_> = sources.iter().map(|source| source.to_uppercase()).collect();
    json!({
        "can_subscribe": true, "can_publish": true, "can_publish_data": false, "can_publish_sources": sources,
        "hidden": false,
    })
}

/// The next `UpdateParticipant` is this one, and LiveKit does it.
async fn expect_permission(livekit: &FakeLivekit, room: &str, who: &str, sources: &[&str]) {
    let (number, body) = livekit.expect("UpdateParticipant").await;
    assert_eq!(
        body,
        json!({"room": room, "identity": who, "permission": permission(sources)})
    );
    assert_eq!(livekit.end_of(number).await, End::Answered(200));
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
        world.livekit.enter(&meeting.room, &one.id, &[]);
    }

    let mut late = meeting.guest().await;
    let allowed = ida.id.clone();
    world.livekit.be(Mood::Silent);
    restrict(&mut alice, &[&allowed]).await;
    let (number, _) = world.livekit.expect("UpdateParticipant").await;
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
    assert!(
        world.livekit.calls()[number].end.is_none(),
        "LiveKit is still silent"
    );

    world.livekit.be(Mood::Honest);
    let of = |one: &Participant| {
        let person = world.livekit.person(&meeting.room, &one.id);
        person.expect("somebody in LiveKit").permission
    };
    world
        .livekit
        .until("two permissions", |world| (world.ended.len() == 2).then_some(()))
        .await;
    assert_eq!(of(&gus), permission(&WITHOUT_MICROPHONE));
    assert_eq!(of(&ida), permission(&ALL_SOURCES));
    assert_eq!(of(&alice), Value::Null, "nobody touches a moderator");
}

async fn restrictions_end_when_they_were_there(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    world.livekit.enter(&meeting.room, &gus.id, &[]);
    alice.act("livekit", "disable_microphone_restrictions").await;
    for one in [&mut alice, &mut gus] {
        one.expect_silence().await;
    }
    restrict(&mut alice, &[]).await;
    for one in [&mut alice, &mut gus] {
        expect_enabled(one, &[]).await;
    }
    expect_permission(&world.livekit, &meeting.room, &gus.id, &WITHOUT_MICROPHONE).await;
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
    expect_permission(&world.livekit, &meeting.room, &gus.id, &ALL_SOURCES).await;
    assert_eq!(sources_now(&mut gus).await, ALL_SOURCES);
}

async fn a_new_moderator_may_speak(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    world.livekit.enter(&meeting.room, &gus.id, &[]);
    restrict(&mut alice, &[]).await;
    expect_permission(&world.livekit, &meeting.room, &gus.id, &WITHOUT_MICROPHONE).await;
    for (action, sources) in [
        ("grant_moderator_role", &ALL_SOURCES[..]),
        ("revoke_moderator_role", &WITHOUT_MICROPHONE),
    ] {
        alice.act_on("control", action, &gus.id).await;
        gus.expect("control", "role_updated").await;
        expect_permission(&world.livekit, &meeting.room, &gus.id, sources).await;
        assert_eq!(sources_now(&mut gus).await, sources);
    }
}

async fn screens_are_shared_by_permission_where_the_operator_says_so(world: &Strict) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    world.livekit.enter(&meeting.room, &gus.id, &[]);
    assert_eq!(sources_now(&mut alice).await, ALL_SOURCES);
    assert_eq!(sources_now(&mut gus).await, WITHOUT_SCREEN);
    for (action, sources) in [
        ("grant_screen_share_permission", &ALL_SOURCES[..]),
        ("revoke_screen_share_permission", &WITHOUT_SCREEN),
    ] {
        name_all(&mut alice, action, &[&gus.id]).await;
        expect_permission(&world.livekit, &meeting.room, &gus.id, sources).await;
        assert_eq!(sources_now(&mut gus).await, sources);
    }
    // LiveKit hears of it, the others have nothing to do.
    for one in [&mut alice, &mut gus] {
        one.expect_silence().await;
    }
}
