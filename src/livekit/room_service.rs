//! LiveKit's `RoomService`: JSON over HTTP (Twirp), as its server API documents it.

use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;
use url::Url;

use super::breaker::Breaker;
use crate::config;

/// Wait for a connection, and for a whole call.
const CONNECT: Duration = Duration::from_secs(2);
const CALL: Duration = Duration::from_secs(5);

/// Calls at the same time; further ones wait.
const CALLS_MAX: usize = 32;

/// An answer; longer ones are refused.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A token for one call is good for that long.
const TOKEN_SECS: u64 = 60;

/// A client of `RoomService` with time limits and a breaker.
#[derive(Debug)]
pub struct RoomService {
    http: reqwest::Client,
    url: Url,
    api_key: String,
    key: EncodingKey,
    calls: Semaphore,
    breaker: Breaker,
}

/// Why a call was of no use.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The participant or room is not there: for most calls there is nothing to do then.
    #[error("not found")]
    NotFound,
    #[error("LiveKit refused: {0}")]
    Refused(reqwest::StatusCode),
    #[error("LiveKit can't be reached")]
    Unreachable,
}

/// The `video` claim of a token for the service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceGrant<'a> {
    room: &'a str,
    room_admin: bool,
    room_create: bool,
}

#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    nbf: u64,
    exp: u64,
    video: ServiceGrant<'a>,
}

/// A participant, as far as it matters here. Field names come in both spellings of protobuf's JSON.
#[derive(Debug, Deserialize)]
pub struct Participant {
    pub identity: String,
    #[serde(default)]
    pub tracks: Vec<Track>,
}

/// A published track.
#[derive(Debug, Deserialize)]
pub struct Track {
    pub sid: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub muted: bool,
}

impl Track {
    /// Whether it is a microphone that can be heard.
    #[must_use]
    pub fn is_live_microphone(&self) -> bool {
        self.source.eq_ignore_ascii_case("MICROPHONE") && !self.muted
    }
}

#[derive(Debug, Serialize)]
struct OfRoom<'a> {
    room: &'a str,
}

#[derive(Debug, Serialize)]
struct OfParticipant<'a> {
    room: &'a str,
    identity: &'a str,
}

/// What a participant may do.
#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub can_subscribe: bool,
    pub can_publish: bool,
    pub can_publish_data: bool,
    pub can_publish_sources: Vec<String>,
    pub hidden: bool,
}

/// An answer that says nothing.
#[derive(Debug, Deserialize)]
struct Ignored {}

impl RoomService {
    /// # Errors
    /// When no HTTP client can be made: without certificates of the system, for example.
    pub fn new(settings: &config::Livekit) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            url: super::as_http(&settings.service_url),
            api_key: settings.api_key.clone(),
            key: EncodingKey::from_secret(settings.api_secret.reveal().as_bytes()),
            calls: Semaphore::new(CALLS_MAX),
            breaker: Breaker::default(),
        })
    }

    pub async fn participants(&self, room: &str) -> Result<Vec<Participant>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            participants: Vec<Participant>,
        }
        let answer: Answer = self.call("ListParticipants", room, &OfRoom { room }).await?;
        Ok(answer.participants)
    }

    pub async fn participant(&self, room: &str, identity: &str) -> Result<Participant, CallError> {
        self.call("GetParticipant", room, &OfParticipant { room, identity })
            .await
    }

    pub async fn mute(&self, room: &str, identity: &str, track_sid: &str) -> Result<(), CallError> {
        #[derive(Serialize)]
        struct Body<'a> {
            room: &'a str,
            identity: &'a str,
            track_sid: &'a str,
            muted: bool,
        }
        let body = Body {
            room,
            identity,
            track_sid,
            muted: true,
        };
        let Ignored {} = self.call("MutePublishedTrack", room, &body).await?;
        Ok(())
    }

    pub async fn permit(&self, room: &str, identity: &str, permission: &Permission) -> Result<(), CallError> {
        #[derive(Serialize)]
        struct Body<'a> {
            room: &'a str,
            identity: &'a str,
            permission: &'a Permission,
        }
        let body = Body {
            room,
            identity,
            permission,
        };
        let Ignored {} = self.call("UpdateParticipant", room, &body).await?;
        Ok(())
    }

    pub async fn remove(&self, room: &str, identity: &str) -> Result<(), CallError> {
        let body = OfParticipant { room, identity };
        let Ignored {} = self.call("RemoveParticipant", room, &body).await?;
        Ok(())
    }

    pub async fn delete(&self, room: &str) -> Result<(), CallError> {
        let Ignored {} = self.call("DeleteRoom", room, &OfRoom { room }).await?;
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        room: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        // The semaphore is never closed.
        let _place = self.calls.acquire().await.map_err(|_| CallError::Unreachable)?;
        if !self.breaker.allows(Instant::now()) {
            return Err(CallError::Unreachable);
        }
        let answer = tokio::time::timeout(CALL, self.ask(method, room, body)).await;
        match answer.unwrap_or(Err(CallError::Unreachable)) {
            Err(CallError::Unreachable) => {
                self.breaker.failed(Instant::now());
                Err(CallError::Unreachable)
            }
            answer => {
                self.breaker.succeeded();
                answer
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        room: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let mut url = self.url.clone();
        let path = format!(
            "{}/twirp/livekit.RoomService/{method}",
            url.path().trim_end_matches('/')
        );
        url.set_path(&path);
        let unreachable = |error: reqwest::Error| {
            tracing::debug!(error = %error.without_url(), method, "a call to LiveKit failed");
            CallError::Unreachable
        };
        let request = self.http.post(url).bearer_auth(self.token(room)?).json(body);
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status == reqwest::StatusCode::NOT_FOUND {
            return Err(CallError::NotFound);
        }
        if status.is_client_error() {
            tracing::warn!(%status, method, "LiveKit refuses a call; are its key and secret right?");
            return Err(CallError::Refused(status));
        }
        if !status.is_success() {
            return Err(CallError::Unreachable);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(CallError::Unreachable);
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|_| CallError::Unreachable)
    }

    fn token(&self, room: &str) -> Result<String, CallError> {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = Claims {
            iss: &self.api_key,
            nbf: now,
            exp: now + TOKEN_SECS,
            video: ServiceGrant {
                room,
                room_admin: true,
                room_create: true,
            },
        };
        // Signing with a shared secret does not fail.
        jsonwebtoken::encode(&Header::default(), &claims, &self.key).map_err(|_| CallError::Unreachable)
    }
}
