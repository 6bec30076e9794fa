//! A small real identity provider with the admin API of a Keycloak realm. A test decides who has an account there, and how
//! the provider feels.

use std::{
    collections::{HashMap, HashSet},
    future::pending,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Form, Json, Router,
    extract::{Query, RawQuery, State},
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use colloquy::{config::Config, secrets::Secret};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore, task::AbortHandle};
use uuid::Uuid;

pub const CLIENT_ID: &str = "colloquy-search";
pub const CLIENT_SECRET: &str = "secret-of-the-search-that-nobody-sees";

/// The provider's face for the tests. The server ends with it.
pub struct FakeDirectory {
    /// Scheme, host and port.
    origin: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    realm: Mutex<Realm>,
    logins: AtomicUsize,
    /// Queries of all questions, as they came.
    questions: Mutex<Vec<String>>,
    /// Questions pass by it while the mood is [`Mood::Held`].
    gate: Semaphore,
    origin: String,
}

pub struct Realm {
    pub people: Vec<Value>,
    pub mood: Mood,
    /// What tokens say of their lifetime.
    pub token_secs: Option<i64>,
    /// Those that open the API.
    tokens: HashSet<String>,
}

/// How the admin API feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Fine,
    /// Never answers.
    Silent,
    /// Answers when it is told to.
    Held,
    /// Answers with this status.
    Refusing(u16),
    /// Sends to where all is fine.
    Elsewhere,
    /// Answers something else than people.
    Nonsense,
    /// Answers more than anybody reads.
    Endless,
}

impl FakeDirectory {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            realm: Mutex::new(Realm {
                people: Vec::new(),
                mood: Mood::Fine,
                token_secs: Some(300),
                tokens: HashSet::new(),
            }),
            logins: AtomicUsize::new(0),
            questions: Mutex::default(),
            gate: Semaphore::new(0),
            origin: origin.clone(),
        });
        let router = Router::new()
            .route("/realms/r/.well-known/openid-configuration", get(discovery))
            .route("/realms/r/token", post(token))
            .route("/admin/realms/r/users", get(users))
            .route("/elsewhere", get(elsewhere))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self {
            origin,
            shared,
            server,
        }
    }

    /// What stands in `iss` of tokens.
    pub fn issuer(&self) -> String {
        format!("{}/realms/r", self.origin)
    }

    /// Makes a server ask this directory.
    pub fn configure(&self, config: &mut Config) {
        let url = |path: &str| format!("{}{path}", self.origin).parse().ok();
        config.oidc.authority = url("/realms/r");
        let search = &mut config.oidc.user_search;
        search.api_url = url("/admin/realms/r");
        CLIENT_ID.clone_into(&mut search.client_id);
        search.client_secret = Some(Secret::new(CLIENT_SECRET));
    }

    pub fn realm(&self) -> MutexGuard<'_, Realm> {
        self.shared.realm.lock().expect("unpoisoned")
    }

    pub fn be(&self, mood: Mood) {
        self.realm().mood = mood;
    }

    /// An account, with the id `id-<name>`.
    pub fn add(&self, name: &str, first: &str, last: &str) {
        self.add_as(json!({
            "id": format!("id-{name}"), "username": name, "email": format!("{name}@example.org"),
            "firstName": first, "lastName": last, "enabled": true, "emailVerified": true,
        }));
    }

    /// An account with an attribute.
    pub fn add_of(&self, name: &str, attribute: &str, values: &[&str]) {
        self.add_as(json!({
            "id": format!("id-{name}"), "username": name, "email": format!("{name}@example.org"),
            "firstName": name, "lastName": "", "enabled": true, "attributes": {attribute: values},
        }));
    }

    pub fn add_as(&self, account: Value) {
        self.realm().people.push(account);
    }

    /// No token opens the API any more.
    pub fn revoke_tokens(&self) {
        self.realm().tokens.clear();
    }

    /// Tokens that open the API.
    pub fn tokens(&self) -> Vec<String> {
        self.realm().tokens.iter().cloned().collect()
    }

    /// Lets so many held questions go on.
    pub fn release(&self, questions: usize) {
        self.shared.gate.add_permits(questions);
    }

    pub fn logins(&self) -> usize {
        self.shared.logins.load(Ordering::SeqCst)
    }

    pub fn questions(&self) -> Vec<String> {
        self.shared.questions.lock().expect("unpoisoned").clone()
    }

    /// Waits until it has been asked so often.
    pub async fn asked(&self, questions: usize) {
        let asked = async {
            while self.questions().len() < questions {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let limit = std::time::Duration::from_mins(1);
        let in_time = tokio::time::timeout(limit, asked).await;
        assert!(in_time.is_ok(), "asked: {:?}", self.questions());
    }
}

impl Drop for FakeDirectory {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let issuer = format!("{}/realms/r", shared.origin);
    Json(json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "token_endpoint": format!("{issuer}/token"),
    }))
}

async fn token(State(shared): State<Arc<Shared>>, Form(form): Form<HashMap<String, String>>) -> Response {
    shared.logins.fetch_add(1, Ordering::SeqCst);
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ];
    let is_right = expected
        .iter()
        .all(|(key, value)| form.get(*key).is_some_and(|given| given == value));
    if !is_right {
        let refusal = json!({"error": "unauthorized_client"});
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    let token = format!("token-{}", Uuid::new_v4());
    let mut realm = shared.realm.lock().expect("unpoisoned");
    realm.tokens.insert(token.clone());
    Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": realm.token_secs}))
        .into_response()
}

async fn users(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    shared
        .questions
        .lock()
        .expect("unpoisoned")
        .push(raw.unwrap_or_default());
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let mood = {
        let realm = shared.realm.lock().expect("unpoisoned");
        if !bearer.is_some_and(|token| realm.tokens.contains(token)) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        realm.mood
    };
    match mood {
        Mood::Fine => {}
        Mood::Silent => pending().await,
        Mood::Held => shared.gate.acquire().await.expect("an open gate").forget(),
        Mood::Refusing(status) => return StatusCode::from_u16(status).expect("a status").into_response(),
        Mood::Elsewhere => return (StatusCode::FOUND, [(LOCATION, "/elsewhere")]).into_response(),
        Mood::Nonsense => return "<html>Log in</html>".into_response(),
        Mood::Endless => return format!("[\"{}\"]", "x".repeat(2 * 1024 * 1024)).into_response(),
    }
    let realm = shared.realm.lock().expect("unpoisoned");
    Json(found(&realm.people, &query)).into_response()
}

async fn elsewhere(State(shared): State<Arc<Shared>>) -> Json<Vec<Value>> {
    Json(shared.realm.lock().expect("unpoisoned").people.clone())
}

/// What Keycloak finds.
fn found(people: &[Value], query: &HashMap<String, String>) -> Vec<Value> {
    let number = |name: &str, default: usize| {
        query
            .get(name)
            .map_or(default, |value| value.parse().expect("a number"))
    };
    let is_enabled = |person: &&Value| !query.contains_key("enabled") || person["enabled"] == true;
    let hits = people
        .iter()
        .filter(|person| matches(person, query))
        .filter(is_enabled);
    let hits = hits.skip(number("first", 0)).take(number("max", 100)).cloned();
    let is_brief = query
        .get("briefRepresentation")
        .is_some_and(|value| value == "true");
    hits.map(|mut person| {
        if is_brief && let Some(fields) = person.as_object_mut() {
            fields.remove("attributes");
        }
        person
    })
    .collect()
}

fn matches(person: &Value, query: &HashMap<String, String>) -> bool {
    let text = |field: &str| person[field].as_str().unwrap_or_default().to_lowercase();
    if let Some(email) = query.get("email") {
        let email = email.to_lowercase();
        let is_exact = query.get("exact").is_some_and(|value| value == "true");
        return if is_exact {
            text("email") == email
        } else {
            text("email").contains(&email)
        };
    }
    let fields = ["username", "email", "firstName", "lastName"].map(text);
    let search = query.get("search").map_or("", String::as_str).to_lowercase();
    search
        .split_whitespace()
        .all(|word| fields.iter().any(|field| is_like(field, word)))
}

/// `*` stands for anything; what ends without one is a beginning.
fn is_like(field: &str, word: &str) -> bool {
    let wanted = word.trim_matches('*');
    if word.starts_with('*') {
        field.contains(wanted)
    } else {
        field.starts_with(wanted)
    }
}
