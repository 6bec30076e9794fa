//! Section 9: what a meeting asks of LiveKit, and what its participants hear of that.

use std::collections::BTreeSet;

use serde_json::json;

use super::{name_all, open_breakout_rooms, pair};
use crate::support::{
    livekit::{End, FakeLivekit, Mood, Track},
    meeting::Meeting,
    quiet::{Quiet, QuietWith, Settings},
};

on_sqlite!(Quiet:
    whom_a_moderator_mutes_hears_it_whatever_livekit_knows, muted_is_said_at_once, only_moderators_decide_about_others,
    whoever_comes_back_is_not_removed, the_room_goes_when_rest_deletes_it, moving_between_rooms_is_leaving_one,
    a_removal_outlives_the_process);

on_sqlite!(Hasty: whoever_leaves_is_removed_with_all_windows, the_room_goes_with_the_meeting);

/// Nobody has this id.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Lost participants leave after a second, and an empty meeting is dropped a second later.
type Hasty = QuietWith<ShortLife>;

struct ShortLife;

impl Settings for ShortLife {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("COLLOQUY_SIGNALING__RECONNECT_GRACE_SECS", "1"),
        ("COLLOQUY_ROOMS__GRACE_SECS", "1"),
    ];
}

/// The next removals are of these, in any order, and LiveKit does what it can.
async fn expect_removals(livekit: &FakeLivekit, room: &str, identities: &[String]) {
    let mut removed = BTreeSet::new();
    for _ in identities {
        let (number, body) = livekit.expect("RemoveParticipant").await;
        livekit.end_of(number).await;
        assert_eq!(body["room"], room);
        removed.insert(body["identity"].as_str().expect("an identity").to_owned());
    }
    assert_eq!(removed, identities.iter().cloned().collect());
}

async fn whom_a_moderator_mutes_hears_it_whatever_livekit_knows(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let mut quiet = meeting.joined_guest("Quiet").await;
    let mut deaf = meeting.joined_guest("Without a microphone").await;
    let live = |sid, source| Track::live(sid, source);
    let muted = Track {
        muted: true,
        ..live("TR_3", "MICROPHONE")
    };
    let room = &*meeting.room;
    let tracks = [live("TR_1", "CAMERA"), live("TR_2", "MICROPHONE")];
    world.livekit.enter(room, &gus.id, &tracks);
    world.livekit.enter(room, &quiet.id, &[muted]);
    world
        .livekit
        .enter(room, &deaf.id, &[live("TR_4", "SCREEN_SHARE_AUDIO")]);
    for one in [&mut alice, &mut gus, &mut quiet] {
        one.events_so_far().await;
    }

    let ids = [&gus, &quiet, &deaf, &alice].map(|one| one.id.clone());
    let mut targets: Vec<_> = ids.iter().map(String::as_str).collect();
    targets.push(NOBODY);
    name_all(&mut alice, "force_mute", &targets).await;
    let moderator = alice.id.clone();
    for one in [&mut gus, &mut quiet, &mut deaf, &mut alice] {
        let told = one.expect_next("livekit", "force_muted").await;
        assert_eq!(
            told["payload"],
            json!({"message": "force_muted", "moderator": moderator})
        );
        one.expect_silence().await;
    }
    let is_done = || world.livekit.person(room, &gus.id).expect("Gus").tracks[1].muted;
    super::until("LiveKit mutes", is_done).await;
    let muted: Vec<_> = world.livekit.person(room, &gus.id).expect("Gus").tracks;
    assert_eq!(
        muted.iter().map(|track| track.muted).collect::<Vec<_>>(),
        [false, true]
    );
    let deaf_tracks = world.livekit.person(room, &deaf.id).expect("somebody").tracks;
    assert!(!deaf_tracks[0].muted, "only microphones are muted");
}

async fn muted_is_said_at_once(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    world
        .livekit
        .enter(&meeting.room, &gus.id, &[Track::live("TR_1", "MICROPHONE")]);
    world.livekit.be(Mood::Silent);
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    gus.expect_next("livekit", "force_muted").await;
    world.livekit.expect("GetParticipant").await;
    world.livekit.be(Mood::Honest);
    let is_done = || world.livekit.person(&meeting.room, &gus.id).expect("Gus").tracks[0].muted;
    super::until("LiveKit mutes", is_done).await;
    for one in [&mut alice, &mut gus] {
        one.expect_silence().await;
    }
}

async fn only_moderators_decide_about_others(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    for action in [
        "force_mute",
        "grant_screen_share_permission",
        "revoke_screen_share_permission",
    ] {
        name_all(&mut gus, action, &[&alice.id]).await;
        gus.expect_error("livekit", "insufficient_permissions").await;
    }
    super::restrict(&mut gus, &[]).await;
    gus.expect_error("livekit", "insufficient_permissions").await;
    gus.act("livekit", "disable_microphone_restrictions").await;
    gus.expect_error("livekit", "insufficient_permissions").await;
    alice.expect_silence().await;
    assert_eq!(world.livekit.calls(), []);
}

async fn whoever_leaves_is_removed_with_all_windows(world: &Hasty) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    for _ in 0..2 {
        gus.act("livekit", "request_popout_stream_access_token").await;
        gus.expect("livekit", "popout_stream_access_token").await;
    }
    let room = &*meeting.room;
    let windows = ["", "-popout1", "-popout2"].map(|window| format!("{}{window}", gus.id));
    // One window was closed before.
    for identity in &windows[..2] {
        world.livekit.enter(room, identity, &[]);
    }
    gus.leave().await;
    expect_removals(&world.livekit, room, &windows).await;
    for identity in &windows {
        assert_eq!(world.livekit.person(room, identity), None);
    }

    let lost = meeting.joined_guest("Lost").await;
    let id = lost.id.clone();
    lost.vanish();
    expect_removals(&world.livekit, room, &[id]).await;

    let kicked = meeting.joined_guest("Kicked").await;
    alice.act_on("moderation", "kick", &kicked.id).await;
    expect_removals(&world.livekit, room, std::slice::from_ref(&kicked.id)).await;
}

/// Two leave, and the second comes back. LiveKit is silent, so each removal is given up some time; given up first is the
/// one that began later: nobody waited for its time to be over.
async fn whoever_comes_back_is_not_removed(world: &Quiet) {
    let (meeting, _alice, gus) = pair(world).await;
    let gone = meeting.joined_guest("Gone").await;
    for one in [&gus, &gone] {
        world.livekit.enter(&meeting.room, &one.id, &[]);
    }
    world.livekit.be(Mood::Silent);
    gone.leave().await;
    let (of_gone, _) = world.livekit.expect("RemoveParticipant").await;
    let (id, token) = (gus.id.clone(), gus.resumption.clone());
    gus.leave().await;
    let (of_gus, body) = world.livekit.expect("RemoveParticipant").await;
    assert_eq!(body, json!({"room": meeting.room, "identity": id}));

    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    assert_eq!(back.id, id);
    assert_eq!(world.livekit.end_of(of_gus).await, End::Abandoned);
    assert_eq!(world.livekit.calls()[of_gone].end, None);

    world.livekit.be(Mood::Honest);
    assert_eq!(world.livekit.end_of(of_gone).await, End::Answered(200));
    assert!(world.livekit.person(&meeting.room, &id).is_some());
}

async fn the_room_goes_with_the_meeting(world: &Hasty) {
    let (meeting, alice, gus) = pair(world).await;
    world.livekit.enter(&meeting.room, "somebody else", &[]);
    gus.leave().await;
    alice.leave().await;
    let (number, body) = world.livekit.expect("DeleteRoom").await;
    assert_eq!(body, json!({"room": meeting.room}));
    assert_eq!(world.livekit.end_of(number).await, End::Answered(200));
    assert!(!world.livekit.has_room(&meeting.room));

    // The next meeting of the same room begins with a room that LiveKit makes anew.
    let mut again = meeting.joined_owner().await;
    again.say("here again").await;
}

async fn the_room_goes_when_rest_deletes_it(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let breakout = open_breakout_rooms(&mut alice, &["Red", "Blue"]).await.remove(0);
    gus.expect("breakout", "started").await;
    let ticket = json!({"breakout_room": breakout, "resumption": gus.resumption});
    let mut there = meeting.guest_with(ticket).await;
    there.join("Gus").await;
    meeting.alice.delete(&meeting.path("")).await.expect(204);
    alice.expect("control", "room_deleted").await;
    there.expect("control", "room_deleted").await;
    // Nobody was ever in the blue room.
    let mut deleted = BTreeSet::new();
    for _ in 0..2 {
        let (number, body) = world.livekit.expect("DeleteRoom").await;
        world.livekit.end_of(number).await;
        deleted.insert(body["room"].as_str().expect("a room").to_owned());
    }
    let red = format!("{}:{breakout}", meeting.room);
    assert_eq!(deleted, [meeting.room.clone(), red].into());
}

async fn moving_between_rooms_is_leaving_one(world: &Quiet) {
    let (meeting, mut alice, gus) = pair(world).await;
    let breakout = open_breakout_rooms(&mut alice, &["Red"]).await.remove(0);
    let red = format!("{}:{breakout}", meeting.room);
    let ticket = json!({"breakout_room": breakout, "resumption": gus.resumption});
    let mut there = meeting.guest_with(ticket).await;
    there.join("Gus").await;
    let own = std::slice::from_ref(&gus.id);
    expect_removals(&world.livekit, &meeting.room, own).await;

    // A moderator mutes where it is, not elsewhere.
    world
        .livekit
        .enter(&red, &gus.id, &[Track::live("TR_1", "MICROPHONE")]);
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    for one in [&mut alice, &mut there] {
        let told = one.events_so_far().await;
        assert!(
            told.iter().all(|frame| frame["namespace"] != "livekit"),
            "{told:?}"
        );
    }

    let mut back = meeting.returning_guest(&there.resumption).await;
    back.join("Gus").await;
    expect_removals(&world.livekit, &red, own).await;
    alice.act("breakout", "stop").await;
    let (_, body) = world.livekit.expect("DeleteRoom").await;
    assert_eq!(body, json!({"room": red}));
    let methods: BTreeSet<_> = world
        .livekit
        .calls()
        .into_iter()
        .map(|call| call.method)
        .collect();
    assert!(!methods.contains("MutePublishedTrack"), "{methods:?}");
}

/// Calls that a process leaves behind are made by the next one, as far as they still make sense.
async fn a_removal_outlives_the_process(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let alice = meeting.joined_owner().await;
    let gus = meeting.joined_guest("Gus").await;
    let id = gus.id.clone();
    world.livekit.enter(&meeting.room, &id, &[]);
    world.livekit.be(Mood::Silent);
    gus.leave().await;
    let (first, _) = world.livekit.expect("RemoveParticipant").await;
    world.kill9();
    assert_eq!(world.livekit.end_of(first).await, End::Abandoned);
    world.livekit.be(Mood::Honest);
    world.restart().await;
    let token = alice.resumption.clone();
    let mut alice = meeting.returning_owner(&token).await;
    alice.join("Alice").await;
    let (again, body) = world.livekit.expect("RemoveParticipant").await;
    assert_eq!(body, json!({"room": meeting.room, "identity": id}));
    assert_eq!(world.livekit.end_of(again).await, End::Answered(200));
}
