//! Rooms with a thousand participants: the list of them is long.

use axum::{Json, response::IntoResponse as _};
use colloquy::livekit::ANSWER_BYTES_MAX;
use colloquy_actors::task::Outcome;
use serde_json::{Value, json};

use super::{
    client::{client, id, mute, room},
    timeouts::{UNLIMITED, client_with},
};
use crate::support::livekit::{FakeLivekit, Mood, Track};

const CROWD: u128 = 1_000;

#[tokio::test]
async fn everybody_is_muted() {
    let livekit = FakeLivekit::start().await;
    let room = room().to_string();
    let tracks = [
        Track::live("TR_cam", "CAMERA"),
        Track::live("TR_mic", "MICROPHONE"),
    ];
    for number in 0..CROWD {
        livekit.enter(&room, &id(number).to_string(), &tracks);
    }
    let everybody: Vec<_> = (0..CROWD).collect();
    let outcome = client(&livekit).do_for_room(mute(&everybody)).await;
    assert_eq!(outcome, Outcome::Muted(everybody.into_iter().map(id).collect()));
    // One list, then a call for each.
    assert_eq!(livekit.calls().len(), 1 + usize::try_from(CROWD).expect("small"));
}

/// An entry of LiveKit's has some KiB with its tracks and their codecs.
#[tokio::test]
async fn a_list_may_be_longer_than_other_answers() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(|| {
        let long = json!({"identity": id(1), "metadata": "x".repeat(ANSWER_BYTES_MAX)});
        let mut answer = long.clone();
        answer["participants"] = Value::Array(vec![long]);
        Json(answer).into_response()
    }));
    let client = client_with(&livekit, UNLIMITED);
    assert_eq!(client.do_for_room(mute(&[1, 2])).await, Outcome::Muted(vec![]));
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Unavailable);
}
