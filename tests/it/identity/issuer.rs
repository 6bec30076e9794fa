//! A small real issuer over HTTP, whose answers a test decides.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use colloquy::{
    config::{Oidc, Outgoing},
    identity::{Verifier, VerifierSettings},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, task::AbortHandle};
use url::Url;

use super::{
    clock::TestClock,
    forge::{Key, claims_of},
};

/// The issuer's face for the tests. The server ends with it.
pub struct FakeIssuer {
    pub url: String,
    pub ec: Key,
    pub clock: TestClock,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    answers: Mutex<Answers>,
    discoveries: AtomicUsize,
    key_fetches: AtomicUsize,
    userinfo_fetches: AtomicUsize,
    /// Questions to userinfo that have no answer yet, and the most that there ever were.
    userinfo_open: AtomicUsize,
    userinfo_open_max: AtomicUsize,
    /// Whom userinfo was asked about (`sid`), in this order.
    userinfo_order: Mutex<Vec<String>>,
    /// Rouses those that wait for another pace.
    changed: Notify,
}

pub struct Answers {
    pub discovery: Value,
    pub keys: Value,
    /// What userinfo answers; `None`: an error.
    pub userinfo: Option<Value>,
    /// What it answers to tokens with this `sid`, before that.
    pub people: BTreeMap<String, Value>,
    pub pace: Pace,
    /// Whether userinfo says 401 to every token.
    pub refuses: bool,
    pub up: bool,
}

/// How fast userinfo answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    Prompt,
    Slow(Duration),
    /// Not at all, until it gets another pace.
    Silent,
}

impl FakeIssuer {
    /// An issuer with one EC key, `ec`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let ec = Key::ec();
        let shared = Arc::new(Shared {
            answers: Mutex::new(Answers {
                discovery: json!({
                    "issuer": url, "jwks_uri": format!("{url}/keys"), "userinfo_endpoint": format!("{url}/userinfo"),
                }),
                keys: json!({"keys": [ec.jwk("ec")]}),
                userinfo: None,
                people: BTreeMap::new(),
                pace: Pace::Prompt,
                refuses: false,
                up: true,
            }),
            discoveries: AtomicUsize::new(0),
            key_fetches: AtomicUsize::new(0),
            userinfo_fetches: AtomicUsize::new(0),
            userinfo_open: AtomicUsize::new(0),
            userinfo_open_max: AtomicUsize::new(0),
            userinfo_order: Mutex::default(),
            changed: Notify::new(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self {
            url,
            ec,
            clock: TestClock::new(),
            shared,
            server,
        }
    }

    pub fn answers(&self) -> MutexGuard<'_, Answers> {
        self.shared.answers.lock().expect("unpoisoned")
    }

    pub fn key_fetches(&self) -> usize {
        self.shared.key_fetches.load(Ordering::SeqCst)
    }

    pub fn discoveries(&self) -> usize {
        self.shared.discoveries.load(Ordering::SeqCst)
    }

    pub fn userinfo_fetches(&self) -> usize {
        self.shared.userinfo_fetches.load(Ordering::SeqCst)
    }

    /// Most questions to userinfo that were open at the same time.
    pub fn userinfo_open_max(&self) -> usize {
        self.shared.userinfo_open_max.load(Ordering::SeqCst)
    }

    /// Questions to userinfo that wait for an answer.
    pub fn userinfo_open(&self) -> usize {
        self.shared.userinfo_open.load(Ordering::SeqCst)
    }

    /// The `sid` of tokens that userinfo was asked about, in the order of the questions.
    pub fn userinfo_order(&self) -> Vec<String> {
        self.shared.userinfo_order.lock().expect("unpoisoned").clone()
    }

    /// From now on userinfo answers so fast, also to those who wait already.
    pub fn set_pace(&self, pace: Pace) {
        self.answers().pace = pace;
        self.shared.changed.notify_waiters();
    }

    /// Waits until userinfo has been asked so often in all.
    pub async fn asked(&self, fetches: usize) {
        eventually("userinfo is asked", || self.userinfo_fetches() >= fetches).await;
        assert_eq!(self.userinfo_fetches(), fetches);
    }

    /// Settings that want the audience `api`.
    pub fn oidc(&self) -> Oidc {
        Oidc {
            authority: Some(Url::parse(&self.url).expect("URL")),
            audience: Some("api".to_owned()),
            ..Oidc::default()
        }
    }

    /// A verifier of this issuer's tokens that wants the audience `api`.
    pub fn verifier(&self) -> Verifier {
        self.verifier_of(&self.oidc())
    }

    /// A verifier of this issuer's tokens with other settings than the default ones.
    pub fn verifier_with(&self, configure: impl FnOnce(&mut Oidc)) -> Verifier {
        let mut oidc = Oidc {
            audience: None,
            ..self.oidc()
        };
        configure(&mut oidc);
        self.verifier_of(&oidc)
    }

    pub fn verifier_of(&self, oidc: &Oidc) -> Verifier {
        let settings = VerifierSettings::from_config(oidc, None).expect("settings");
        Verifier::new(settings, &Outgoing::default(), self.clock.clock()).expect("a client")
    }

    /// Claims of a lightweight token of a login: all that it says about its bearer is in userinfo.
    pub fn lightweight(&self, session: &str) -> Value {
        let mut claims = self.claims();
        for name in ["sub", "email", "name"] {
            claims.as_object_mut().expect("claims").remove(name);
        }
        claims["azp"] = json!("Frontend");
        claims["sid"] = json!(session);
        claims["scope"] = json!("openid email profile");
        claims
    }

    /// Claims of a good access token, with a complete profile, good for five minutes.
    pub fn claims(&self) -> Value {
        let now = self.clock.seconds();
        json!({
            "iss": self.url, "aud": "api", "sub": "s1", "iat": now, "exp": now + 300,
            "email": "ada@example.org", "name": "Ada Lovelace",
        })
    }

    /// The claims of a good access token with one of them changed; null takes it away.
    pub fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        if value.is_null() {
            claims.as_object_mut().expect("claims").remove(name);
        } else {
            claims[name] = value;
        }
        claims
    }

    pub fn token(&self, claims: &Value) -> String {
        self.ec.token(&header("ES256", "ec"), claims)
    }
}

impl Drop for FakeIssuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub fn header(algorithm: &str, kid: &str) -> Value {
    json!({"alg": algorithm, "typ": "JWT", "kid": kid})
}

impl Shared {
    fn note_order(&self, session: String) {
        self.userinfo_order.lock().expect("unpoisoned").push(session);
    }

    fn pace(&self) -> Pace {
        self.answers.lock().expect("unpoisoned").pace
    }

    fn refuses(&self) -> bool {
        self.answers.lock().expect("unpoisoned").refuses
    }

    async fn wait_for_pace(&self) {
        loop {
            let changed = self.changed.notified();
            match self.pace() {
                Pace::Prompt => return,
                Pace::Slow(time) => return tokio::time::sleep(time).await,
                Pace::Silent => changed.await,
            }
        }
    }

    fn answer(&self, counter: &AtomicUsize, choose: impl FnOnce(&Answers) -> Option<Value>) -> Response {
        counter.fetch_add(1, Ordering::SeqCst);
        let answers = self.answers.lock().expect("unpoisoned");
        match choose(&answers).filter(|_| answers.up) {
            Some(answer) => Json(answer).into_response(),
            None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    shared.answer(&shared.discoveries, |answers| Some(answers.discovery.clone()))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.answer(&shared.key_fetches, |answers| Some(answers.keys.clone()))
}

async fn userinfo(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let Some(authorization) = headers.get("authorization") else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let token = authorization
        .to_str()
        .expect("ASCII")
        .trim_start_matches("Bearer ");
    let session = claims_of(token)["sid"].as_str().map(str::to_owned);
    shared.note_order(session.clone().unwrap_or_default());
    let open = shared.userinfo_open.fetch_add(1, Ordering::SeqCst) + 1;
    shared.userinfo_open_max.fetch_max(open, Ordering::SeqCst);
    let open = Open(&shared);
    shared.wait_for_pace().await;
    drop(open);
    if shared.refuses() {
        shared.userinfo_fetches.fetch_add(1, Ordering::SeqCst);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    shared.answer(&shared.userinfo_fetches, |answers| {
        let person = session.and_then(|session| answers.people.get(&session).cloned());
        person.or_else(|| answers.userinfo.clone())
    })
}

/// A question that has no answer yet; whoever asked may have gone away.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.userinfo_open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for something to be so, looking every few milliseconds.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
