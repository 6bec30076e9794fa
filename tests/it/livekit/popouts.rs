//! Further windows of a participant, which may only watch: who gets a token for one, and what becomes of them.

use serde_json::{Value, json};

use super::{bring, claims, pair, room_of};
use crate::support::{livekit::World, participant::Participant, quiet::Quiet};

on_sqlite!(Quiet: a_second_window_may_only_watch_and_the_fifth_takes_the_place_of_the_first,
    windows_go_with_their_participant);

async fn ask(who: &mut Participant) {
    who.act("livekit", "request_popout_stream_access_token").await;
}

/// Windows of somebody, brought to LiveKit as its client brings them.
async fn open(world: &Quiet, who: &mut Participant) -> String {
    let told = who.expect("livekit", "popout_stream_access_token").await;
    world.livekit.enter_by(&told["token"], &[]).1
}

async fn a_second_window_may_only_watch_and_the_fifth_takes_the_place_of_the_first(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    for _ in 0..5 {
        ask(&mut gus).await;
    }
    // It gets them when it has been here for a while: nobody is let in and out in a moment with a token for later.
    gus.expect_silence().await;
    for number in [1, 2, 3, 4, 1] {
        let told = gus.expect_next("livekit", "popout_stream_access_token").await["payload"].clone();
        assert_eq!(
            told,
            json!({"message": "popout_stream_access_token", "token": told["token"]})
        );
        let claims: Value = claims(&told["token"]);
        assert_eq!(claims["sub"], format!("{}-popout{number}", gus.id));
        assert_eq!(claims["name"], claims["sub"]);
        let may_watch = json!({
            "roomJoin": true, "room": room_of(&gus), "canPublish": false, "canSubscribe": true,
            "canPublishData": false, "canPublishSources": [], "hidden": true,
        });
        assert_eq!(claims["video"], may_watch);
    }
    // By now it need not wait.
    ask(&mut gus).await;
    let told = gus.expect_next("livekit", "popout_stream_access_token").await;
    let identity = claims(&told["payload"]["token"])["sub"].clone();
    assert_eq!(identity, format!("{}-popout2", gus.id));
    alice.expect_silence().await;
}

/// Also those that are open nowhere.
async fn windows_go_with_their_participant(world: &Quiet) {
    let (_meeting, mut alice, mut gus) = pair(world).await;
    let room = room_of(&gus);
    for _ in 0..3 {
        ask(&mut gus).await;
        ask(&mut alice).await;
    }
    for one in [&gus, &alice] {
        bring(&world.livekit, one, &[]);
    }
    for who in [&mut gus, &mut alice] {
        for _ in 0..2 {
            open(world, who).await;
        }
    }
    alice.act_on("moderation", "kick", &gus.id).await;
    let rest = [String::new(), "-popout1".to_owned(), "-popout2".to_owned()]
        .map(|window| alice.id.clone() + &window);
    let found = |world: &World| world.rooms[&room].keys().eq(rest.iter()).then_some(());
    world.livekit.until("Gus and its windows to be gone", found).await;
    // Who was removed this way was not there again.
    assert_eq!(world.warnings(), [""; 0]);
}
