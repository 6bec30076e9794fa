//! LiveKit beside the server: the client of its `RoomService`, and meetings whose media it carries.

/// Runs each test once: LiveKit does not care for the database.
macro_rules! on_sqlite {
    ($world:ident: $($test:ident),+ $(,)?) => {$(
        mod $test {
            #[tokio::test]
            async fn sqlite() {
                let world = super::$world::start(crate::databases::Kind::Sqlite).await;
                super::$test(&world).await;
                world.finish().await;
            }
        }
    )+};
}

mod absence;
mod breaker;
mod client;
mod credentials;
mod crowd;
mod development_secret;
mod failures;
mod log;
mod looks;
mod malformed_answers;
mod meeting;
mod mending;
mod mutes;
mod popouts;
mod restrictions;
mod sweep;
mod timeouts;
mod troubled;
mod webhook;
mod whispers;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::support::{
    livekit::{API_KEY, API_SECRET, End, FakeLivekit, Track, permission},
    meeting::Meeting,
    participant::Participant,
    server::Server,
};

const ALL_SOURCES: [&str; 4] = ["camera", "microphone", "screen_share", "screen_share_audio"];
const WITHOUT_MICROPHONE: [&str; 3] = ["camera", "screen_share", "screen_share_audio"];

/// LiveKit lives, and can't do what it is asked.
fn unavailable() -> Response {
    twirp(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
}

/// What the key may do is not enough.
fn forbidden() -> Response {
    twirp(StatusCode::FORBIDDEN, "permission_denied")
}

/// An error as LiveKit tells it.
fn twirp(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code, "msg": "no"}))).into_response()
}

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await;
    assert!(waited.is_ok(), "{what}");
}

/// The claims of an access token, whose signature, issuer and times are checked.
#[track_caller]
fn claims(token: &Value) -> Value {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[API_KEY]);
    rules.set_required_spec_claims(&["exp", "iss", "nbf", "sub"]);
    (rules.validate_nbf, rules.leeway) = (true, 0);
    let key = DecodingKey::from_secret(API_SECRET.as_bytes());
    let token = token.as_str().expect("a token");
    jsonwebtoken::decode(token, &key, &rules)
        .expect("a good token")
        .claims
}

/// What the bearer of a token may publish.
#[track_caller]
fn sources(token: &Value) -> Vec<String> {
    let claims = claims(token);
    let sources = claims["video"]["canPublishSources"].as_array();
    let name = |source: &Value| source.as_str().expect("a name").to_owned();
    sources.expect("sources").iter().map(name).collect()
}

/// What a participant may publish by a token of right now.
async fn sources_now(who: &mut Participant) -> Vec<String> {
    who.act("livekit", "create_new_access_token").await;
    sources(&who.expect("livekit", "credentials").await["token"])
}

/// What somebody was told of LiveKit when it joined last.
#[track_caller]
fn media_of(who: &Participant) -> Value {
    let mut payloads = who.everything_seen().iter().rev().map(|frame| &frame["payload"]);
    let joined = payloads.find(|payload| payload["message"] == "join_success");
    joined.expect("somebody who has joined")["livekit"].clone()
}

/// The room of LiveKit that somebody was sent to: each meeting has another one.
#[track_caller]
fn room_of(who: &Participant) -> String {
    media_of(who)["room"].as_str().expect("a room").to_owned()
}

/// Somebody comes to LiveKit as its client does: with the token that it got when it joined.
fn bring(livekit: &FakeLivekit, who: &Participant, tracks: &[Track]) {
    let (room, identity) = livekit.enter_by(&media_of(who)["token"], tracks);
    assert_eq!((room, identity), (room_of(who), who.id.clone()));
}

/// The next `UpdateParticipant` is this one, and LiveKit does it.
async fn expect_permission(livekit: &FakeLivekit, room: &str, who: &str, sources: &[&str]) {
    let (number, body) = livekit.expect("UpdateParticipant").await;
    assert_eq!(
        body,
        json!({"room": room, "identity": who, "permission": permission(sources)})
    );
    assert_eq!(livekit.end_of(number).await, End::Answered(200));
}

/// The next `RemoveParticipant` is this one, and LiveKit does it.
async fn expect_removal(livekit: &FakeLivekit, room: &str, identity: &str) {
    let (number, body) = livekit.expect("RemoveParticipant").await;
    assert_eq!(body, json!({"room": room, "identity": identity}));
    assert_eq!(livekit.end_of(number).await, End::Answered(200));
}

/// The next list that LiveKit is asked for has been given.
async fn expect_look(livekit: &FakeLivekit, room: &str) {
    let (number, body) = livekit.expect("ListParticipants").await;
    assert_eq!(body, json!({"room": room}));
    livekit.end_of(number).await;
}

/// Alice and a guest, joined; nothing is on its way to either of them.
async fn pair(server: &Server) -> (Meeting, Participant, Participant) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let gus = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    (meeting, alice, gus)
}

/// Sends a command that names participants.
async fn name_all(who: &mut Participant, action: &str, participants: &[&str]) {
    who.send("livekit", json!({"action": action, "participants": participants}))
        .await;
}

async fn restrict(who: &mut Participant, unrestricted: &[&str]) {
    let command =
        json!({"action": "enable_microphone_restrictions", "unrestricted_participants": unrestricted});
    who.send("livekit", command).await;
}

/// Breakout rooms of these names; answers their ids.
async fn open_breakout_rooms(moderator: &mut Participant, names: &[&str]) -> Vec<String> {
    let rooms: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "assignments": []}))
        .collect();
    moderator
        .send("breakout", json!({"action": "start", "rooms": rooms}))
        .await;
    let started = moderator.expect("breakout", "started").await;
    let rooms = started["rooms"].as_array().expect("rooms").iter();
    rooms
        .map(|room| room["id"].as_str().expect("an id").to_owned())
        .collect()
}
