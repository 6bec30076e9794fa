//! Nobody waits for long, not even for others who wait; what must be done in the end waits for its turn.

use std::{sync::Arc, time::Duration};

use colloquy::{
    config::Outgoing,
    livekit::{CALLS_MAX, LivekitTimeouts, RoomService},
};
use colloquy_actors::{
    livekit::{Call, Source},
    task::Outcome,
};
use tokio::task::JoinSet;

use super::client::{all_gone, id, permit, removal, room};
use crate::support::livekit::{End, FakeLivekit, Mood};

/// Longer than any test: whoever waits for that waits for something else.
const FOREVER: Duration = Duration::from_hours(1);

/// How long something takes of which nothing comes.
pub const SHORT: Duration = Duration::from_millis(200);

/// Before something is tried again where the test does not care for when.
const SOON: Duration = Duration::from_millis(20);

pub const UNLIMITED: LivekitTimeouts = LivekitTimeouts {
    connect: FOREVER,
    place: FOREVER,
    call: FOREVER,
    wish: FOREVER,
    pause: FOREVER,
    probe: SOON,
    retry: SOON,
    look: Duration::ZERO,
    // What has worked a moment ago is no excuse.
    silence: Duration::ZERO,
};

/// More calls than there are places.
const CROWD: usize = 3 * CALLS_MAX;

pub fn client_with(livekit: &FakeLivekit, time_limit: LivekitTimeouts) -> RoomService {
    RoomService::with_timeouts(&Outgoing::default(), &livekit.settings(), time_limit).expect("a client")
}

/// Something for each of so many participants, each in a task of its own, as rooms do it.
fn for_each(client: &Arc<RoomService>, count: usize, wanted: fn(u128) -> Call) -> JoinSet<Outcome> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let client = Arc::clone(client);
        tasks.spawn(async move { client.do_for_room(wanted(number as u128)).await });
    }
    tasks
}

fn permit_camera(number: u128) -> Call {
    permit(number, &[Source::Camera])
}

async fn next(tasks: &mut JoinSet<Outcome>) -> Option<Outcome> {
    tasks
        .join_next()
        .await
        .map(|outcome| outcome.expect("an outcome"))
}

#[tokio::test]
async fn a_wish_of_many_calls_is_given_up() {
    let livekit = FakeLivekit::start().await;
    for number in 0..20 {
        livekit.enter(&room().to_string(), &id(number).to_string(), &[]);
    }
    livekit.be_about("UpdateParticipant", Mood::Silent);
    let time_limit = LivekitTimeouts {
        wish: SHORT * 5,
        ..UNLIMITED
    };
    let call = Call::Permit {
        room: room(),
        participants: (0..20).map(|number| (id(number), vec![Source::Camera])).collect(),
    };
    let client = client_with(&livekit, time_limit);
    assert_eq!(client.do_for_room(call).await, Outcome::Unavailable);
    for (number, call) in livekit.calls().iter().enumerate() {
        let is_list = call.method == "ListParticipants";
        let expected = if is_list {
            End::Answered(200)
        } else {
            End::Abandoned
        };
        assert_eq!(livekit.end_of(number).await, expected, "{call:?}");
    }
    // One slow wish is no failure of LiveKit.
    livekit.be(Mood::Honest);
    assert_eq!(client.do_for_room(permit_camera(1)).await, Outcome::Done);
}

#[tokio::test]
async fn whoever_finds_no_place_gives_up_and_that_is_no_failure() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Silent);
    let time_limit = LivekitTimeouts {
        place: SHORT,
        ..UNLIMITED
    };
    let client = Arc::new(client_with(&livekit, time_limit));
    let mut tasks = for_each(&client, CROWD, permit_camera);
    for _ in CALLS_MAX..CROWD {
        assert_eq!(next(&mut tasks).await, Some(Outcome::Unavailable));
    }
    livekit.be(Mood::Honest);
    while let Some(outcome) = next(&mut tasks).await {
        assert_eq!(outcome, Outcome::Done);
    }
    assert_eq!(client.do_for_room(permit_camera(1)).await, Outcome::Done);
    assert_eq!(livekit.calls().len(), CALLS_MAX + 1);
}

#[tokio::test]
async fn whoever_must_go_waits_for_a_place() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Silent);
    let time_limit = LivekitTimeouts {
        place: Duration::from_millis(1),
        ..UNLIMITED
    };
    let client = Arc::new(client_with(&livekit, time_limit));
    let mut others = for_each(&client, CALLS_MAX, permit_camera);
    livekit
        .until("all places taken", |world| {
            (world.at_once_max == CALLS_MAX).then_some(())
        })
        .await;
    let mut tasks = for_each(&client, CROWD, removal);
    // One who gives up: by then the others would have, too.
    assert_eq!(client.do_for_room(permit_camera(1)).await, Outcome::Unavailable);
    livekit.be(Mood::Honest);
    while let Some(outcome) = next(&mut tasks).await {
        assert_eq!(outcome, all_gone());
    }
    while let Some(outcome) = next(&mut others).await {
        assert_eq!(outcome, Outcome::Done);
    }
    assert_eq!(livekit.count("RemoveParticipant"), CROWD);
}

#[tokio::test]
async fn calls_that_are_cancelled_leave_their_places() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Silent);
    let client = Arc::new(client_with(&livekit, UNLIMITED));
    let mut tasks = for_each(&client, CALLS_MAX, permit_camera);
    livekit
        .until("all places taken", |world| {
            (world.at_once_max == CALLS_MAX).then_some(())
        })
        .await;
    tasks.shutdown().await;
    for number in 0..CALLS_MAX {
        assert_eq!(livekit.end_of(number).await, End::Abandoned);
    }
    livekit.be(Mood::Honest);
    assert_eq!(client.do_for_room(removal(1)).await, all_gone());
}
