//! Section 9: what a meeting asks of LiveKit, and what its participants hear of that.

use std::collections::BTreeSet;

use serde_json::json;

use super::{bring, expect_removal, media_of, name_all, open_breakout_rooms, pair, room_of};
use crate::support::{
    livekit::{End, Mood, Track, World},
    meeting::Meeting,
    quiet::{Quiet, QuietWith, Settings},
};

on_sqlite!(Quiet:
    whom_a_moderator_mutes_hears_it_whatever_livekit_knows, muted_is_said_at_once, only_moderators_decide_about_others,
    whoever_comes_back_is_not_removed, the_room_goes_when_rest_deletes_it, moving_between_rooms_is_leaving_one,
    a_removal_outlives_the_process, a_room_is_looked_at_after_a_restart);

on_sqlite!(Hasty: whoever_leaves_is_removed, the_room_goes_with_the_meeting_and_its_tokens_open_no_other);

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

async fn whom_a_moderator_mutes_hears_it_whatever_livekit_knows(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let mut quiet = meeting.joined_guest("Quiet").await;
    let mut deaf = meeting.joined_guest("Without a microphone").await;
    let live = |sid, source| Track::live(sid, source);
    let muted = Track {
        muted: true,
        ..live("TR_3", "MICROPHONE")
    };
    let room = &*room_of(&alice);
    let tracks = [live("TR_1", "CAMERA"), live("TR_2", "MICROPHONE")];
    bring(&world.livekit, &gus, &tracks);
    bring(&world.livekit, &quiet, &[muted]);
    bring(&world.livekit, &deaf, &[live("TR_4", "SCREEN_SHARE_AUDIO")]);
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
    let (_meeting, mut alice, mut gus) = pair(world).await;
    let room = room_of(&gus);
    bring(&world.livekit, &gus, &[Track::live("TR_1", "MICROPHONE")]);
    world.livekit.be(Mood::Silent);
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    gus.expect_next("livekit", "force_muted").await;
    world.livekit.expect("GetParticipant").await;
    world.livekit.be(Mood::Honest);
    let is_done = || world.livekit.person(&room, &gus.id).expect("Gus").tracks[0].muted;
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
    assert_eq!(world.livekit.orders(), []);
}

async fn whoever_leaves_is_removed(world: &Hasty) {
    let (meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&alice);
    bring(&world.livekit, &gus, &[]);
    let id = gus.id.clone();
    gus.leave().await;
    expect_removal(&world.livekit, &room, &id).await;

    let lost = meeting.joined_guest("Lost").await;
    bring(&world.livekit, &lost, &[]);
    let id = lost.id.clone();
    lost.vanish();
    expect_removal(&world.livekit, &room, &id).await;

    // Somebody without media: LiveKit knows nothing of it, and that is fine.
    let absent = meeting.joined_guest("Absent").await;
    let id = absent.id.clone();
    absent.leave().await;
    let (number, body) = world.livekit.expect("RemoveParticipant").await;
    assert_eq!(body, json!({"room": room, "identity": id}));
    assert_eq!(world.livekit.end_of(number).await, End::Answered(404));

    let kicked = meeting.joined_guest("Kicked").await;
    bring(&world.livekit, &kicked, &[]);
    alice.act_on("moderation", "kick", &kicked.id).await;
    expect_removal(&world.livekit, &room, &kicked.id).await;
    assert!(world.livekit.people(&room).is_empty());
}

/// Two leave while LiveKit is silent, and the second comes back: the call to remove it is given up.
async fn whoever_comes_back_is_not_removed(world: &Quiet) {
    let (meeting, _alice, gus) = pair(world).await;
    let gone = meeting.joined_guest("Gone").await;
    let room = room_of(&gus);
    for one in [&gus, &gone] {
        bring(&world.livekit, one, &[]);
    }
    let of_gone = gone.id.clone();
    world.livekit.be(Mood::Silent);
    gone.leave().await;
    world.livekit.expect("RemoveParticipant").await;
    let (id, token) = (gus.id.clone(), gus.resumption.clone());
    gus.leave().await;
    let (of_gus, body) = world.livekit.expect("RemoveParticipant").await;
    assert_eq!(body, json!({"room": room, "identity": id}));

    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    assert_eq!(back.id, id);
    assert_eq!(world.livekit.end_of(of_gus).await, End::Abandoned);

    world.livekit.be(Mood::Honest);
    let is_gone = |world: &World| (!world.rooms[&room].contains_key(&of_gone)).then_some(());
    world.livekit.until("one who left to go", is_gone).await;
    // The look that follows finds it where it should be.
    super::expect_look(&world.livekit, &room).await;
    super::expect_look(&world.livekit, &room).await;
    assert_eq!(world.livekit.people(&room), [id]);
}

async fn the_room_goes_with_the_meeting_and_its_tokens_open_no_other(world: &Hasty) {
    let (meeting, alice, gus) = pair(world).await;
    let room = room_of(&gus);
    world.livekit.enter(&room, "somebody else", &[]);
    let old = media_of(&gus)["token"].clone();
    gus.leave().await;
    alice.leave().await;
    let (number, body) = world.livekit.expect("DeleteRoom").await;
    assert_eq!(body, json!({"room": room}));
    assert_eq!(world.livekit.end_of(number).await, End::Answered(200));
    assert!(!world.livekit.has_room(&room));

    // The next meeting of the same room has another room in LiveKit: nobody who waits with a token of the last one hears it.
    let (waits_in, _) = world.livekit.enter_by(&old, &[]);
    let mut again = meeting.joined_owner().await;
    bring(&world.livekit, &again, &[]);
    again.say("here again").await;
    assert_eq!(waits_in, room);
    assert_ne!(room_of(&again), room);
    assert_eq!(world.livekit.people(&room_of(&again)), [&*again.id]);
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
    assert_eq!(deleted, [room_of(&alice), room_of(&there)].into());
    assert_eq!(room_of(&there), format!("{}:{breakout}", meeting.room));
}

async fn moving_between_rooms_is_leaving_one(world: &Quiet) {
    let (meeting, mut alice, gus) = pair(world).await;
    let main = room_of(&gus);
    bring(&world.livekit, &gus, &[]);
    let breakout = open_breakout_rooms(&mut alice, &["Red"]).await.remove(0);
    let ticket = json!({"breakout_room": breakout, "resumption": gus.resumption});
    let mut there = meeting.guest_with(ticket).await;
    there.join("Gus").await;
    expect_removal(&world.livekit, &main, &gus.id).await;

    // A moderator mutes where it is, not elsewhere.
    let red = room_of(&there);
    bring(&world.livekit, &there, &[Track::live("TR_1", "MICROPHONE")]);
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
    expect_removal(&world.livekit, &red, &gus.id).await;
    assert_eq!(room_of(&back), main);
    alice.act("breakout", "stop").await;
    let (_, body) = world.livekit.expect("DeleteRoom").await;
    assert_eq!(body, json!({"room": red}));
    assert_eq!(world.livekit.count("MutePublishedTrack"), 0);
}

/// Calls that a process leaves behind are made by the next one, as far as they still make sense.
async fn a_removal_outlives_the_process(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let alice = meeting.joined_owner().await;
    let gus = meeting.joined_guest("Gus").await;
    let (id, room) = (gus.id.clone(), room_of(&gus));
    bring(&world.livekit, &gus, &[]);
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
    assert_eq!(body, json!({"room": room, "identity": id}));
    world.livekit.end_of(again).await;
    assert!(world.livekit.people(&room).is_empty());
}

/// What the last process had planned is not known to have happened: each room is looked at.
async fn a_room_is_looked_at_after_a_restart(world: &Quiet) {
    let (meeting, _alice, gus) = pair(world).await;
    let room = room_of(&gus);
    bring(&world.livekit, &gus, &[]);
    super::expect_look(&world.livekit, &room).await;
    world.kill9();
    // Nobody whom the server has ever heard of.
    world.livekit.enter(&room, NOBODY, &[]);
    world.restart().await;
    expect_removal(&world.livekit, &room, NOBODY).await;
    let mut back = meeting.returning_guest(&gus.resumption).await;
    back.join("Gus").await;
    assert_eq!(room_of(&back), room);
    assert_eq!(world.livekit.people(&room), [&*gus.id]);
}
