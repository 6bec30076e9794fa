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

mod breaker;
mod client;
mod credentials;
mod crowd;
mod development_secret;
mod failures;
mod log;
mod malformed_answers;
mod meeting;
mod restrictions;
mod timeouts;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::support::{
    livekit::{API_KEY, API_SECRET},
    meeting::Meeting,
    participant::Participant,
    server::Server,
};

const ALL_SOURCES: [&str; 4] = ["camera", "microphone", "screen_share", "screen_share_audio"];

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
