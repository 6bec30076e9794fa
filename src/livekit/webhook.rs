//! What LiveKit tells by itself (`webhook:` of its configuration): who has come into which room, so that whoever should not be there
//! goes at once and not at the next look.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use colloquy_actors::livekit::{MediaRoom, Seen};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::shown::Participant;
use crate::config;

/// One event with its participant and all its tracks.
pub const WEBHOOK_BYTES_MAX: usize = 64 * 1024;

/// What is older, LiveKit has tried to tell for so long that a look has seen it.
const AGE_MAX: TimeDelta = TimeDelta::seconds(60);

/// Clocks of two machines.
const LEEWAY_SECS: u64 = 60;

/// Reads and checks what LiveKit tells.
#[derive(Clone)]
pub struct Webhook {
    key: DecodingKey,
    rules: Validation,
}

/// What LiveKit tells that matters here.
#[derive(Debug, PartialEq, Eq)]
pub enum WebhookEvent {
    /// Somebody has come into a room.
    Joined(MediaRoom, Seen),
    /// A room was made: somebody is about to come.
    Started(MediaRoom),
    /// Something else, or something of before.
    Nothing,
}

/// Why nothing is believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("not signed by LiveKit's key")]
    Unauthorized,
    #[error("not an event of LiveKit")]
    Malformed,
}

#[derive(Deserialize)]
struct Claims {
    sha256: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "event")]
    kind: String,
    #[serde(default)]
    room: Room,
    #[serde(default)]
    participant: Option<Participant>,
    /// Seconds; protobuf's JSON writes 64 bits as text.
    #[serde(default, alias = "createdAt")]
    created_at: Seconds,
}

#[derive(Deserialize, Default)]
struct Room {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

impl Default for Seconds {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Seconds {
    fn time(&self) -> Option<DateTime<Utc>> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        DateTime::from_timestamp(seconds, 0)
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Webhook {
    #[must_use]
    pub fn new(settings: &config::Livekit) -> Self {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[&settings.api_key]);
        rules.set_required_spec_claims(&["iss", "exp"]);
        rules.validate_nbf = true;
        rules.leeway = LEEWAY_SECS;
        Self {
            key: DecodingKey::from_secret(settings.api_secret.reveal().as_bytes()),
            rules,
        }
    }

    /// Whether a header can be of LiveKit, before the body is read: a token by its key. Returns what it says of the body.
    ///
    /// # Errors
    /// [`WebhookError::Unauthorized`].
    pub fn admit(&self, authorization: &str) -> Result<BodyHash, WebhookError> {
        let claims = jsonwebtoken::decode::<Claims>(authorization, &self.key, &self.rules);
        let claims = claims.map_err(|_| WebhookError::Unauthorized)?.claims;
        let hash = STANDARD.decode(claims.sha256);
        hash.map(BodyHash).map_err(|_| WebhookError::Unauthorized)
    }
}

/// The SHA-256 that a body must have.
#[derive(Debug)]
pub struct BodyHash(Vec<u8>);

impl BodyHash {
    /// What a body tells.
    ///
    /// # Errors
    /// When it is another body, or can't be read.
    pub fn read(&self, body: &[u8], now: DateTime<Utc>) -> Result<WebhookEvent, WebhookError> {
        if !bool::from(Sha256::digest(body).as_slice().ct_eq(&self.0)) {
            return Err(WebhookError::Unauthorized);
        }
        let body = std::str::from_utf8(body).map_err(|_| WebhookError::Malformed)?;
        let event: Event = serde_json::from_str(body).map_err(|_| WebhookError::Malformed)?;
        let is_old = event.created_at.time().is_none_or(|at| at < now - AGE_MAX);
        let Some(room) = event.room.name.parse().ok().filter(|_| !is_old) else {
            return Ok(WebhookEvent::Nothing);
        };
        Ok(match (&*event.kind, event.participant) {
            ("participant_joined", Some(participant)) => WebhookEvent::Joined(room, participant.into()),
            ("room_started", _) => WebhookEvent::Started(room),
            _ => WebhookEvent::Nothing,
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;
    use crate::secrets::Secret;

    const ROOM: &str = "00000000-0000-0000-0000-000000000001~1764000000";

    fn webhook() -> Webhook {
        Webhook::new(&config::Livekit {
            api_key: "key".to_owned(),
            api_secret: Secret::new("a secret"),
            ..config::Livekit::default()
        })
    }

    fn signed(iss: &str, secret: &str, body: &str, age: i64) -> String {
        let now = Utc::now().timestamp() - age;
        let hash = STANDARD.encode(Sha256::digest(body));
        let claims = json!({"iss": iss, "nbf": now, "exp": now + 300, "sha256": hash});
        jsonwebtoken::encode(
            &Header::default(),
            &claims,
            &EncodingKey::from_secret(secret.as_bytes()),
        )
        .unwrap()
    }

    fn read(body: &str) -> Result<WebhookEvent, WebhookError> {
        let hash = webhook().admit(&signed("key", "a secret", body, 0))?;
        hash.read(body.as_bytes(), Utc::now())
    }

    #[test]
    fn events_are_read_in_both_spellings() {
        let now = Utc::now().timestamp();
        let joined = json!({"event": "participant_joined", "room": {"name": ROOM, "sid": "RM_1"}, "id": "EV_1",
            "participant": {"identity": "a", "sid": "PA_1"}, "createdAt": now.to_string()});
        let other = json!({"event": "participant_joined", "room": {"name": ROOM}, "created_at": now,
            "participant": {"identity": "a", "sid": "PA_1", "kind": "STANDARD"}});
        let room: MediaRoom = ROOM.parse().unwrap();
        for event in [joined, other] {
            let WebhookEvent::Joined(told, seen) = read(&event.to_string()).unwrap() else {
                panic!("somebody has come");
            };
            assert_eq!((told, &*seen.identity, &*seen.sid), (room, "a", "PA_1"));
        }
        let started = json!({"event": "room_started", "room": {"name": ROOM}, "createdAt": now.to_string()});
        assert_eq!(read(&started.to_string()), Ok(WebhookEvent::Started(room)));
    }

    #[test]
    fn what_does_not_matter_is_nothing() {
        let now = Utc::now().timestamp();
        for event in [
            json!({"event": "participant_left", "room": {"name": ROOM}, "participant": {}, "createdAt": now}),
            json!({"event": "participant_joined", "room": {"name": ROOM}, "createdAt": now}),
            json!({"event": "participant_joined", "room": {"name": "lobby"}, "participant": {}, "createdAt": now}),
            json!({"event": "participant_joined", "room": {"name": ROOM}, "participant": {}, "createdAt": now - 90}),
            json!({"event": "room_started", "room": {"name": ROOM}}),
            json!({"event": "ingress_started"}),
        ] {
            assert_eq!(read(&event.to_string()), Ok(WebhookEvent::Nothing), "{event}");
        }
        assert_eq!(read("{"), Err(WebhookError::Malformed));
    }

    #[test]
    fn only_what_livekit_has_signed_is_believed() {
        let body = "{}";
        for token in [
            signed("other", "a secret", body, 0),
            signed("key", "another secret", body, 0),
            signed("key", "a secret", body, 1_000),
            signed("key", "a secret", body, -1_000),
            "x".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                webhook().admit(&token).err(),
                Some(WebhookError::Unauthorized),
                "{token}"
            );
        }
        let hash = webhook().admit(&signed("key", "a secret", body, 0)).unwrap();
        assert_eq!(hash.read(b"{ }", Utc::now()), Err(WebhookError::Unauthorized));
        let none = json!({"iss": "key", "exp": Utc::now().timestamp() + 60});
        let none =
            jsonwebtoken::encode(&Header::default(), &none, &EncodingKey::from_secret(b"a secret")).unwrap();
        assert!(webhook().admit(&none).is_err(), "it must say what it is about");
    }
}
