//! The API in this process, with the development issuer for tokens and a clock that stands still.

use std::{net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, header::AUTHORIZATION},
    response::Response,
};
use colloquy::{
    assets::{Assets, Objects, Recordings},
    client_address::ClientAddress,
    config::{Config, DevUser, Oidc, Quotas},
    disabled_users::DisabledUsers,
    http::{
        self, ApiState, api::Parts, auth::person::VISIT_NOTES_MAX, calendar_places::CalendarPlaces,
        caller_limits::CallerLimits, starts::StartLimits,
    },
    identity::{DevIssuer, Verifier, VerifierSettings},
    known_users::KnownUsers,
    livekit::RoomService,
    mail::Outbox,
    meetings::{self, Tasks},
    origins::Origins,
    people::People,
    readiness::Readiness,
    recorders::Recorders,
    reports::{Renderer, Reports},
    seals::Seals,
    shared_folders::SharedFolders,
    store::{
        Db,
        events::{self, NewEvent},
        rooms::meeting_facts,
        users::ClaimRules,
    },
    tariffs::Offer,
};
use colloquy_actors::live::{Live, LiveSettings};
use colloquy_calendar::recurrence::Recurrence;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use crate::{
    databases::{Kind, TestDatabase},
    identity::{clock::TestClock, issuer::FakeIssuer},
    support::planted,
};

pub const ISSUER: &str = "http://127.0.0.1:11311/dev/oidc";

/// Somebody with tokens.
#[derive(Debug, Clone)]
pub struct Person {
    pub access_token: String,
    pub id_token: String,
}

pub struct Api {
    pub database: TestDatabase,
    pub state: ApiState,
    pub clock: TestClock,
    router: Router,
    issuer: Arc<DevIssuer>,
}

/// The API with what goes around all answers.
pub fn router(state: &ApiState) -> Router {
    let api = http::layers::every(http::router(state.clone()), &state.config.http);
    api.merge(http::well_known::router(&state.config.http))
}

fn of_tests() -> Config {
    let mut config = Config::default();
    config.dev_issuer.users.push(dora());
    // Tests are faster than people.
    config.http.writes_per_second = 0;
    config.recording.hand_out = true;
    config
}

/// What rooms ask for is tried with whole servers: here nobody makes a report.
fn tasks_of_rooms(config: &Config, db: &Db, assets: &Assets, recorders: &Recorders) -> Tasks {
    let media = RoomService::new(&config.outgoing, &config.livekit).expect("a client");
    let renderer = Renderer::new("/no/such/program".into(), ["render"]);
    Tasks {
        media: Arc::new(media),
        reports: Reports::new(db.clone(), assets.clone(), Quotas::NONE, renderer),
        recorders: recorders.clone(),
        boards: None,
        notes: None,
        db: db.clone(),
    }
}

impl Api {
    pub async fn start(kind: Kind) -> Self {
        Self::with(kind, |_| {}).await
    }

    pub async fn with(kind: Kind, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = of_tests();
        configure(&mut config);
        let database = TestDatabase::start(kind).await;
        let clock = TestClock::new();
        let url = Url::parse(ISSUER).expect("URL");
        let folder = database.folder.path();
        let issuer = DevIssuer::open(
            &config.dev_issuer,
            &config.oidc.client_id,
            &url,
            folder,
            clock.clock(),
        );
        let issuer = Arc::new(issuer.expect("the issuer"));
        let settings = VerifierSettings::local(&config.oidc, Arc::clone(&issuer));
        let origins = Origins::new(b"key", &config);
        let seals = Seals::new(&[7; 32]).expect("a key");
        let objects = Objects::open(&config.outgoing, &config.assets, folder).expect("an asset store");
        let assets = Assets::new(database.db.clone(), objects, &config.assets);
        let recorders = Recorders::new(&config.recording);
        let tasks = tasks_of_rooms(&config, &database.db, &assets, &recorders);
        let of_rooms = (origins.clone(), seals.clone());
        let ports = meetings::ports(database.db.clone(), tasks, &config.call_in, of_rooms);
        let live = Live::start(LiveSettings::default(), ports);
        let live = live.await.expect("the live core");
        let state = ApiState::from(Parts {
            recordings: Recordings::open(assets.clone(), folder, config.assets.free_bytes_min)
                .expect("a spool"),
            recorders,
            assets,
            start_limits: StartLimits::new(&config, Readiness::default(), origins),
            caller_limits: CallerLimits::new(config.http.writes_per_second, 32),
            known_users: KnownUsers::default(),
            disabled_users: DisabledUsers::default(),
            shared_folders: SharedFolders::new(&config.outgoing, &config.shared_folder).expect("a client"),
            seals,
            live,
            db: database.db.clone(),
            verifier: Verifier::new(settings, &config.outgoing, clock.clock()).expect("a client"),
            issuer: issuer.issuer().into(),
            offer: Arc::new(Offer::from_config(&config)),
            clock: clock.clock(),
            outbox: Outbox::new(config.mail.host.is_some()),
            claim_rules: ClaimRules::new(&config.oidc),
            visits: Arc::new(Semaphore::new(VISIT_NOTES_MAX)),
            calendar_places: CalendarPlaces::new(1),
            people: People::new(&config, clock.clock()).expect("a client"),
            config: Arc::new(config),
        });
        Self {
            router: router(&state),
            database,
            state,
            clock,
            issuer,
        }
    }

    /// From now on the server has another configuration.
    pub fn reconfigure(&mut self, configure: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.state.config);
        configure(&mut config);
        let parts = Parts {
            shared_folders: SharedFolders::new(&config.outgoing, &config.shared_folder).expect("a client"),
            people: People::new(&config, self.clock.clock()).expect("a client"),
            offer: Arc::new(Offer::from_config(&config)),
            config: Arc::new(config),
            ..Parts::clone(&self.state)
        };
        self.state = parts.into();
        self.router = router(&self.state);
    }

    /// From now on tokens come from another issuer.
    pub fn verify_with(&mut self, verifier: Verifier) {
        let parts = Parts {
            verifier,
            ..Parts::clone(&self.state)
        };
        self.state = parts.into();
        self.router = router(&self.state);
    }

    /// From now on tokens are those of `issuer`, whose clock is that of the server, with these settings.
    pub fn trust(&mut self, issuer: &mut FakeIssuer, configure: impl FnOnce(&mut Oidc)) {
        issuer.clock = self.clock.clone();
        let mut oidc = issuer.oidc();
        configure(&mut oidc);
        let parts = Parts {
            verifier: issuer.verifier_of(&oidc),
            claim_rules: ClaimRules::new(&oidc),
            config: Arc::new(Config {
                oidc,
                ..Config::clone(&self.state.config)
            }),
            ..Parts::clone(&self.state)
        };
        self.state = parts.into();
        self.router = router(&self.state);
    }

    pub async fn finish(self) {
        self.state.live.stop().await;
        self.database.finish().await;
    }

    /// Tokens for one of the configured people.
    pub async fn person(&self, name: &str) -> Person {
        let form = format!("grant_type=password&client_id=Frontend&username={name}&password={name}");
        let request = Request::post("/token")
            .header("host", "localhost")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .expect("a request");
        let response = Arc::clone(&self.issuer).router().oneshot(request).await;
        let Ok(response) = response;
        let tokens = Answer::read(response).await.expect(200);
        let token = |name: &str| tokens[name].as_str().expect("a token").to_owned();
        Person {
            access_token: token("access_token"),
            id_token: token("id_token"),
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.begin(request).await).await
    }

    /// An answer whose body is yet to be read.
    pub async fn begin(&self, mut request: Request<Body>) -> Response {
        // As the listener does.
        let address = ClientAddress(Ipv4Addr::LOCALHOST.into());
        request.extensions_mut().insert(address);
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }

    /// A request of `person` with a JSON body unless that is null.
    pub async fn call(&self, person: &Person, method: &str, path: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {}", person.access_token);
        self.send(request(method, path, Some(&authorization), &body))
            .await
    }

    /// A request without authorisation.
    pub async fn call_anonymously(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(request(method, path, None, &body)).await
    }

    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.call(person, "GET", path, Value::Null).await
    }

    /// The id of a new room.
    pub async fn room(&self, owner: &Person, body: Value) -> String {
        let room = self.call(owner, "POST", "/v1/rooms", body).await.expect(201);
        room["id"].as_str().expect("an id").to_owned()
    }

    /// The code of a new invite.
    pub async fn invite(&self, owner: &Person, room: &str, body: Value) -> String {
        let path = format!("/v1/rooms/{room}/invites");
        let invite = self.call(owner, "POST", &path, body).await.expect(201);
        invite["invite_code"].as_str().expect("a code").to_owned()
    }

    /// The id of a new time-independent event in this room.
    pub async fn event_in(&self, room: &str, show_meeting_details: bool) -> Uuid {
        let room = room.parse().expect("an id");
        let facts = meeting_facts(&self.state.db, room).await.expect("a query");
        let room = facts.expect("a room").room;
        let new = NewEvent {
            id: Uuid::new_v4(),
            tenant_id: room.tenant_id,
            room_id: room.id,
            created_by: room.created_by.id,
            created_at: self.state.clock.now(),
            title: "Plenum".to_owned(),
            description: String::new(),
            is_adhoc: true,
            times: None,
            recurrence: Recurrence::default(),
            series_ends_at: None,
            show_meeting_details,
            training_report: None,
        };
        let id = new.id;
        let inserted = self
            .state
            .db
            .transaction(move |tx| Box::pin(async move { events::insert(tx, &new).await }));
        inserted.await.expect("an event");
        id
    }

    /// One of the configured people, invited to an event.
    pub async fn invited(&self, event: Uuid, name: &str, role: &str) -> Person {
        let person = self.person(name).await;
        self.get(&person, "/v1/users/me").await.expect(200);
        let email = format!("{name}@example.org");
        planted::invitation(&self.state.db, event, &email, role, "pending").await;
        person
    }

    /// Asserts that a JSON body is refused in the ways that all bodies are.
    pub async fn refuses_bad_bodies(&self, authorization: Option<&str>, method: &str, path: &str) {
        let send = async |content_type: &str, body: Vec<u8>| {
            let mut request = request(method, path, authorization, &Value::Null);
            if !content_type.is_empty() {
                let value = content_type.parse().expect("a header");
                request.headers_mut().insert("content-type", value);
            }
            *request.body_mut() = Body::from(body);
            self.send(request).await
        };
        for malformed in [&b""[..], b"{", b"{\"a\":\"\xff\"}", b"{} {}", b"{'a':1}"] {
            send("application/json", malformed.to_vec())
                .await
                .refused(400, "invalid_json");
        }
        send("application/json", b"[]".to_vec())
            .await
            .refused(422, "validation_failed");
        for other in ["", "text/plain", "application/x-www-form-urlencoded", "jsonish"] {
            send(other, b"{}".to_vec())
                .await
                .refused(415, "unsupported_media_type");
        }
        let padded = format!("{{\"unknown\":\"{}\"}}", "x".repeat(64 * 1024));
        send("application/json", padded.into_bytes())
            .await
            .refused(413, "payload_too_large");
    }

    /// Asserts that nobody gets in without a good access token.
    pub async fn needs_a_user(&self, method: &str, path: &str) {
        let body = || {
            if matches!(method, "GET" | "DELETE") {
                Value::Null
            } else {
                json!({})
            }
        };
        let answer = self.call_anonymously(method, path, body()).await;
        answer.refused(401, "unauthorized");
        assert_eq!(
            answer.body["message"],
            "Unable to parse access token or invite code"
        );
        let answer = self
            .send(request(method, path, Some("Bearer nonsense"), &body()))
            .await;
        answer.refused(401, "unauthorized");
        assert_ne!(
            answer.body["message"],
            "Unable to parse access token or invite code"
        );
        let guest = Some("InviteCode 00000000-0000-4000-8000-000000000000");
        self.send(request(method, path, guest, &body()))
            .await
            .refused(403, "forbidden");
    }
}

/// The person with everything that tokens can say.
fn dora() -> DevUser {
    DevUser {
        username: "dora".to_owned(),
        password: "dora".to_owned(),
        email: "Dora@Example.org".to_owned(),
        given_name: "Dora".to_owned(),
        family_name: "Dörfler".to_owned(),
        groups: vec!["chess".to_owned()],
        roles: Vec::new(),
    }
}

pub fn request(method: &str, path: &str, authorization: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let body = if body.is_null() {
        Body::empty()
    } else {
        request = request.header("content-type", "application/json");
        Body::from(body.to_string())
    };
    request.body(body).expect("a request")
}
