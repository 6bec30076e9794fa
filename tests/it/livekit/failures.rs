//! LiveKit is dead, slow or talks nonsense: who needs it hears that, and everything else goes on.

use axum::{http::StatusCode, response::IntoResponse as _};
use serde_json::{Value, json};

use super::{
    ALL_SOURCES, WITHOUT_MICROPHONE, bring, expect_permission, expect_removal, name_all, pair, restrict,
    room_of, sources,
    troubled::{Dead, Locked, Page, Troubled, TroubledBy},
    unavailable,
};
use crate::support::{
    livekit::{End, Mood, Track, World},
    meeting::Meeting,
    participant::Participant,
    quiet::Quiet,
};

on_sqlite!(Bereft: a_dead_livekit_is_a_matter_of_moderators, a_meeting_that_breaks_up_asks_no_dead_livekit_for_each);

on_sqlite!(Misled: nonsense_is_no_answer);

on_sqlite!(LockedOut: a_wrong_secret_is_named_in_the_log);

on_sqlite!(Troubled: a_livekit_that_comes_back_is_used_at_once, a_kick_while_livekit_is_away_is_done_afterwards);

on_sqlite!(Quiet: nobody_waits_for_a_silent_livekit, a_hiccup_is_told_to_nobody);

type Bereft = TroubledBy<Dead>;
type Misled = TroubledBy<Page>;
type LockedOut = TroubledBy<Locked>;

async fn assert_chat_works(speaker: &mut Participant, listener: &mut Participant) {
    let said = speaker.say("all right?").await;
    let heard = listener.expect("chat", "message_sent").await;
    assert_eq!(heard["id"], said["id"]);
}

/// The frames that somebody has read, as `namespace/message`.
fn story(who: &Participant) -> Vec<String> {
    let name = |frame: &Value| {
        let message = frame["payload"]["message"].as_str().unwrap_or_default();
        format!("{}/{message}", frame["namespace"].as_str().unwrap_or_default())
    };
    who.everything_seen().iter().map(name).collect()
}

/// The moderator wants somebody muted so often, which hears of it at once, and LiveKit is away.
async fn mute_in_vain(alice: &mut Participant, gus: &mut Participant, times: usize) {
    for _ in 0..times {
        name_all(alice, "force_mute", &[&gus.id]).await;
        // Its client turns the microphone off all the same.
        gus.expect_next("livekit", "force_muted").await;
    }
    for _ in 0..times {
        let told = alice.expect_next("livekit", "error").await;
        assert_eq!(
            told["payload"],
            json!({"message": "error", "error": "livekit_unavailable"})
        );
    }
    gus.expect_silence().await;
}

async fn a_dead_livekit_is_a_matter_of_moderators(world: &Bereft) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    mute_in_vain(&mut alice, &mut gus, 8).await;
    // What moderators decide holds all the same, in tokens; LiveKit will hear of it.
    restrict(&mut alice, &[]).await;
    for one in [&mut alice, &mut gus] {
        one.expect_next("livekit", "microphone_restrictions_enabled")
            .await;
    }
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    assert_eq!(sources(&joined["livekit"]["token"]), WITHOUT_MICROPHONE);
    assert_chat_works(&mut late, &mut gus).await;
    gus.leave().await;
    alice.expect("control", "left").await;
    assert_chat_works(&mut alice, &mut late).await;
    assert!(!story(&late).contains(&"livekit/error".to_owned()));
    let errors = story(&alice).into_iter().filter(|told| told == "livekit/error");
    assert_eq!(
        errors.count(),
        8,
        "restrictions are no matter of LiveKit's being there"
    );
    // Whoever tries the server without LiveKit hears how to get one.
    assert_eq!(world.log().matches("no LiveKit answers").count(), 1);
}

/// What a proxy says whose LiveKit is away.
const AWAY: Mood = Mood::Lying(|| StatusCode::BAD_GATEWAY.into_response());

/// Who must be told in the end finds out that it is back, and everything works.
async fn a_livekit_that_comes_back_is_used_at_once(world: &Troubled) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let gone = meeting.joined_guest("Gone").await;
    let (room, id) = (room_of(&alice), gone.id.clone());
    for one in [&gus, &gone] {
        bring(&world.livekit, one, &[Track::live("TR_1", "MICROPHONE")]);
    }
    world.livekit.be(AWAY);
    for _ in 0..2 {
        name_all(&mut alice, "force_mute", &[&gus.id]).await;
    }
    gone.leave().await;
    world.wait_for_log("calls pause", 1).await;
    world.livekit.be(Mood::Honest);
    let is_gone = |world: &World| (!world.rooms[&room].contains_key(&id)).then_some(());
    world.livekit.until("one who left to go", is_gone).await;
    bring(&world.livekit, &gus, &[Track::live("TR_2", "MICROPHONE")]);
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    gus.expect("livekit", "force_muted").await;
    let is_muted = |world: &World| world.rooms[&room][&gus.id].tracks[0].muted.then_some(());
    world.livekit.until("a muted track", is_muted).await;
}

/// It has never left: the one line for the operator is that LiveKit was away.
async fn a_kick_while_livekit_is_away_is_done_afterwards(world: &Troubled) {
    let (_meeting, mut alice, gus) = pair(world).await;
    let room = room_of(&gus);
    bring(&world.livekit, &gus, &[]);
    world.livekit.be(AWAY);
    alice.act_on("moderation", "kick", &gus.id).await;
    world.wait_for_log("calls pause", 1).await;
    world.livekit.be(Mood::Honest);
    let is_gone = |world: &World| world.rooms[&room].is_empty().then_some(());
    world.livekit.until("the kicked one to go", is_gone).await;
    let warnings = world.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("calls pause"),
        "{warnings:#?}"
    );
}

/// Order tells who waited for whom: LiveKit does not answer before all this has happened.
async fn nobody_waits_for_a_silent_livekit(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    bring(&world.livekit, &gus, &[Track::live("TR_1", "MICROPHONE")]);
    let room = room_of(&gus);
    let mut late = meeting.guest().await;
    world.livekit.be(Mood::Silent);
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    let (number, _) = world.livekit.expect("GetParticipant").await;

    gus.expect_next("livekit", "force_muted").await;
    let joined = late.join("Late").await;
    assert_eq!(sources(&joined["livekit"]["token"]), ALL_SOURCES);
    alice.expect_next("control", "joined").await;
    let said = gus.say("all right?").await;
    let heard = alice.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["id"], said["id"]);
    late.leave().await;
    alice.expect_next("control", "left").await;
    gus.expect("control", "left").await;
    assert!(!matches!(
        world.livekit.calls()[number].end,
        Some(End::Answered(_))
    ));

    world.livekit.be(Mood::Honest);
    let muted = world.livekit.until("a muted track", |world| {
        world.rooms[&room][&gus.id].tracks[0].muted.then_some(())
    });
    muted.await;
    for one in [&mut alice, &mut gus] {
        one.expect_silence().await;
    }
}

/// LiveKit is there, as other calls show: that it can't do this one takes nobody's buttons away.
async fn a_hiccup_is_told_to_nobody(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    let room = room_of(&gus);
    bring(&world.livekit, &gus, &[]);
    world.livekit.be(Mood::Lying(unavailable));
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    gus.expect_next("livekit", "force_muted").await;
    for _ in 0..3 {
        let (number, _) = world.livekit.expect("GetParticipant").await;
        assert_eq!(world.livekit.end_of(number).await, End::Answered(503));
    }
    world.livekit.be(Mood::Honest);
    // What comes after it is done after it.
    restrict(&mut alice, &[]).await;
    expect_permission(&world.livekit, &room, &gus.id, &WITHOUT_MICROPHONE).await;
    for one in [&mut alice, &mut gus] {
        one.expect_next("livekit", "microphone_restrictions_enabled")
            .await;
        one.expect_silence().await;
    }
    alice.act_on("moderation", "kick", &gus.id).await;
    expect_removal(&world.livekit, &room, &gus.id).await;
}

async fn nonsense_is_no_answer(world: &Misled) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    bring(&world.livekit, &gus, &[Track::live("TR_1", "MICROPHONE")]);
    mute_in_vain(&mut alice, &mut gus, 3).await;
}

async fn a_wrong_secret_is_named_in_the_log(world: &LockedOut) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    mute_in_vain(&mut alice, &mut gus, 1).await;
    let warnings = world.warnings();
    assert!(warnings[0].contains("LiveKit refuses a call"), "{warnings:#?}");
}

/// Many leave at the same moment while LiveKit does not answer.
async fn a_meeting_that_breaks_up_asks_no_dead_livekit_for_each(world: &Bereft) {
    let meeting = Meeting::create(world, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guests = Vec::new();
    for number in 0..20 {
        guests.push(meeting.joined_guest(&format!("Guest {number}")).await);
    }
    let count = guests.len();
    for guest in guests {
        tokio::spawn(guest.leave());
    }
    for _ in 0..count {
        alice.expect("control", "left").await;
    }
    let mut late = meeting.joined_guest("Late").await;
    assert_chat_works(&mut alice, &mut late).await;
    world.wait_for_log("calls pause", 1).await;
}
