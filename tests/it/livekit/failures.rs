//! LiveKit is dead, slow or talks nonsense: who needs it hears that, and everything else goes on.

use std::time::Duration;

use axum::{http::StatusCode, response::IntoResponse as _};
use serde_json::{Value, json};

use super::{ALL_SOURCES, name_all, pair, restrict, sources};
use crate::{
    databases::Kind,
    support::{
        livekit::{FakeLivekit, Mood, Track},
        meeting::Meeting,
        participant::Participant,
        quiet::Quiet,
        server::Server,
    },
};

on_sqlite!(Troubled:
    a_dead_livekit_is_a_matter_of_moderators, a_livekit_that_comes_back_is_used_again, nonsense_is_no_answer,
    a_wrong_secret_is_named_in_the_log, a_meeting_that_breaks_up_asks_no_dead_livekit_for_each);

on_sqlite!(Quiet: nobody_waits_for_a_silent_livekit);

/// Between two attempts: far fewer than the commands that one may send.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(100);

/// A server that has something to complain about in its log.
struct Troubled {
    server: Server,
    livekit: FakeLivekit,
}

impl Troubled {
    async fn start(kind: Kind) -> Self {
        let livekit = FakeLivekit::start().await;
        let known = livekit.environment();
        let environment: Vec<_> = known.iter().map(|(name, value)| (*name, &**value)).collect();
        Self {
            server: Server::start_with(kind, &environment).await,
            livekit,
        }
    }

    /// However many calls failed, the operator is told once.
    async fn finish(self) {
        self.server.wait_for_the_last_connection().await;
        let warnings = self.server.warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains("LiveKit"),
            "{warnings:#?}"
        );
        self.server.finish().await;
    }
}

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

async fn a_dead_livekit_is_a_matter_of_moderators(world: &Troubled) {
    world.livekit.die().await;
    let (meeting, mut alice, mut gus) = pair(&world.server).await;
    for _ in 0..8 {
        name_all(&mut alice, "force_mute", &[&gus.id]).await;
        let told = alice.expect_next("livekit", "error").await;
        assert_eq!(
            told["payload"],
            json!({"message": "error", "error": "livekit_unavailable"})
        );
        // Its client turns the microphone off all the same.
        gus.expect_next("livekit", "force_muted").await;
        gus.expect_silence().await;
    }
    // What moderators decide holds all the same, in tokens.
    restrict(&mut alice, &[]).await;
    for one in [&mut alice, &mut gus] {
        one.expect_next("livekit", "microphone_restrictions_enabled")
            .await;
    }
    alice.expect_error("livekit", "livekit_unavailable").await;
    let mut late = meeting.guest().await;
    let joined = late.join("Late").await;
    assert!(!sources(&joined["livekit"]["token"]).contains(&"microphone".to_owned()));
    assert_chat_works(&mut late, &mut gus).await;
    gus.leave().await;
    alice.expect("control", "left").await;
    assert_chat_works(&mut alice, &mut late).await;
    assert!(!story(&late).contains(&"livekit/error".to_owned()));
}

async fn a_livekit_that_comes_back_is_used_again(world: &Troubled) {
    world.livekit.die().await;
    let (meeting, mut alice, mut gus) = pair(&world.server).await;
    for _ in 0..5 {
        name_all(&mut alice, "force_mute", &[&gus.id]).await;
        alice.expect_error("livekit", "livekit_unavailable").await;
    }
    world.livekit.revive().await;
    world
        .livekit
        .enter(&meeting.room, &gus.id, &[Track::live("TR_1", "MICROPHONE")]);
    // While calls pause, each attempt is an error.
    let muted = tokio::time::timeout(super::client::RECOVERY_DEADLINE, async {
        loop {
            name_all(&mut alice, "force_mute", &[&gus.id]).await;
            gus.expect("livekit", "force_muted").await;
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
            let tracks = world.livekit.person(&meeting.room, &gus.id).expect("Gus").tracks;
            if tracks[0].muted {
                return;
            }
        }
    });
    assert!(
        muted.await.is_ok(),
        "nobody was muted; {:#?}",
        world.livekit.calls()
    );
}

/// Order tells who waited for whom: LiveKit never answers, so whoever waited for it would come after the error.
async fn nobody_waits_for_a_silent_livekit(world: &Quiet) {
    let (meeting, mut alice, mut gus) = pair(world).await;
    let mut late = meeting.guest().await;
    world.livekit.be(Mood::Silent);
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    world.livekit.expect("GetParticipant").await;

    gus.expect_next("livekit", "force_muted").await;
    let joined = late.join("Late").await;
    assert_eq!(sources(&joined["livekit"]["token"]), ALL_SOURCES);
    alice.expect_next("control", "joined").await;
    let said = gus.say("all right?").await;
    let heard = alice.expect_next("chat", "message_sent").await;
    assert_eq!(heard["payload"]["id"], said["id"]);
    late.leave().await;
    alice.expect_next("control", "left").await;
    let told = alice.expect_next("livekit", "error").await;
    assert_eq!(told["payload"]["error"], "livekit_unavailable");
    gus.expect("control", "left").await;
    gus.expect_silence().await;
}

async fn nonsense_is_no_answer(world: &Troubled) {
    let (meeting, mut alice, mut gus) = pair(&world.server).await;
    world
        .livekit
        .enter(&meeting.room, &gus.id, &[Track::live("TR_1", "MICROPHONE")]);
    world
        .livekit
        .be(Mood::Lying(|| "<html>Welcome!</html>".into_response()));
    for _ in 0..6 {
        name_all(&mut alice, "force_mute", &[&gus.id]).await;
        alice.expect_error("livekit", "livekit_unavailable").await;
        gus.expect_next("livekit", "force_muted").await;
    }
    gus.expect_silence().await;
}

async fn a_wrong_secret_is_named_in_the_log(world: &Troubled) {
    let (_meeting, mut alice, mut gus) = pair(&world.server).await;
    world
        .livekit
        .be(Mood::Lying(|| StatusCode::UNAUTHORIZED.into_response()));
    name_all(&mut alice, "force_mute", &[&gus.id]).await;
    alice.expect_error("livekit", "livekit_unavailable").await;
    gus.expect_next("livekit", "force_muted").await;
    gus.expect_silence().await;
    let warnings = world.server.warnings();
    assert!(warnings[0].contains("LiveKit refuses a call"), "{warnings:#?}");
}

/// Many leave at the same moment while LiveKit does not answer.
async fn a_meeting_that_breaks_up_asks_no_dead_livekit_for_each(world: &Troubled) {
    world.livekit.die().await;
    let meeting = Meeting::create(&world.server, json!({})).await;
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
}
