//! A LiveKit that does not answer is not asked for every participant, one that refuses is.

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use colloquy::livekit::FAILURES_MAX;
use colloquy_actors::{
    livekit::{Call, Source},
    task::Outcome,
};

use super::{
    client::{ROOM, id, removal},
    timeouts::{UNLIMITED, client_with},
};
use crate::support::livekit::{FakeLivekit, Mood};

const FAILURES: usize = FAILURES_MAX as usize;
const MANY: usize = 200;

/// Calls of one wish at the same time.
const CALLS_PER_WISH_MAX: usize = 8;

/// A wish that takes many calls.
fn permit_many() -> Call {
    let participants = (0..MANY).map(|number| (id(number as u128), vec![Source::Camera]));
    Call::Permit {
        room: ROOM,
        participants: participants.collect(),
    }
}

async fn calls_for_many(answer: fn() -> Response) -> usize {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(answer));
    let outcome = client_with(&livekit, UNLIMITED).do_for_room(permit_many()).await;
    assert_eq!(outcome, Outcome::Unavailable);
    livekit.calls().len()
}

#[tokio::test]
async fn a_wish_for_many_stops_asking() {
    let asked = calls_for_many(|| StatusCode::BAD_GATEWAY.into_response()).await;
    // Besides the failures, those that were under way by then.
    let expected = FAILURES..FAILURES + CALLS_PER_WISH_MAX;
    assert!(expected.contains(&asked), "{asked} calls");
}

#[tokio::test]
async fn a_refusal_for_one_does_not_keep_the_others_from_theirs() {
    let asked = calls_for_many(|| StatusCode::FORBIDDEN.into_response()).await;
    assert_eq!(asked, MANY);
}

#[tokio::test]
async fn absence_is_no_failure() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    for _ in 0..2 * FAILURES {
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
    }
    assert_eq!(livekit.calls().len(), 2 * FAILURES);
}
