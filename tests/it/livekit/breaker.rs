//! A LiveKit that does not answer is not asked for every participant, one that refuses or can't is. What must be done in the end
//! waits until it answers again.

use std::time::Duration;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use colloquy::livekit::{FAILURES_MAX, LivekitTimeouts, RoomService};
use colloquy_actors::{
    livekit::{Call, MediaIdentity, Removal, Source},
    task::Outcome,
};
use futures_util::future::join_all;
use serde_json::json;

use super::{
    client::{all_gone, id, permit, removal, room},
    timeouts::{SHORT, UNLIMITED, client_with},
};
use crate::support::livekit::{FakeLivekit, Mood, Person};

const FAILURES: usize = FAILURES_MAX as usize;
const MANY: usize = 200;

/// Calls of one wish at the same time.
const CALLS_PER_WISH_MAX: usize = 8;

/// Removals at the same time.
const REMOVALS_MAX: usize = 8;

/// A wish that takes many calls.
fn permit_many() -> Call {
    let participants = (0..MANY).map(|number| (id(number as u128), vec![Source::Camera]));
    Call::Permit {
        room: room(),
        participants: participants.collect(),
    }
}

fn permit_camera() -> Call {
    permit(1, &[Source::Camera])
}

/// A proxy without LiveKit.
fn bad_gateway() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

/// A wish whose calls are all answered so but for the list; how many were made.
async fn calls_for_many(answer: fn() -> Response) -> usize {
    let livekit = FakeLivekit::start().await;
    for number in 0..MANY {
        livekit.enter(&room().to_string(), &id(number as u128).to_string(), &[]);
    }
    livekit.be_about("UpdateParticipant", Mood::Lying(answer));
    let outcome = client_with(&livekit, UNLIMITED).do_for_room(permit_many()).await;
    assert_eq!(outcome, Outcome::Unavailable);
    livekit.count("UpdateParticipant")
}

/// So many calls in a row that fail that nobody asks any more.
async fn fail(livekit: &FakeLivekit, client: &RoomService) {
    livekit.be(Mood::Lying(bad_gateway));
    for _ in 0..FAILURES {
        assert_eq!(client.do_for_room(permit_camera()).await, Outcome::Unavailable);
    }
}

#[tokio::test]
async fn a_wish_for_many_stops_asking() {
    let asked = calls_for_many(bad_gateway).await;
    // Besides the failures, those that were under way by then.
    let expected = FAILURES..FAILURES + CALLS_PER_WISH_MAX;
    assert!(expected.contains(&asked), "{asked} calls");
}

#[tokio::test]
async fn a_refusal_for_one_does_not_keep_the_others_from_theirs() {
    let asked = calls_for_many(|| StatusCode::FORBIDDEN.into_response()).await;
    assert_eq!(asked, MANY);
}

fn twirp(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code, "msg": "no"}))).into_response()
}

#[tokio::test]
async fn a_livekit_that_cant_do_it_lives() {
    let answers: [fn() -> Response; 2] = [
        || twirp(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        || twirp(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    ];
    for answer in answers {
        assert_eq!(calls_for_many(answer).await, MANY);
    }
}

/// A proxy says so while LiveKit is away.
#[tokio::test]
async fn a_503_that_is_not_livekits_is_a_failure() {
    let asked = calls_for_many(|| StatusCode::SERVICE_UNAVAILABLE.into_response()).await;
    assert!(asked < FAILURES + CALLS_PER_WISH_MAX, "{asked} calls");
}

#[tokio::test]
async fn ghosts_keep_nobody_from_anything() {
    let livekit = FakeLivekit::start().await;
    livekit.change_habits(|habits| habits.unavailable_after = Duration::from_millis(10));
    let name = room().to_string();
    for number in 0..MANY {
        let identity = id(number as u128).to_string();
        let ghost = Person {
            is_ghost: true,
            ..Person::of(&identity, &[])
        };
        livekit.enter_as(&name, &identity, ghost);
    }
    let alive = id(MANY as u128);
    livekit.enter(&name, &alive.to_string(), &[]);
    let client = client_with(&livekit, UNLIMITED);
    let ghosts: Vec<MediaIdentity> = (0..MANY).map(|number| id(number as u128).into()).collect();
    let removal = Removal {
        room: room(),
        who: ghosts.clone(),
        warn: false,
    };
    let stayed = ghosts.into_iter().map(|one| (one, true)).collect();
    assert_eq!(
        client.do_for_room(Call::Remove(removal)).await,
        Outcome::Removed { stayed }
    );
    // Those whom a look has found, the next one finds again.
    assert_eq!(livekit.count("RemoveParticipant"), MANY);
    // About dead nodes LiveKit thinks for long: they do not take all places.
    assert!(livekit.at_once_max() <= REMOVALS_MAX, "{}", livekit.at_once_max());
    assert_eq!(
        client.do_for_room(permit_camera()).await,
        Outcome::Unavailable,
        "it is a ghost"
    );
    let wanted = permit(MANY as u128, &[Source::Camera]);
    assert_eq!(client.do_for_room(wanted).await, Outcome::Done);
}

#[tokio::test]
async fn absence_is_no_failure() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    for _ in 0..2 * FAILURES {
        assert_eq!(client.do_for_room(removal(1)).await, all_gone());
    }
    assert_eq!(livekit.calls().len(), 2 * FAILURES);
}

#[tokio::test]
async fn an_answer_that_cant_be_read_fails_its_call_alone() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    livekit.be(Mood::Lying(|| Json(json!({"tracks": 5})).into_response()));
    for _ in 0..2 * FAILURES {
        assert_eq!(client.do_for_room(permit_camera()).await, Outcome::Unavailable);
    }
    assert_eq!(livekit.calls().len(), 2 * FAILURES);
    livekit.be(Mood::Honest);
    assert_eq!(client.do_for_room(permit_camera()).await, Outcome::Done);
}

/// What must be done in the end is not given up, and once LiveKit answers, all of its calls are made.
#[tokio::test]
async fn whoever_must_go_goes_when_livekit_is_back() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    fail(&livekit, &client).await;
    let windows = [None, Some(1), Some(2)].map(|popout| MediaIdentity {
        participant: id(1),
        popout,
    });
    for window in windows {
        livekit.enter(&room().to_string(), &window.to_string(), &[]);
    }
    let removal = Removal {
        room: room(),
        who: windows.to_vec(),
        warn: false,
    };
    let back = async {
        // One call after another tries.
        for _ in 0..2 * FAILURES {
            livekit.expect("RemoveParticipant").await;
        }
        // Others do not try, and need not wait.
        let before = livekit.count("GetParticipant");
        assert_eq!(client.do_for_room(permit_camera()).await, Outcome::Unavailable);
        assert_eq!(livekit.count("GetParticipant"), before);
        assert_eq!(livekit.at_once_max(), 1, "one probe at a time");
        livekit.be(Mood::Honest);
    };
    // Those that were under way have failed, and come back.
    let removing = async {
        loop {
            let outcome = client.do_for_room(Call::Remove(removal.clone())).await;
            if outcome == all_gone() {
                return;
            }
        }
    };
    tokio::join!(removing, back);
    assert!(livekit.people(&room().to_string()).is_empty());
    assert_eq!(client.do_for_room(permit_camera()).await, Outcome::Done);
}

#[tokio::test]
async fn rooms_are_deleted_when_livekit_is_back() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    livekit.enter(&room().to_string(), "somebody", &[]);
    livekit.be(Mood::Lying(bad_gateway));
    let back = async {
        for _ in 0..3 {
            livekit.expect("DeleteRoom").await;
        }
        livekit.be(Mood::Honest);
    };
    let (outcome, ()) = tokio::join!(client.do_for_room(Call::Delete { room: room() }), back);
    assert_eq!(outcome, Outcome::Done);
    assert!(!livekit.has_room(&room().to_string()));
}

/// The first wish after a pause makes all its calls, and others at the same time theirs: one goes, and they wait for what becomes of it.
#[tokio::test]
async fn after_a_pause_all_calls_are_made() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(
        &livekit,
        LivekitTimeouts {
            pause: SHORT,
            ..UNLIMITED
        },
    );
    fail(&livekit, &client).await;
    livekit.be(Mood::Honest);
    for number in 0..MANY {
        livekit.enter(&room().to_string(), &id(number as u128).to_string(), &[]);
    }
    tokio::time::sleep(2 * SHORT).await;
    let wishes = (0..MANY as u128).map(|number| client.do_for_room(permit(number, &[Source::Camera])));
    let (outcomes, many) = tokio::join!(join_all(wishes), client.do_for_room(permit_many()));
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Done),
        "{outcomes:?}"
    );
    assert_eq!(many, Outcome::Done);
    assert_eq!(livekit.count("UpdateParticipant"), 2 * MANY);
}

/// A trial that fails keeps the others from theirs.
#[tokio::test]
async fn one_tries_after_a_pause() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(
        &livekit,
        LivekitTimeouts {
            pause: Duration::from_secs(3),
            ..UNLIMITED
        },
    );
    fail(&livekit, &client).await;
    let asked = livekit.calls().len();
    assert_eq!(client.do_for_room(permit_camera()).await, Outcome::Unavailable);
    assert_eq!(livekit.calls().len(), asked, "the pause has begun");
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let all = join_all((0..CALLS_PER_WISH_MAX).map(|_| client.do_for_room(permit_camera()))).await;
    assert!(
        all.iter().all(|outcome| *outcome == Outcome::Unavailable),
        "{all:?}"
    );
    assert_eq!(livekit.calls().len(), asked + 1);
}
