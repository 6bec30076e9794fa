//! An identity provider in this process, whose userinfo takes its time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};

/// Tokens outlive the run.
const TOKEN_SECS: u64 = 3_600;

const KEY_ID: &str = "loadtest";

/// The provider's face for the run.
pub struct Issuer(Arc<Shared>);

struct Shared {
    url: String,
    client_id: String,
    key: EcdsaKeyPair,
    userinfo_time: Duration,
    asked: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error("no key can be made")]
    Key(#[from] Unspecified),
    #[error("the provider can't listen: {0}")]
    Listen(#[from] std::io::Error),
}

impl Issuer {
    /// Listens on loopback until the process ends; userinfo takes this long.
    pub async fn start(port: u16, client_id: &str, userinfo_time: Duration) -> Result<Self, IssuerError> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let shared = Arc::new(Shared {
            url: format!("http://{}", listener.local_addr()?),
            client_id: client_id.to_owned(),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            userinfo_time,
            asked: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self(shared))
    }

    /// Questions to userinfo so far.
    pub fn asked(&self) -> u64 {
        self.0.asked.load(Relaxed)
    }

    /// An access token of the `n`th person, which says all about that one.
    pub fn token(&self, n: u32) -> Result<String, Unspecified> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let mut claims = person(n);
        claims["iss"] = json!(self.0.url);
        claims["azp"] = json!(self.0.client_id);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + TOKEN_SECS);
        claims["sid"] = json!(format!("login {n} at {now}"));
        claims["scope"] = json!("openid profile email");
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": KEY_ID});
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.0.key.sign(&SystemRandom::new(), message.as_bytes())?;
        Ok(format!("{message}.{}", encode(signature)))
    }
}

/// What token and userinfo both say.
fn person(n: u32) -> Value {
    json!({
        "sub": format!("person-{n}"), "name": format!("Person {n}"), "given_name": "Person", "family_name": n.to_string(),
        "email": format!("person-{n}@example.org"), "email_verified": true, "x_grp": ["staff"],
    })
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn discovery(State(issuer): State<Arc<Shared>>) -> Json<Value> {
    let url = &issuer.url;
    Json(
        json!({"issuer": url, "jwks_uri": format!("{url}/keys"), "userinfo_endpoint": format!("{url}/userinfo")}),
    )
}

async fn keys(State(issuer): State<Arc<Shared>>) -> Json<Value> {
    // An uncompressed point: a byte that says so, then both coordinates.
    let point = issuer.key.public_key().as_ref();
    let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": KEY_ID, "use": "sig", "x": x, "y": y}]}))
}

async fn userinfo(State(issuer): State<Arc<Shared>>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    issuer.asked.fetch_add(1, Relaxed);
    sleep(issuer.userinfo_time).await;
    let person = headers
        .get(AUTHORIZATION)
        .and_then(|value| subject_of(value.to_str().ok()?.strip_prefix("Bearer ")?));
    person.map(person_answer).ok_or(StatusCode::UNAUTHORIZED)
}

fn person_answer(n: u32) -> Json<Value> {
    Json(person(n))
}

/// The number of the person that a token speaks for.
fn subject_of(token: &str) -> Option<u32> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["sub"].as_str()?.strip_prefix("person-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tokens_name_their_person_and_userinfo_knows_it() {
        let issuer = Issuer::start(0, "Frontend", Duration::ZERO).await.unwrap();
        let token = issuer.token(7).unwrap();
        assert_eq!(subject_of(&token), Some(7));
        assert_eq!(subject_of("a.b.c"), None);
        let http = reqwest::Client::new();
        let url = format!("{}/userinfo", issuer.0.url);
        let answer = http.get(&url).bearer_auth(&token).send().await.unwrap();
        let said: Value = answer.json().await.unwrap();
        assert_eq!(said, person(7));
        let stranger = http.get(&url).send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(issuer.asked(), 2);
    }
}
