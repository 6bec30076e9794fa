//! What LiveKit tells a server by itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::Utc;
use jsonwebtoken::{EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{API_KEY, API_SECRET, FakeLivekit};
use crate::support::server::Server;

const PATH: &str = "/v1/livekit/webhook";

/// A token of LiveKit's for what it tells is good for that long.
const TOKEN_SECS: i64 = 300;

/// What LiveKit sends, and how it is signed.
#[derive(Debug, Clone)]
pub struct Told {
    /// A JWT without a scheme before it.
    pub authorization: Option<String>,
    pub body: String,
}

/// Signs a body as LiveKit does, with this key and secret, at a time so many seconds ago.
pub fn sign(body: &str, (key, secret): (&str, &str), age: i64) -> String {
    let now = Utc::now().timestamp() - age;
    let hash = STANDARD.encode(Sha256::digest(body));
    let claims = json!({"iss": key, "nbf": now, "exp": now + TOKEN_SECS, "sha256": hash});
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token")
}

impl Told {
    /// Signed as it should be.
    pub fn signed(body: String) -> Self {
        Self {
            authorization: Some(sign(&body, (API_KEY, API_SECRET), 0)),
            body,
        }
    }

    /// Sends it; answers the status.
    pub async fn send_to(self, server: &Server) -> u16 {
        let client = server.anonymous();
        let mut request = client
            .request(Method::POST, PATH)
            .header("content-type", "application/webhook+json")
            .body(self.body);
        if let Some(authorization) = self.authorization {
            request = request.header("authorization", authorization);
        }
        request.send().await.expect("an answer").status().as_u16()
    }
}

/// An event of now about a room.
pub fn event(name: &str, room: &str) -> Value {
    json!({
        "event": name, "id": "EV_1", "createdAt": Utc::now().timestamp().to_string(),
        "room": {"sid": format!("RM_{room}"), "name": room, "emptyTimeout": 300, "creationTime": "1764000000"},
    })
}

impl FakeLivekit {
    /// The event of somebody who has come, and is there.
    pub fn joined(&self, room: &str, identity: &str) -> Value {
        let person = self.person(room, identity).expect("somebody in LiveKit");
        let mut joined = event("participant_joined", room);
        joined["participant"] = person.told(identity);
        joined
    }

    /// Tells a server of an event, which takes it.
    pub async fn tell(&self, server: &Server, event: &Value) {
        let status = Told::signed(event.to_string()).send_to(server).await;
        assert_eq!(status, 200, "{event}");
    }
}
