//! The client of `RoomService` against a LiveKit that does not answer.

use std::{future::Future, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse as _, Response},
};
use colloquy_actors::{
    livekit::{Call, Source},
    task::Outcome,
};
use futures_util::{StreamExt as _, stream};

use super::{
    client::{all_gone, client, mute, permit, removal, room},
    timeouts::{UNLIMITED, client_with},
};
use crate::support::livekit::{End, FakeLivekit, Mood};

/// Time stands still until the call has come in; then only the client's own time limits can end it.
async fn give_up(livekit: &FakeLivekit, call: impl Future<Output = Outcome>) -> Outcome {
    let arrived = async {
        livekit.expect("GetParticipant").await;
        tokio::time::pause();
    };
    let (outcome, ()) = tokio::join!(call, arrived);
    tokio::time::resume();
    outcome
}

#[tokio::test]
async fn silence_is_given_up() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    livekit.be(Mood::Silent);
    let outcome = give_up(&livekit, client.do_for_room(mute(&[1]))).await;
    assert_eq!(outcome, Outcome::Unavailable);
    assert_eq!(livekit.end_of(0).await, End::Abandoned);
}

/// A byte a second for ever, each of them in time.
fn drip() -> Response {
    let bytes = stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    });
    let body = Body::from_stream(bytes.boxed());
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[tokio::test]
async fn a_slow_drip_is_given_up() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    livekit.be(Mood::Lying(drip));
    let outcome = give_up(&livekit, client.do_for_room(mute(&[1]))).await;
    assert_eq!(outcome, Outcome::Unavailable);
}

#[tokio::test]
async fn a_dead_livekit_is_unavailable() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    assert_eq!(client.do_for_room(removal(1)).await, all_gone());
    livekit.die().await;
    for wanted in [permit(1, &[Source::Camera]), mute(&[1]), mute(&[1, 2])] {
        assert_eq!(client.do_for_room(wanted).await, Outcome::Unavailable);
    }
    // What must be done in the end waits: it is the first that hears that LiveKit lives again.
    let (outcome, ()) = tokio::join!(
        client.do_for_room(Call::Delete { room: room() }),
        livekit.revive()
    );
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(
        client.do_for_room(permit(1, &[Source::Camera])).await,
        Outcome::Done
    );
    assert_eq!(client.do_for_room(removal(1)).await, all_gone());
}
