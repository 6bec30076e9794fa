//! A small real LiveKit: its `RoomService` over HTTP, with rooms, participants and tracks, and its webhooks. It checks the token of
//! each call, remembers the calls, and can be silent, lie, have bad habits or be dead.

mod person;
pub mod webhook;
mod world;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use colloquy::{config, secrets::Secret};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use url::Url;

use self::world::{Refusal, UNAVAILABLE};
pub use self::{
    person::{Person, Track, permission, unseen_and_mute},
    world::{Habits, World},
};
use super::serving::Serving;

pub const API_KEY: &str = "key-of-the-tests";
pub const API_SECRET: &str = "known to this LiveKit and to the server under test";

/// What the server tells browsers; nobody looks behind it.
pub const PUBLIC_URL: &str = "wss://livekit.example.org";

/// How long anything expected may take; far beyond what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(30);

/// A token for a call is no permanent key.
const TOKEN_SECS_MAX: u64 = 600;

/// For how long LiveKit takes tokens of clients after their end and before their beginning.
const CLIENT_LEEWAY_SECS: u64 = 60;

/// The server under test sees one address, whether this lives or not. It ends with this.
pub struct FakeLivekit {
    serving: Serving,
    shared: Arc<Shared>,
}

/// How calls are answered.
#[derive(Clone, Copy)]
pub enum Mood {
    Honest,
    /// Not before the mood is another one.
    Silent,
    /// By this, whatever was asked.
    Lying(fn() -> Response),
}

/// A call that came in, whatever became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub method: String,
    pub body: Value,
    /// `None` while it is under way.
    pub end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Answered(u16),
    /// Whoever called waits no longer.
    Abandoned,
}

struct Shared {
    world: Mutex<World>,
    changed: watch::Sender<()>,
}

impl FakeLivekit {
    pub async fn start() -> Self {
        let shared = Shared {
            world: Mutex::new(World::new()),
            changed: watch::Sender::new(()),
        };
        let shared = Arc::new(shared);
        let calls = Router::new().route("/twirp/livekit.RoomService/{method}", post(answer));
        // LiveKit may also stand below a path.
        let router = Router::new()
            .nest("/below", calls.clone())
            .merge(calls)
            .with_state(Arc::clone(&shared));
        Self {
            serving: Serving::start(router).await,
            shared,
        }
    }

    /// What a server is configured with to use this.
    pub fn settings(&self) -> config::Livekit {
        config::Livekit {
            public_url: Url::parse(PUBLIC_URL).expect("a URL"),
            service_url: Url::parse(&format!("ws://{}", self.serving.address)).expect("a URL"),
            api_key: API_KEY.to_owned(),
            api_secret: Secret::new(API_SECRET),
            ..config::Livekit::default()
        }
    }

    /// The same as variables of a process.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("COLLOQUY_LIVEKIT__PUBLIC_URL", PUBLIC_URL.to_owned()),
            (
                "COLLOQUY_LIVEKIT__SERVICE_URL",
                format!("http://{}", self.serving.address),
            ),
            ("COLLOQUY_LIVEKIT__API_KEY", API_KEY.to_owned()),
            ("COLLOQUY_LIVEKIT__API_SECRET", API_SECRET.to_owned()),
        ]
    }

    /// From now on connections are refused, and those that were open are cut.
    pub async fn die(&self) {
        self.serving.die().await;
    }

    /// At the same address again, with the same rooms.
    pub async fn revive(&self) {
        self.serving.revive().await;
    }

    /// Every call is answered so.
    pub fn be(&self, mood: Mood) {
        self.change(|world| {
            world.moods.clear();
            world.mood = mood;
        });
    }

    /// Calls of this method are answered so, the others as before.
    pub fn be_about(&self, method: &'static str, mood: Mood) {
        self.change(|world| world.moods.insert(method, mood));
    }

    pub fn change_habits(&self, change: impl FnOnce(&mut Habits)) {
        self.change(|world| change(&mut world.habits));
    }

    /// Somebody comes into a room of LiveKit by itself, as clients do, and may do what it should.
    pub fn enter(&self, room: &str, identity: &str, tracks: &[Track]) {
        self.enter_as(room, identity, Person::of(identity, tracks));
    }

    /// Somebody who may do something else, is a ghost or comes back.
    pub fn enter_as(&self, room: &str, identity: &str, person: Person) {
        self.change(|world| world.enter(room, identity, person));
    }

    /// Somebody comes with this token: where it leads to, as whom it says, with what it allows. Answers the room and the identity.
    pub fn enter_by(&self, token: &Value, tracks: &[Track]) -> (String, String) {
        let claims = token
            .as_str()
            .and_then(|token| read::<ClientClaims>(token, CLIENT_LEEWAY_SECS));
        let ClientClaims { sub, video } = claims.expect("a good token");
        assert!(video.room_join, "the token opens no room");
        let sources: Vec<_> = video.can_publish_sources.iter().map(String::as_str).collect();
        let mut person = Person::of(&sub, tracks);
        person.permission = permission(&sources);
        let may = [
            video.can_subscribe,
            video.can_publish,
            video.can_publish_data,
            video.hidden,
        ];
        for (name, may) in ["can_subscribe", "can_publish", "can_publish_data", "hidden"]
            .iter()
            .zip(may)
        {
            person.permission[name] = json!(may);
        }
        self.enter_as(&video.room, &sub, person);
        (video.room, sub)
    }

    pub fn person(&self, room: &str, identity: &str) -> Option<Person> {
        self.world().rooms.get(room)?.get(identity).cloned()
    }

    pub fn has_room(&self, room: &str) -> bool {
        self.world().rooms.contains_key(room)
    }

    /// The names of all rooms.
    pub fn rooms(&self) -> BTreeSet<String> {
        self.world().rooms.keys().cloned().collect()
    }

    /// Those who are in a room, in the order of identities.
    pub fn people(&self, room: &str) -> Vec<String> {
        let world = self.world();
        world
            .rooms
            .get(room)
            .into_iter()
            .flatten()
            .map(|(identity, _)| identity.clone())
            .collect()
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.clone()
    }

    /// Every call so far that should change something, oldest first; looks come by themselves.
    pub fn orders(&self) -> Vec<Call> {
        let is_order =
            |call: &Call| !["ListParticipants", "ListRooms", "GetParticipant"].contains(&&*call.method);
        self.calls().into_iter().filter(is_order).collect()
    }

    /// How many calls of a method there were.
    pub fn count(&self, method: &str) -> usize {
        self.calls().iter().filter(|call| call.method == method).count()
    }

    /// The most calls that were ever under way at the same time.
    pub fn at_once_max(&self) -> usize {
        self.world().at_once_max
    }

    /// The oldest call of this method that no test has asked for yet: its number, and its body.
    pub async fn expect(&self, method: &str) -> (usize, Value) {
        let (number, body) = self
            .until(method, |world| {
                let fresh = world
                    .calls
                    .iter()
                    .enumerate()
                    .find(|(number, call)| call.method == method && !world.expected.contains(number));
                fresh.map(|(number, call)| (number, call.body.clone()))
            })
            .await;
        self.change(|world| world.expected.insert(number));
        (number, body)
    }

    /// Waits for the end of a call.
    pub async fn end_of(&self, number: usize) -> End {
        self.until("the end of a call", |world| world.calls[number].end)
            .await
    }

    /// Waits until there is something to find.
    pub async fn until<T>(&self, wanted: &str, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let mut changes = self.shared.changed.subscribe();
        let found = timeout(DEADLINE, async {
            loop {
                let found = look(&self.world());
                if let Some(found) = found {
                    return found;
                }
                changes.changed().await.expect("the sender is here");
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("LiveKit waits for {wanted} in vain; calls: {:#?}", self.calls()))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.shared.change(change)
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let changed = change(&mut self.world());
        self.changed.send_replace(());
        changed
    }

    /// Waits as long as the mood is silent.
    async fn mood(&self, method: &str) -> Mood {
        let mut changes = self.changed.subscribe();
        loop {
            let mood = self.world().mood_about(method);
            // Without a sender nobody would wait for an answer.
            if !matches!(mood, Mood::Silent) || changes.changed().await.is_err() {
                return mood;
            }
        }
    }
}

/// A call that is under way; abandoned when this goes before there is an answer.
struct UnderWay(Arc<Shared>, usize);

impl UnderWay {
    fn begin(shared: Arc<Shared>, method: String, body: Value) -> Self {
        let number = shared.change(|world| {
            let end = None;
            world.calls.push(Call { method, body, end });
            let under_way = world.calls.len() - world.ended.len();
            world.at_once_max = world.at_once_max.max(under_way);
            world.calls.len() - 1
        });
        Self(shared, number)
    }

    fn end(&self, end: End) {
        let Self(shared, number) = self;
        shared.change(|world| {
            if world.calls[*number].end.is_none() {
                world.calls[*number].end = Some(end);
                world.ended.push(*number);
            }
        });
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let under_way = UnderWay::begin(Arc::clone(&shared), method.clone(), body.clone());
    let response = match shared.mood(&method).await {
        Mood::Lying(lie) => lie(),
        Mood::Honest | Mood::Silent => {
            let allowed = check_token(&headers, &method, &body);
            let done = allowed.and_then(|()| shared.change(|world| world.perform(&method, &body)));
            if done == Err(UNAVAILABLE) {
                let time = shared.world().habits.unavailable_after;
                sleep(time).await;
            }
            done.map_or_else(refusal, |answer| Json(answer).into_response())
        }
    };
    under_way.end(End::Answered(response.status().as_u16()));
    response
}

fn refusal((status, code, msg): Refusal) -> Response {
    (status, Json(json!({"code": code, "msg": msg}))).into_response()
}

#[derive(Deserialize)]
struct Claims {
    nbf: u64,
    exp: u64,
    video: Grant,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Grant {
    room: String,
    room_admin: bool,
    room_create: bool,
    room_list: bool,
}

#[derive(Deserialize)]
struct ClientClaims {
    sub: String,
    video: ClientGrant,
}

#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientGrant {
    room: String,
    room_join: bool,
    can_publish: bool,
    can_subscribe: bool,
    can_publish_data: bool,
    can_publish_sources: Vec<String>,
    hidden: bool,
}

/// The claims of a token that our key has signed and that is good now.
fn read<T: DeserializeOwned>(token: &str, leeway: u64) -> Option<T> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[API_KEY]);
    rules.set_required_spec_claims(&["exp", "iss", "nbf"]);
    (rules.validate_nbf, rules.leeway) = (true, leeway);
    let key = DecodingKey::from_secret(API_SECRET.as_bytes());
    let token = jsonwebtoken::decode(token, &key, &rules).ok()?;
    Some(token.claims)
}

/// LiveKit's rules: whoever deletes rooms may create them, whoever wants to know all of them may list them, everything else is for
/// admins of the room. LiveKit would accept more than that; here a token that allows more than its call needs is refused.
fn check_token(headers: &HeaderMap, method: &str, body: &Value) -> Result<(), Refusal> {
    let unauthenticated = |why| (StatusCode::UNAUTHORIZED, "unauthenticated", why);
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = authorization
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(unauthenticated("no token"))?;
    let claims = read::<Claims>(token, 0).ok_or(unauthenticated("a bad token"))?;
    if claims.exp - claims.nbf > TOKEN_SECS_MAX {
        return Err(unauthenticated("a permanent token"));
    }
    let least = match method {
        "CreateRoom" | "DeleteRoom" => Grant {
            room_create: true,
            ..Grant::default()
        },
        "ListRooms" => Grant {
            room_list: true,
            ..Grant::default()
        },
        _ => Grant {
            room: body["room"].as_str().unwrap_or_default().to_owned(),
            room_admin: true,
            ..Grant::default()
        },
    };
    let allowed = claims.video == least;
    allowed
        .then_some(())
        .ok_or((StatusCode::FORBIDDEN, "permission_denied", "permissions denied"))
}
