//! The client of `RoomService` against a LiveKit that answers.

use std::time::Duration;

use axum::{
    Json,
    http::header,
    response::{IntoResponse as _, Response},
};
use colloquy::{
    config::Outgoing,
    livekit::{CALLS_MAX, CallError, FAILURES_MAX, LivekitTimeouts, RoomService},
    secrets::Secret,
};
use colloquy_actors::{
    ids::{BreakoutRoomId, ParticipantId, RoomId, Space, Timestamp},
    livekit::{Call, MediaIdentity, MediaRoom, Removal, Source},
    task::Outcome,
};
use futures_util::{FutureExt as _, future::join_all};
use serde_json::json;
use uuid::Uuid;

use super::{
    ALL_SOURCES,
    timeouts::{UNLIMITED, client_with},
};
use crate::support::livekit::{API_SECRET, End, FakeLivekit, Mood, permission};

const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The main room of a meeting.
pub fn room() -> MediaRoom {
    let began = Timestamp::from_micros(1_764_000_000_000_000);
    MediaRoom::new(RoomId(Uuid::from_u128(7)), Space::MAIN, Some(began))
}

pub fn id(number: u128) -> ParticipantId {
    ParticipantId(Uuid::from_u128(number))
}

pub fn client(livekit: &FakeLivekit) -> RoomService {
    RoomService::new(&Outgoing::default(), &livekit.settings()).expect("a client")
}

pub fn removal(number: u128) -> Call {
    removal_of(&[id(number).into()])
}

pub fn removal_of(who: &[MediaIdentity]) -> Call {
    Call::Remove(Removal {
        room: room(),
        who: who.to_vec(),
        warn: false,
    })
}

/// What becomes of a removal that is done, or need not be.
pub fn all_gone() -> Outcome {
    Outcome::Removed { stayed: Vec::new() }
}

pub fn mute(numbers: &[u128]) -> Call {
    Call::Mute {
        room: room(),
        participants: numbers.iter().copied().map(id).collect(),
    }
}

pub fn permit(number: u128, sources: &[Source]) -> Call {
    Call::Permit {
        room: room(),
        participants: vec![(id(number), sources.to_vec())],
    }
}

/// What was asked, and how that ended.
fn ends(livekit: &FakeLivekit) -> Vec<(String, Option<End>)> {
    let calls = livekit.calls().into_iter();
    calls.map(|call| (call.method, call.end)).collect()
}

#[tokio::test]
async fn permissions_removals_and_the_end_of_a_room() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    let breakout = Space(Some(BreakoutRoomId(Uuid::from_u128(8))));
    let room = MediaRoom::new(room().room, breakout, None);
    let name = room.to_string();
    let gus = id(1).to_string();
    for identity in [
        &gus,
        &format!("{gus}-popout1"),
        &format!("{gus}-popout2"),
        "other",
    ] {
        livekit.enter(&name, identity, &[]);
    }
    let all = vec![
        Source::Camera,
        Source::Microphone,
        Source::ScreenShare,
        Source::ScreenShareAudio,
    ];
    let wanted = Call::Permit {
        room,
        participants: vec![(id(1), all), (id(9), vec![Source::Camera])],
    };
    assert_eq!(client.do_for_room(wanted).await, Outcome::Done);
    let told = livekit.expect("UpdateParticipant").await.1;
    assert_eq!(
        told,
        json!({
            "room": name, "identity": gus, "permission": {
                "can_subscribe": true, "can_publish": true, "can_publish_data": false, "hidden": false,
                "can_publish_sources": ["CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"],
            },
        })
    );
    let windows = [None, Some(1), Some(2)].map(|popout| MediaIdentity {
        participant: id(1),
        popout,
    });
    let wanted = Call::Remove(Removal {
        room,
        who: windows.to_vec(),
        warn: false,
    });
    assert_eq!(client.do_for_room(wanted).await, all_gone());
    for identity in [&gus, &format!("{gus}-popout1"), &format!("{gus}-popout2")] {
        assert_eq!(livekit.person(&name, identity), None);
    }
    assert!(livekit.person(&name, "other").is_some());
    assert_eq!(client.do_for_room(Call::Delete { room }).await, Outcome::Done);
    assert!(!livekit.has_room(&name));
}

#[tokio::test]
async fn what_is_not_there_needs_nothing() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    let not_found = End::Answered(404);
    for (wanted, outcome, method, end) in [
        (
            permit(1, &[Source::Camera]),
            Outcome::Done,
            "GetParticipant",
            not_found,
        ),
        (removal(1), all_gone(), "RemoveParticipant", not_found),
        (
            Call::Delete { room: room() },
            Outcome::Done,
            "DeleteRoom",
            not_found,
        ),
        (mute(&[1]), Outcome::Muted(vec![]), "GetParticipant", not_found),
        // Nobody is in a room that does not exist.
        (
            mute(&[1, 2]),
            Outcome::Muted(vec![]),
            "ListParticipants",
            End::Answered(200),
        ),
    ] {
        let before = livekit.calls().len();
        assert_eq!(client.do_for_room(wanted).await, outcome);
        assert_eq!(ends(&livekit)[before..], [(method.to_owned(), Some(end))]);
    }
}

/// A LiveKit before 1.9 would think for three seconds about each who is not there.
#[tokio::test]
async fn only_those_who_are_there_are_told() {
    let livekit = FakeLivekit::start().await;
    livekit.change_habits(|habits| habits.is_old = true);
    let name = room().to_string();
    for (number, wanted) in [(1, vec![1]), (2, vec![2, 8, 9]), (3, vec![7])] {
        livekit.enter(&name, &id(number).to_string(), &[]);
        let participants = wanted.iter().map(|number| (id(*number), vec![Source::Camera]));
        let call = Call::Permit {
            room: room(),
            participants: participants.collect(),
        };
        assert_eq!(client(&livekit).do_for_room(call).await, Outcome::Done);
    }
    let of = |number: u128| {
        livekit
            .person(&name, &id(number).to_string())
            .expect("somebody")
            .permission
    };
    assert_eq!(
        [of(1), of(2), of(3)],
        [["camera"].as_slice(), &["camera"], &ALL_SOURCES].map(permission)
    );
    assert_eq!(livekit.orders().len(), 2, "{:?}", livekit.orders());
}

#[tokio::test]
async fn removals_are_tried_again_once_and_say_who_stayed() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    let name = room().to_string();
    for number in 1..=2 {
        livekit.enter(&name, &id(number).to_string(), &[]);
    }
    let answers: [(fn() -> Response, bool); 2] = [(super::unavailable, true), (super::forbidden, false)];
    for (answer, was_unavailable) in answers {
        livekit.be(Mood::Lying(answer));
        let stayed = vec![(id(1).into(), was_unavailable)];
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Removed { stayed });
    }
    assert_eq!(livekit.calls().len(), 2 * answers.len());
}

#[tokio::test]
async fn a_removal_that_fails_once_is_done() {
    let livekit = FakeLivekit::start().await;
    let time_limits = LivekitTimeouts {
        retry: Duration::from_secs(1),
        ..UNLIMITED
    };
    let client = client_with(&livekit, time_limits);
    let name = room().to_string();
    livekit.enter(&name, &id(1).to_string(), &[]);
    livekit.be(Mood::Lying(super::unavailable));
    let mended = async {
        let (number, _) = livekit.expect("RemoveParticipant").await;
        assert_eq!(livekit.end_of(number).await, End::Answered(503));
        livekit.be(Mood::Honest);
    };
    let (outcome, ()) = tokio::join!(client.do_for_room(removal(1)), mended);
    assert_eq!(outcome, all_gone());
    assert!(livekit.people(&name).is_empty());
}

#[tokio::test]
async fn deletions_are_tried_four_times() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    livekit.be(Mood::Lying(super::unavailable));
    let deletion = Call::Delete { room: room() };
    assert_eq!(client.do_for_room(deletion).await, Outcome::Unavailable);
    assert_eq!(livekit.calls().len(), 4);
}

/// The fake takes no token for it that allows anything else.
#[tokio::test]
async fn all_rooms_are_listed() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    assert_eq!(client.rooms().await, Ok(Vec::new()));
    for name in ["lobby", &*room().to_string()] {
        livekit.enter(name, "somebody", &[]);
    }
    assert_eq!(
        client.rooms().await,
        Ok(vec![room().to_string(), "lobby".to_owned()])
    );
    livekit.die().await;
    assert_eq!(client.rooms().await, Err(CallError::Unreachable));
}

#[tokio::test]
async fn livekit_may_stand_below_a_path() {
    let livekit = FakeLivekit::start().await;
    livekit.enter(&room().to_string(), &id(1).to_string(), &[]);
    let mut settings = livekit.settings();
    settings.service_url.set_path("/below/");
    let client = RoomService::new(&Outgoing::default(), &settings).expect("a client");
    assert_eq!(client.do_for_room(removal(1)).await, all_gone());
    assert_eq!(livekit.person(&room().to_string(), &id(1).to_string()), None);
}

#[tokio::test]
async fn refusals_are_told_and_are_no_failures() {
    let livekit = FakeLivekit::start().await;
    let mut settings = livekit.settings();
    settings.api_secret = Secret::new("not the one");
    let (outgoing, limits) = (Outgoing::default(), UNLIMITED);
    let wrong_secret = RoomService::with_timeouts(&outgoing, &settings, limits).expect("a client");
    settings = livekit.settings();
    settings.api_key = "somebody else's".to_owned();
    let wrong_key = RoomService::with_timeouts(&outgoing, &settings, limits).expect("a client");
    let tries = FAILURES_MAX as usize + 1;
    for client in [wrong_secret, wrong_key] {
        for _ in 0..tries {
            let stayed = vec![(id(1).into(), false)];
            assert_eq!(client.do_for_room(removal(1)).await, Outcome::Removed { stayed });
        }
    }
    // Every call was made, and once more: LiveKit is there, after all.
    let refused = ("RemoveParticipant".to_owned(), Some(End::Answered(401)));
    assert_eq!(ends(&livekit), vec![refused; 2 * 2 * tries]);
}

#[tokio::test]
async fn the_secret_does_not_show() {
    let livekit = FakeLivekit::start().await;
    let shown = format!("{:?} {:?}", client(&livekit), livekit.settings());
    assert!(!shown.contains(API_SECRET), "{shown}");
    let bytes = format!("{:?}", API_SECRET.as_bytes());
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}

/// An answer to `GetParticipant` with this many bytes.
fn participant_of(bytes: usize) -> Response {
    let mut body = br#"{"identity":"00000000-0000-0000-0000-000000000001","tracks":[],"metadata":""#.to_vec();
    body.resize(bytes - 2, b'x');
    body.extend(br#""}"#);
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_the_limit() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(|| participant_of(ANSWER_BYTES_MAX)));
    let client = client_with(&livekit, UNLIMITED);
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Muted(vec![]));
    livekit.be(Mood::Lying(|| participant_of(ANSWER_BYTES_MAX + 1)));
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Unavailable);
}

/// A short answer of protobuf's JSON: what has its default value is left out, names are in camel case.
#[tokio::test]
async fn defaults_may_be_left_out() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(|| {
        let tracks = json!([
            {"sid": "TR_1", "source": "MICROPHONE", "mimeType": "audio/red"},
            {"sid": "TR_2", "type": "VIDEO", "source": "CAMERA"},
            // Sound of which nobody knows what it comes from.
            {"sid": "TR_3"},
        ]);
        let identity = "00000000-0000-0000-0000-000000000001";
        Json(json!({"identity": identity, "tracks": tracks})).into_response()
    }));
    let client = client(&livekit);
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Muted(vec![id(1)]));
    let muted: Vec<_> = livekit
        .calls()
        .iter()
        .map(|call| call.body["track_sid"].clone())
        .collect();
    assert_eq!(muted, [json!(null), json!("TR_1"), json!("TR_3")]);
}

#[tokio::test]
async fn calls_at_the_same_time_are_bounded() {
    let livekit = FakeLivekit::start().await;
    let (one, other) = (client_with(&livekit, UNLIMITED), client_with(&livekit, UNLIMITED));
    livekit.be(Mood::Silent);
    let wanted = 2 * CALLS_MAX;
    let wish = |number| permit(number as u128, &[Source::Camera]);
    let calls = join_all((0..wanted).map(|number| one.do_for_room(wish(number))));
    let all = async {
        livekit
            .until("all places taken", |world| {
                (world.at_once_max >= CALLS_MAX).then_some(())
            })
            .await;
        // Another client's call takes the same way: what came before it is here by now.
        let probe = other.do_for_room(Call::Delete { room: room() });
        let arrival = livekit.expect("DeleteRoom").map(|_| livekit.be(Mood::Honest));
        tokio::join!(probe, arrival).0
    };
    let (outcomes, probe) = tokio::join!(calls, all);
    assert_eq!(probe, Outcome::Done);
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Done),
        "{outcomes:?}"
    );
    assert_eq!(livekit.calls().len(), wanted + 1);
    let at_once_max = livekit.at_once_max();
    assert_eq!(at_once_max, CALLS_MAX + 1, "the probe is the one more");
}
