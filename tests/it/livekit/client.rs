//! The client of `RoomService` against a LiveKit that answers, and against one that does not.

use std::{future::Future, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use colloquy::{config::Outgoing, livekit::RoomService, secrets::Secret};
use colloquy_actors::{
    ids::{BreakoutRoomId, ParticipantId, RoomId, Space},
    livekit::{Call, MediaRoom, Source},
    task::Outcome,
};
use futures_util::{FutureExt as _, StreamExt as _, future::join_all, stream};
use serde_json::json;
use uuid::Uuid;

use crate::support::livekit::{API_SECRET, End, FakeLivekit, Mood, Track};

/// A pause of ten seconds, and much more than a loaded machine needs.
pub const RECOVERY_DEADLINE: Duration = Duration::from_mins(1);

const ATTEMPT_INTERVAL: Duration = Duration::from_millis(10);

const CALLS_MAX: usize = 32;
const FAILURES_MAX: usize = 5;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

pub const ROOM: MediaRoom = MediaRoom {
    room: RoomId(Uuid::from_u128(7)),
    space: Space::MAIN,
};

pub fn id(number: u128) -> ParticipantId {
    ParticipantId(Uuid::from_u128(number))
}

pub fn client(livekit: &FakeLivekit) -> RoomService {
    RoomService::new(&Outgoing::default(), &livekit.settings()).expect("a client")
}

pub fn removal(number: u128) -> Call {
    Call::Remove {
        room: ROOM,
        participant: id(number),
        popouts: 0,
    }
}

pub fn mute(numbers: &[u128]) -> Call {
    Call::Mute {
        room: ROOM,
        participants: numbers.iter().copied().map(id).collect(),
    }
}

pub fn permit(number: u128, sources: &[Source]) -> Call {
    Call::Permit {
        room: ROOM,
        participants: vec![(id(number), sources.to_vec())],
    }
}

/// What was asked, and how that ended.
fn ends(livekit: &FakeLivekit) -> Vec<(String, Option<End>)> {
    let calls = livekit.calls().into_iter();
    calls.map(|call| (call.method, call.end)).collect()
}

#[tokio::test]
async fn microphones_are_muted_and_nothing_else() {
    let livekit = FakeLivekit::start().await;
    let (client, room) = (client(&livekit), ROOM.to_string());
    let tracks = [
        Track::live("TR_1", "CAMERA"),
        Track::live("TR_2", "MICROPHONE"),
        Track::live("TR_3", "MICROPHONE"),
        Track::live("TR_4", "SCREEN_SHARE_AUDIO"),
    ];
    for number in 1..=3 {
        livekit.enter(&room, &id(number).to_string(), &tracks[..number as usize]);
    }
    for wanted in [mute(&[3]), mute(&[1, 2, 9])] {
        let expected = if wanted == mute(&[3]) { id(3) } else { id(2) };
        assert_eq!(
            client.do_for_room(wanted.clone()).await,
            Outcome::Muted(vec![expected])
        );
        // Nobody is muted twice.
        assert_eq!(client.do_for_room(wanted).await, Outcome::Muted(vec![]));
    }
    let person = livekit.person(&room, &id(3).to_string()).expect("somebody");
    assert_eq!(
        person.tracks.iter().map(|track| track.muted).collect::<Vec<_>>(),
        [false, true, true]
    );
    assert_eq!(client.do_for_room(mute(&[9])).await, Outcome::Muted(vec![]));
}

#[tokio::test]
async fn permissions_removals_and_the_end_of_a_room() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    let room = MediaRoom {
        space: Space(Some(BreakoutRoomId(Uuid::from_u128(8)))),
        ..ROOM
    };
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
    let permission = livekit.person(&name, &gus).expect("Gus").permission;
    assert_eq!(
        permission,
        json!({
            "can_subscribe": true, "can_publish": true, "can_publish_data": false, "hidden": false,
            "can_publish_sources": ["CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"],
        })
    );
    let wanted = Call::Remove {
        room,
        participant: id(1),
        popouts: 2,
    };
    assert_eq!(client.do_for_room(wanted).await, Outcome::Done);
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
    for wanted in [
        permit(1, &[Source::Camera]),
        removal(1),
        Call::Delete { room: ROOM },
    ] {
        assert_eq!(client.do_for_room(wanted).await, Outcome::Done);
    }
    for wanted in [mute(&[1]), mute(&[1, 2])] {
        assert_eq!(client.do_for_room(wanted).await, Outcome::Muted(vec![]));
    }
    let not_found = Some(End::Answered(404));
    assert!(ends(&livekit).iter().all(|(_, end)| *end == not_found));
}

#[tokio::test]
async fn livekit_may_stand_below_a_path() {
    let livekit = FakeLivekit::start().await;
    livekit.enter(&ROOM.to_string(), &id(1).to_string(), &[]);
    let mut settings = livekit.settings();
    settings.service_url.set_path("/below/");
    let client = RoomService::new(&Outgoing::default(), &settings).expect("a client");
    assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
    assert_eq!(livekit.person(&ROOM.to_string(), &id(1).to_string()), None);
}

#[tokio::test]
async fn refusals_are_told_and_are_no_failures() {
    let livekit = FakeLivekit::start().await;
    let mut settings = livekit.settings();
    settings.api_secret = Secret::new("not the one");
    let wrong_secret = RoomService::new(&Outgoing::default(), &settings).expect("a client");
    settings = livekit.settings();
    settings.api_key = "somebody else's".to_owned();
    let wrong_key = RoomService::new(&Outgoing::default(), &settings).expect("a client");
    for client in [wrong_secret, wrong_key] {
        for _ in 0..=FAILURES_MAX {
            assert_eq!(client.do_for_room(removal(1)).await, Outcome::Unavailable);
        }
    }
    // Every call was made: LiveKit is there, after all.
    let refused = ("RemoveParticipant".to_owned(), Some(End::Answered(401)));
    assert_eq!(ends(&livekit), vec![refused; 2 * (FAILURES_MAX + 1)]);
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
    assert_eq!(
        client(&livekit).do_for_room(mute(&[1])).await,
        Outcome::Muted(vec![])
    );
}

/// A short answer of protobuf's JSON: what has its default value is left out, names are in camel case.
#[tokio::test]
async fn defaults_may_be_left_out() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(|| {
        let track = json!({"sid": "TR_1", "source": "MICROPHONE", "mimeType": "audio/red"});
        let identity = "00000000-0000-0000-0000-000000000001";
        Json(json!({"identity": identity, "tracks": [track, {"sid": "TR_2"}]})).into_response()
    }));
    let client = client(&livekit);
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Muted(vec![id(1)]));
    let muted: Vec<_> = livekit
        .calls()
        .iter()
        .map(|call| call.body["track_sid"].clone())
        .collect();
    assert_eq!(muted, [json!(null), json!("TR_1")]);
}

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
async fn calls_pause_after_failures_and_one_tries_again() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    livekit.be(Mood::Lying(|| StatusCode::SERVICE_UNAVAILABLE.into_response()));
    for _ in 0..2 * FAILURES_MAX {
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Unavailable);
    }
    assert_eq!(livekit.calls().len(), FAILURES_MAX);

    // It answers again, but nobody asks before the pause is over.
    livekit.be(Mood::Honest);
    let recovered = tokio::time::timeout(RECOVERY_DEADLINE, async {
        while client.do_for_room(removal(1)).await != Outcome::Done {
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
        }
    });
    assert!(recovered.await.is_ok(), "{:?}", ends(&livekit));
    assert_eq!(livekit.calls().len(), FAILURES_MAX + 1);
    let all = join_all((0..CALLS_MAX).map(|_| client.do_for_room(removal(1)))).await;
    assert!(all.iter().all(|outcome| *outcome == Outcome::Done), "{all:?}");
}

#[tokio::test]
async fn a_dead_livekit_is_unavailable() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
    livekit.die().await;
    for wanted in [
        mute(&[1]),
        mute(&[1, 2]),
        permit(1, &[Source::Camera]),
        Call::Delete { room: ROOM },
    ] {
        assert_eq!(client.do_for_room(wanted).await, Outcome::Unavailable);
    }
    livekit.revive().await;
    assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
}

#[tokio::test]
async fn calls_at_the_same_time_are_bounded() {
    let livekit = FakeLivekit::start().await;
    let (one, other) = (client(&livekit), client(&livekit));
    livekit.be(Mood::Silent);
    let wanted = 2 * CALLS_MAX;
    let calls = join_all((0..wanted).map(|number| one.do_for_room(removal(number as u128))));
    let all = async {
        livekit
            .until("all places taken", |world| {
                (world.at_once_max >= CALLS_MAX).then_some(())
            })
            .await;
        // Another client's call takes the same way: what came before it is here by now.
        let probe = other.do_for_room(Call::Delete { room: ROOM });
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
