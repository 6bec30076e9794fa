//! A small real issuer over HTTP, whose answers a test decides.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
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
use tokio::{net::TcpListener, task::AbortHandle};
use url::Url;

use super::{clock::TestClock, forge::Key};

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
}

pub struct Answers {
    pub discovery: Value,
    pub keys: Value,
    /// What userinfo answers; `None`: an error.
    pub userinfo: Option<Value>,
    pub up: bool,
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
                up: true,
            }),
            discoveries: AtomicUsize::new(0),
            key_fetches: AtomicUsize::new(0),
            userinfo_fetches: AtomicUsize::new(0),
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

    /// A verifier of this issuer's tokens that wants the audience `api`.
    pub fn verifier(&self) -> Verifier {
        let oidc = Oidc {
            audience: Some("api".to_owned()),
            ..Oidc::default()
        };
        let settings =
            VerifierSettings::remote(&oidc, Url::parse(&self.url).expect("URL")).expect("settings");
        Verifier::new(settings, &Outgoing::default(), self.clock.clock()).expect("a client")
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
    if !headers.contains_key("authorization") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    shared.answer(&shared.userinfo_fetches, |answers| answers.userinfo.clone())
}
