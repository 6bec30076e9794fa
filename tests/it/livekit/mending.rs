//! What is not as it should be in LiveKit is found by looking at it, and mended until it is; who is no business of ours stays.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{
    ALL_SOURCES, WITHOUT_MICROPHONE, bring, expect_look, expect_permission, expect_removal, media_of, pair,
    restrict, room_of, sources_now,
    troubled::{Perhaps, TroubledBy},
};
use crate::support::{
    livekit::{End, Person, Track, World, permission},
    meeting::Meeting,
    participant::Participant,
    quiet::Quiet,
};

on_sqlite!(Quiet:
    other_programs_stay, those_who_are_not_there_keep_nobody_from_anything, ghosts_keep_nobody_from_anything,
    permissions_of_older_tokens_are_mended, a_voice_under_another_name_ends, an_idle_meeting_is_looked_at_once,
    whoever_waits_in_livekit_for_the_first_one_is_removed, all_go_after_a_debriefing_of_many,
    more_strangers_than_a_look_tells_go);

on_sqlite!(Forgotten: the_list_is_right_in_the_end);

/// Whether somebody has come back, or was only not gone yet, depends on how fast this machine is.
type Forgotten = TroubledBy<Perhaps>;

/// Ids of people whom the server does not know.
const STRANGERS: [&str; 8] = [
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
    "00000000-0000-4000-8000-000000000003",
    "00000000-0000-4000-8000-000000000004",
    "00000000-0000-4000-8000-000000000005",
    "00000000-0000-4000-8000-000000000006",
    "00000000-0000-4000-8000-000000000007",
    "00000000-0000-4000-8000-000000000008",
];

/// Two seconds after a moderator has removed somebody, LiveKit is looked at: whoever is removed here never came to it.
/// Answers its id.
async fn provoke_a_look(meeting: &Meeting, alice: &mut Participant) -> String {
    let kicked = meeting.joined_guest("Kicked").await;
    alice.act_on("moderation", "kick", &kicked.id).await;
    kicked.id.clone()
}

async fn other_programs_stay(world: &Quiet) {
    let (meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&alice);
    bring(&world.livekit, &gus, &[]);
    let mut others = Vec::new();
    for (identity, kind) in [
        ("sip_+49301", "SIP"),
        ("EG_x", "EGRESS"),
        ("bot", "STANDARD"),
        (STRANGERS[0], "INGRESS"),
    ] {
        let other = Person {
            kind,
            ..Person::of(identity, &[])
        };
        world.livekit.enter_as(&room, identity, other);
        others.push(identity.to_owned());
    }
    // Without a token that it ever got, a window is as strange as a stranger.
    let window = format!("{}-popout1", gus.id);
    for identity in [STRANGERS[1], STRANGERS[2], &*window] {
        world.livekit.enter(&room, identity, &[]);
    }
    let kicked = provoke_a_look(&meeting, &mut alice).await;
    let mut expected = others;
    expected.push(gus.id.clone());
    expected.sort();
    let is_right = |world: &World| world.rooms[&room].keys().eq(expected.iter()).then_some(());
    world.livekit.until("only the strangers to go", is_right).await;
    for call in world.livekit.orders() {
        let is_stranger = [&*kicked, STRANGERS[1], STRANGERS[2], &*window]
            .contains(&call.body["identity"].as_str().unwrap_or_default());
        assert!(
            call.method == "RemoveParticipant" && is_stranger,
            "nobody is touched besides: {call:?}"
        );
    }
}

/// Six people without media, about each of whom a LiveKit before 1.9 would think for three seconds.
async fn those_who_are_not_there_keep_nobody_from_anything(world: &Quiet) {
    world.livekit.change_habits(|habits| habits.is_old = true);
    let (meeting, mut alice, mut gus) = pair(world).await;
    let room = room_of(&alice);
    bring(&world.livekit, &alice, &[]);
    bring(&world.livekit, &gus, &[Track::live("TR_1", "MICROPHONE")]);
    let mut absent = Vec::new();
    for number in 0..6 {
        absent.push(meeting.joined_guest(&format!("Absent {number}")).await);
    }
    alice.events_so_far().await;
    gus.events_so_far().await;

    restrict(&mut alice, &[]).await;
    expect_permission(&world.livekit, &room, &gus.id, &WITHOUT_MICROPHONE).await;
    let tracks = world.livekit.person(&room, &gus.id).expect("Gus").tracks;
    assert_eq!(tracks, []);
    for one in [&mut alice, &mut gus] {
        one.expect_next("livekit", "microphone_restrictions_enabled")
            .await;
    }
    alice.expect_silence().await;
    alice.act_on("moderation", "kick", &gus.id).await;
    expect_removal(&world.livekit, &room, &gus.id).await;
    alice.act("livekit", "disable_microphone_restrictions").await;
    alice.expect("livekit", "microphone_restrictions_disabled").await;
    alice.expect_silence().await;
    assert_eq!(world.livekit.people(&room), [alice.id.clone()]);
    assert_eq!(world.livekit.orders().len(), 2, "{:?}", world.livekit.orders());
}

/// More of them than failures that are borne: they were on a node that is dead, and LiveKit says that it can't do anything about them.
async fn ghosts_keep_nobody_from_anything(world: &Quiet) {
    world
        .livekit
        .change_habits(|habits| habits.unavailable_after = Duration::from_millis(10));
    let (meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&alice);
    bring(&world.livekit, &gus, &[]);
    for identity in STRANGERS {
        let ghost = Person {
            is_ghost: true,
            ..Person::of(identity, &[])
        };
        world.livekit.enter_as(&room, identity, ghost);
    }
    provoke_a_look(&meeting, &mut alice).await;
    // Each is tried twice after a look, besides the one who was never there.
    let tried = |world: &World| {
        let ended = world
            .calls
            .iter()
            .filter(|call| call.end == Some(End::Answered(503)));
        (ended.count() >= 2 * STRANGERS.len()).then_some(())
    };
    world.livekit.until("all ghosts to be tried", tried).await;
    restrict(&mut alice, &[]).await;
    expect_permission(&world.livekit, &room, &gus.id, &WITHOUT_MICROPHONE).await;
    alice.act_on("moderation", "kick", &gus.id).await;
    let is_gone = |world: &World| (!world.rooms[&room].contains_key(&gus.id)).then_some(());
    world.livekit.until("a removal", is_gone).await;
    assert_eq!(world.livekit.people(&room), STRANGERS);
    alice.expect("livekit", "microphone_restrictions_enabled").await;
    let after = alice.events_so_far().await;
    assert!(
        after.iter().all(|frame| frame["namespace"] != "livekit"),
        "{after:?}"
    );
}

/// Waits until LiveKit has heard of a restriction: what it shows from then on is found by looking.
async fn restrict_and_wait(world: &Quiet, room: &str, alice: &mut Participant) {
    expect_look(&world.livekit, room).await;
    restrict(alice, &[]).await;
    expect_look(&world.livekit, room).await;
}

async fn permissions_of_older_tokens_are_mended(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let ida = meeting.joined_guest("Ida").await;
    let room = room_of(&alice);
    let old = media_of(&gus)["token"].clone();
    restrict_and_wait(world, &room, &mut alice).await;
    // Comes back with the token of before, as LiveKit's clients do by themselves.
    world.livekit.enter_by(&old, &[Track::live("TR_1", "MICROPHONE")]);
    let less = Person {
        permission: permission(&["camera"]),
        ..Person::of(&ida.id, &[])
    };
    world.livekit.enter_as(&room, &ida.id, less);
    provoke_a_look(&meeting, &mut alice).await;
    let is_right = |world: &World| {
        let of = |one: &Participant| &world.rooms[&room][&one.id];
        let holds = |one| of(one).permission == permission(&WITHOUT_MICROPHONE);
        (holds(&gus) && holds(&ida) && of(&gus).tracks.is_empty()).then_some(())
    };
    world.livekit.until("two permissions", is_right).await;
    assert_eq!(sources_now(&mut gus).await, WITHOUT_MICROPHONE);
}

/// A client may say that its voice comes from the camera: LiveKit lets it, and everybody hears it.
async fn a_voice_under_another_name_ends(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let mut ida = meeting.joined_guest("Ida").await;
    let room = room_of(&alice);
    restrict_and_wait(world, &room, &mut alice).await;
    let restricted = |tracks: &[Track]| Person {
        permission: permission(&WITHOUT_MICROPHONE),
        ..Person::of("", tracks)
    };
    let pictures = [Track::live("TR_1", "CAMERA"), Track::sound("TR_2", "CAMERA")];
    world.livekit.enter_as(&room, &gus.id, restricted(&pictures));
    world.livekit.enter_as(
        &room,
        &ida.id,
        restricted(&[Track::sound("TR_3", "SCREEN_SHARE_AUDIO")]),
    );
    // The sound of a screen that is shown is what it says.
    let honest = meeting.joined_guest("Honest").await;
    let shown = [
        Track::live("TR_4", "SCREEN_SHARE"),
        Track::live("TR_5", "SCREEN_SHARE_AUDIO"),
    ];
    world.livekit.enter_as(&room, &honest.id, restricted(&shown));
    provoke_a_look(&meeting, &mut alice).await;
    let silent = |world: &World| {
        let tracks = |one: &Participant| world.rooms[&room][&one.id].tracks.len();
        (tracks(&gus) == 0 && tracks(&ida) == 0).then_some(())
    };
    world.livekit.until("two voices to end", silent).await;
    let of = |one: &Participant| world.livekit.person(&room, &one.id).expect("somebody");
    assert_eq!(
        of(&gus).permission,
        permission(&["screen_share", "screen_share_audio"])
    );
    assert_eq!(of(&ida).permission, permission(&["camera"]));
    assert_eq!(of(&honest).tracks.len(), 2);
    // A new token brings nothing back, also when everybody may speak again.
    assert_eq!(
        sources_now(&mut gus).await,
        ["screen_share", "screen_share_audio"]
    );
    alice.act("livekit", "disable_microphone_restrictions").await;
    gus.expect("livekit", "microphone_restrictions_disabled").await;
    assert_eq!(
        sources_now(&mut gus).await,
        ["microphone", "screen_share", "screen_share_audio"]
    );
    assert_eq!(sources_now(&mut ida).await, ["camera", "microphone"]);
    // Until it leaves.
    let token = gus.resumption.clone();
    gus.leave().await;
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    assert_eq!(sources_now(&mut back).await, ALL_SOURCES);
}

/// A minute costs one call.
async fn an_idle_meeting_is_looked_at_once(world: &Quiet) {
    let (_meeting, alice, gus) = pair(world).await;
    for one in [&alice, &gus] {
        bring(
            &world.livekit,
            one,
            &[Track::live("TR_1", "MICROPHONE"), Track::live("TR_2", "CAMERA")],
        );
    }
    expect_look(&world.livekit, &room_of(&alice)).await;
    // Whatever follows a removal or a change would have come by then.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let calls = world.livekit.calls().into_iter();
    let methods: Vec<_> = calls
        .map(|call| call.method)
        .filter(|method| method != "ListRooms")
        .collect();
    assert_eq!(methods, ["ListParticipants"]);
}

/// Somebody with a token for a room that nobody is in, whose name does not change.
async fn whoever_waits_in_livekit_for_the_first_one_is_removed(world: &Quiet) {
    let (meeting, mut alice, gus) = pair(world).await;
    let breakout = super::open_breakout_rooms(&mut alice, &["Red"]).await.remove(0);
    let red = format!("{}:{breakout}", meeting.room);
    world.livekit.enter(&red, STRANGERS[0], &[]);
    let ticket = json!({"breakout_room": breakout, "resumption": gus.resumption});
    let mut there = meeting.guest_with(ticket).await;
    there.join("Gus").await;
    bring(&world.livekit, &there, &[]);
    let is_right = |world: &World| world.rooms[&red].keys().eq([&gus.id]).then_some(());
    world.livekit.until("the stranger to go", is_right).await;
}

/// More than are removed one by one at the same time: a look finds who is left.
async fn all_go_after_a_debriefing_of_many(world: &Quiet) {
    let meeting = Meeting::create(world, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let room = room_of(&alice);
    bring(&world.livekit, &alice, &[]);
    let mut guests = Vec::new();
    for number in 0..12 {
        let guest = meeting.joined_guest(&format!("Guest {number}")).await;
        bring(&world.livekit, &guest, &[]);
        guests.push(guest);
    }
    let debriefing = json!({"action": "debrief", "kick_scope": "guests"});
    alice.send("moderation", debriefing).await;
    let is_right = |world: &World| world.rooms[&room].keys().eq([&alice.id]).then_some(());
    world.livekit.until("only Alice to stay", is_right).await;
}

/// One look tells of so many only, and the next one of others.
async fn more_strangers_than_a_look_tells_go(world: &Quiet) {
    let (meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&alice);
    bring(&world.livekit, &gus, &[]);
    for number in 0..200 {
        world
            .livekit
            .enter(&room, &Uuid::from_u128(number).to_string(), &[]);
    }
    provoke_a_look(&meeting, &mut alice).await;
    let is_right = |world: &World| world.rooms[&room].keys().eq([&gus.id]).then_some(());
    world.livekit.until("200 strangers to go", is_right).await;
}

/// LiveKit forgets every second removal, thinks for three seconds about whom it does not have, and one of them comes back by itself.
async fn the_list_is_right_in_the_end(world: &Forgotten) {
    world.livekit.change_habits(|habits| {
        habits.is_old = true;
        habits.drops_every_second_removal = true;
    });
    let (meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&alice);
    let [kim, lee, absent] = [
        meeting.joined_guest("Kim").await,
        meeting.joined_guest("Lee").await,
        meeting.joined_guest("Absent").await,
    ];
    for one in [&alice, &gus, &lee] {
        bring(&world.livekit, one, &[]);
    }
    let clinging = Person {
        comebacks: 1,
        ..Person::of(&kim.id, &[])
    };
    world.livekit.enter_as(&room, &kim.id, clinging);
    world.livekit.enter(&room, "bot", &[]);
    restrict(&mut alice, &[]).await;
    for one in [&kim, &lee, &absent] {
        alice.act_on("moderation", "kick", &one.id).await;
    }
    let mut expected = [alice.id.clone(), gus.id.clone(), "bot".to_owned()];
    expected.sort();
    let is_right = |world: &World| {
        let people = &world.rooms[&room];
        let is_restricted = || people[&gus.id].permission == permission(&WITHOUT_MICROPHONE);
        (people.keys().eq(expected.iter()) && is_restricted()).then_some(())
    };
    world.livekit.until("the right list", is_right).await;
    assert!(
        world.livekit.count("RemoveParticipant") >= 4,
        "{:?}",
        world.livekit.orders()
    );
    let errors = alice
        .everything_seen()
        .iter()
        .filter(|frame| frame["payload"]["message"] == "error");
    assert_eq!(errors.count(), 0);
}
