//! Whatever stands at LiveKit's address and answers nonsense: the outcome is that LiveKit is unavailable, or that nobody is gone.

use std::{future::pending, io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{
        Response as Builder, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse as _, Response},
};
use colloquy::{
    config::Outgoing,
    livekit::{LIST_BYTES_MAX, LivekitTimeouts, RoomService},
};
use colloquy_actors::{
    livekit::{Call, Source},
    task::Outcome,
};
use futures_util::{StreamExt as _, future::join_all, stream};
use serde_json::{Value, json};

use super::{
    client::{all_gone, id, mute, permit, removal, room},
    timeouts::{SHORT, UNLIMITED, client_with},
};
use crate::support::livekit::{FakeLivekit, Mood, Track};

type Lie = (&'static str, fn() -> Response);

fn look() -> Call {
    Call::Look {
        room: room(),
        urgent: true,
        brief: std::sync::Arc::default(),
    }
}

fn typed(content_type: &str, body: impl Into<Body>) -> Response {
    let answer = Builder::builder().header(CONTENT_TYPE, content_type);
    answer.body(body.into()).expect("an answer")
}

fn twirp(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code, "msg": "no"}))).into_response()
}

/// To the same server, where the answer would be a good one.
fn redirect(status: StatusCode) -> Response {
    (
        status,
        [(LOCATION, "/twirp/livekit.RoomService/ListParticipants")],
    )
        .into_response()
}

fn chunks(first: &'static [u8]) -> stream::Once<std::future::Ready<io::Result<Bytes>>> {
    stream::once(std::future::ready(Ok(Bytes::from_static(first))))
}

fn endless() -> Response {
    let piece = Bytes::from(vec![b' '; 64 * 1024]);
    let pieces = stream::repeat_with(move || io::Result::Ok(piece.clone()));
    typed("application/json", Body::from_stream(pieces))
}

fn stalls() -> Response {
    let silence = stream::once(pending::<io::Result<Bytes>>());
    typed(
        "application/json",
        Body::from_stream(chunks(b"{\"participants\":").chain(silence)),
    )
}

fn breaks() -> Response {
    let end = stream::once(std::future::ready(Err(io::Error::other("enough"))));
    typed("application/json", Body::from_stream(chunks(b"{}").chain(end)))
}

/// Nothing that any method answers.
const LIES: &[Lie] = &[
    ("a page", || typed("text/html", "<html>Welcome</html>")),
    ("JSON as text", || typed("text/plain", "{}")),
    ("JSON without a type", || Body::from("{}").into_response()),
    ("protobuf", || {
        typed("application/protobuf", Vec::from(*b"\x0a\x02{}"))
    }),
    ("no body", || typed("application/json", "")),
    ("half a body", || typed("application/json", "{\"identity\":\"a\"")),
    ("two bodies", || typed("application/json", "{} {}")),
    ("no object", || typed("application/json", "\"ok\"")),
    ("null", || typed("application/json", "null")),
    ("no UTF-8", || {
        typed("application/json", Vec::from(*b"{\"identity\":\"\xff\"}"))
    }),
    ("a deep body", || typed("application/json", "[".repeat(100_000))),
    ("a body that breaks", breaks),
    ("no content", || StatusCode::NO_CONTENT.into_response()),
    ("moved", || redirect(StatusCode::MOVED_PERMANENTLY)),
    ("moved, with method", || redirect(StatusCode::PERMANENT_REDIRECT)),
    ("unexpected", || twirp(StatusCode::BAD_REQUEST, "malformed")),
    ("unauthenticated", || {
        twirp(StatusCode::UNAUTHORIZED, "unauthenticated")
    }),
    ("forbidden", || twirp(StatusCode::FORBIDDEN, "permission_denied")),
    ("no such path", || twirp(StatusCode::NOT_FOUND, "bad_route")),
    ("a page that says not_found", || {
        let page = typed("text/html", "{\"code\":\"not_found\"}");
        (StatusCode::NOT_FOUND, page).into_response()
    }),
    ("too many", || {
        twirp(StatusCode::TOO_MANY_REQUESTS, "resource_exhausted")
    }),
    ("broken", || twirp(StatusCode::INTERNAL_SERVER_ERROR, "internal")),
    ("not found, but broken", || {
        twirp(StatusCode::INTERNAL_SERVER_ERROR, "not_found")
    }),
    ("a proxy without LiveKit", || {
        (StatusCode::BAD_GATEWAY, "bad gateway").into_response()
    }),
    ("unavailable", || {
        twirp(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    }),
];

/// Those that never end, or late.
const LONG_LIES: &[Lie] = &[
    ("a large body", || {
        typed("application/json", " ".repeat(LIST_BYTES_MAX) + "{}")
    }),
    ("an endless body", endless),
    ("an endless page that is not there", || {
        (StatusCode::NOT_FOUND, endless()).into_response()
    }),
];

const SLOW_LIES: &[Lie] = &[("a body that stalls", stalls)];

/// What LiveKit says of those whom it does not reach.
const UNAVAILABLE: &str = "unavailable";

/// Bodies of a right type that are no list of participants, nor a participant.
const WRONG_SHAPES: &[Lie] = &[
    ("a number", || {
        Json(json!({"participants": 5, "identity": 5})).into_response()
    }),
    ("nobody", || {
        Json(json!({"participants": [null], "identity": null})).into_response()
    }),
    ("tracks are one", || with_tracks(&json!({"sid": "TR_mic"}))),
    ("muted is a word", || {
        with_tracks(&json!([{"sid": "TR_mic", "source": "MICROPHONE", "muted": "no"}]))
    }),
    ("source is a list", || {
        with_tracks(&json!([{"sid": "TR_mic", "source": ["MICROPHONE"]}]))
    }),
    ("a permission is a word", || {
        somebody(&json!({"identity": id(1), "permission": "all"}))
    }),
];

fn with_tracks(tracks: &Value) -> Response {
    somebody(&json!({"identity": id(1), "tracks": tracks}))
}

/// As one call answers it, and as another one does.
fn somebody(participant: &Value) -> Response {
    let mut answer = participant.clone();
    answer["participants"] = json!([participant]);
    Json(answer).into_response()
}

/// How often a call is tried before it is given up, and what becomes of it then.
fn end_of(call: &Call, is_unavailable: bool) -> (usize, Outcome) {
    match call {
        Call::Permit { .. } | Call::Look { .. } | Call::Create { .. } => (1, Outcome::Unavailable),
        Call::Mute { .. } => (3, Outcome::Unavailable),
        Call::Delete { .. } => (4, Outcome::Unavailable),
        Call::Remove(removal) => {
            let stayed = removal.who.iter().map(|one| (*one, is_unavailable)).collect();
            (2, Outcome::Removed { stayed })
        }
    }
}

/// A call gets one of these answers after the other, and a good one after each.
async fn ask_for(call: &Call, lies: &[Lie]) {
    let time_limit = LivekitTimeouts {
        call: SHORT * 5,
        retry: Duration::ZERO,
        ..UNLIMITED
    };
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, time_limit);
    let mut asked = 0;
    for (name, lie) in lies {
        livekit.be(Mood::Lying(*lie));
        let (tries, expected) = end_of(call, *name == UNAVAILABLE);
        let outcome = client.do_for_room(call.clone()).await;
        assert_eq!(outcome, expected, "{name}: {call:?}");
        asked += tries;
        // No redirect was followed, and the next answer counts.
        assert_eq!(livekit.calls().len(), asked, "{name}: {call:?}");
        livekit.be(Mood::Honest);
        let outcome = client.do_for_room(removal(9)).await;
        assert_eq!(outcome, all_gone(), "{name}: {call:?}");
        asked += 1;
        assert_eq!(livekit.calls().len(), asked, "{name}: {call:?}");
    }
}

async fn ask(lies: &[Lie], calls: &[Call]) {
    join_all(calls.iter().map(|call| ask_for(call, lies))).await;
}

/// Calls of each kind, as often as it takes to be given up.
fn calls() -> [Call; 6] {
    [
        mute(&[1]),
        mute(&[1, 2]),
        permit(1, &[Source::Camera]),
        removal(1),
        Call::Delete { room: room() },
        look(),
    ]
}

#[tokio::test]
async fn no_lie_is_believed() {
    ask(LIES, &calls()).await;
}

#[tokio::test]
async fn no_slow_lie_is_believed() {
    ask(SLOW_LIES, &calls()).await;
}

/// Lists may be long: one of them is enough.
#[tokio::test]
async fn no_long_lie_is_believed() {
    let [one, _, permission, removal, deletion, look] = calls();
    ask(LONG_LIES, &[one, permission, removal, deletion, look]).await;
}

#[tokio::test]
async fn no_wrong_shape_is_believed() {
    ask(WRONG_SHAPES, &[mute(&[1]), mute(&[1, 2]), look()]).await;
}

#[tokio::test]
async fn an_answer_about_somebody_else_mutes_nobody() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(|| {
        with_tracks(&json!([{"sid": "TR_1", "source": "MICROPHONE"}]))
    }));
    let client = client_with(&livekit, UNLIMITED);
    for wanted in [mute(&[2]), mute(&[2, 3])] {
        assert_eq!(client.do_for_room(wanted).await, Outcome::Muted(vec![]));
    }
    assert_eq!(livekit.calls().len(), 2);
}

/// A client can publish what LiveKit has no name for; the others are muted all the same.
#[tokio::test]
async fn an_unknown_source_hides_nobody() {
    let livekit = FakeLivekit::start().await;
    livekit.be(Mood::Lying(|| {
        with_tracks(&json!([{"sid": "TR_1", "source": 77}, {"sid": "TR_2", "source": "MICROPHONE"}]))
    }));
    let client = client_with(&livekit, UNLIMITED);
    for wanted in [mute(&[1]), mute(&[1, 2])] {
        assert_eq!(client.do_for_room(wanted).await, Outcome::Muted(vec![id(1)]));
    }
    // What nobody knows is a voice for that.
    assert_eq!(livekit.count("MutePublishedTrack"), 4);
}

/// At a wrong path somebody else answers "not found", or LiveKit does not know the method.
#[tokio::test]
async fn a_wrong_path_is_not_taken_for_absence() {
    let livekit = FakeLivekit::start().await;
    livekit.enter(&room().to_string(), &id(1).to_string(), &[]);
    let mut settings = livekit.settings();
    settings.service_url.set_path("/elsewhere");
    let client = RoomService::with_timeouts(&Outgoing::default(), &settings, UNLIMITED).expect("a client");
    for wanted in [mute(&[1]), removal(1), Call::Delete { room: room() }, look()] {
        let (_, expected) = end_of(&wanted, false);
        assert_eq!(client.do_for_room(wanted).await, expected);
    }
    assert_eq!(livekit.people(&room().to_string()), [id(1).to_string()]);
}

/// LiveKit takes an empty list of sources for all of them.
#[tokio::test]
async fn whoever_may_publish_nothing_is_not_allowed_everything() {
    let livekit = FakeLivekit::start().await;
    let (room, name) = (room().to_string(), id(1).to_string());
    livekit.enter(&room, &name, &[Track::live("TR_1", "CAMERA")]);
    let client = client_with(&livekit, UNLIMITED);
    assert_eq!(client.do_for_room(permit(1, &[])).await, Outcome::Done);
    let permission = livekit.person(&room, &name).expect("somebody").permission;
    assert_eq!(permission["can_publish"], false);
}
