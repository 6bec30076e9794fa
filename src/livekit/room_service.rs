//! LiveKit's `RoomService`: JSON over HTTP (Twirp), as its server API documents it.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Instant,
};

use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Semaphore, time::timeout};
use url::Url;

use super::{
    breaker::Breaker,
    messages::{
        ApiRefusal, Claims, Grant, Nothing, OfParticipant, OfRoom, OfTrack, Participant, Participants,
        Permission, Update,
    },
    timeouts::LivekitTimeouts,
};
use crate::{
    config,
    outgoing::{self, Waits},
};

/// Calls at the same time; further ones wait.
pub const CALLS_MAX: usize = 32;

/// An answer; longer ones are refused.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The list of a room's participants: some KiB for each of a thousand and their popouts.
pub const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A token for one call is good for that long.
const TOKEN_SECS: u64 = 60;

/// A client of `RoomService` with time limits and a breaker.
#[derive(Debug)]
pub struct RoomService {
    http: reqwest::Client,
    url: Url,
    api_key: String,
    key: EncodingKey,
    timeouts: LivekitTimeouts,
    calls: Semaphore,
    breaker: Breaker,
    /// The last answer was a refusal, and the log says so.
    is_refused: AtomicBool,
}

/// Why a call was of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The participant or room is not there: for most calls there is nothing to do then.
    #[error("not found")]
    NotFound,
    #[error("LiveKit refused: {0}")]
    Refused(StatusCode),
    #[error("too many calls to LiveKit are under way")]
    Busy,
    #[error("LiveKit can't be reached")]
    Unreachable,
}

impl RoomService {
    /// # Errors
    /// When no HTTP client can be made: without certificates of the system, for example.
    pub fn new(outgoing: &config::Outgoing, settings: &config::Livekit) -> Result<Self, reqwest::Error> {
        Self::with_timeouts(outgoing, settings, LivekitTimeouts::default())
    }

    /// # Errors
    /// The same as [`Self::new`].
    pub fn with_timeouts(
        outgoing: &config::Outgoing,
        settings: &config::Livekit,
        timeouts: LivekitTimeouts,
    ) -> Result<Self, reqwest::Error> {
        let waits = Waits {
            connect: timeouts.connect,
            read: None,
        };
        Ok(Self {
            http: outgoing::client(outgoing, &settings.service_url, waits)?,
            url: super::as_http(&settings.service_url),
            api_key: settings.api_key.clone(),
            key: EncodingKey::from_secret(settings.api_secret.reveal().as_bytes()),
            timeouts,
            calls: Semaphore::new(CALLS_MAX),
            breaker: Breaker::new(timeouts.pause),
            is_refused: AtomicBool::new(false),
        })
    }

    pub(super) fn timeouts(&self) -> LivekitTimeouts {
        self.timeouts
    }

    pub async fn participants(&self, room: &str) -> Result<Vec<Participant>, CallError> {
        let grant = admin(room);
        let answer: Participants = self
            .call("ListParticipants", grant, &OfRoom { room }, LIST_BYTES_MAX)
            .await?;
        Ok(answer.participants)
    }

    pub async fn participant(&self, room: &str, identity: &str) -> Result<Participant, CallError> {
        let body = OfParticipant { room, identity };
        self.call("GetParticipant", admin(room), &body, ANSWER_BYTES_MAX)
            .await
    }

    pub async fn mute(&self, room: &str, identity: &str, track_sid: &str) -> Result<(), CallError> {
        let body = OfTrack {
            room,
            identity,
            track_sid,
            muted: true,
        };
        self.order("MutePublishedTrack", admin(room), &body).await
    }

    pub async fn permit(&self, room: &str, identity: &str, permission: &Permission) -> Result<(), CallError> {
        let body = Update {
            room,
            identity,
            permission,
        };
        self.order("UpdateParticipant", admin(room), &body).await
    }

    pub async fn remove(&self, room: &str, identity: &str) -> Result<(), CallError> {
        let body = OfParticipant { room, identity };
        self.order("RemoveParticipant", admin(room), &body).await
    }

    /// LiveKit wants the same grant for the end of a room as for its beginning.
    pub async fn delete(&self, room: &str) -> Result<(), CallError> {
        let grant = Grant::Create { room_create: true };
        self.order("DeleteRoom", grant, &OfRoom { room }).await
    }

    async fn order(&self, method: &str, grant: Grant<'_>, body: &impl Serialize) -> Result<(), CallError> {
        let Nothing {} = self.call(method, grant, body, ANSWER_BYTES_MAX).await?;
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        grant: Grant<'_>,
        body: &impl Serialize,
        bytes_max: usize,
    ) -> Result<T, CallError> {
        if self.breaker.is_open(Instant::now()) {
            return Err(CallError::Unreachable);
        }
        let place = timeout(self.timeouts.place, self.calls.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(CallError::Busy);
        };
        // Much may have happened before there was a place.
        if !self.breaker.allows(Instant::now()) {
            return Err(CallError::Unreachable);
        }
        let answer = timeout(self.timeouts.call, self.ask(method, grant, body, bytes_max)).await;
        let answer = answer.unwrap_or(Err(CallError::Unreachable));
        if matches!(answer, Err(CallError::Unreachable)) {
            self.breaker.failed(Instant::now());
        } else {
            self.breaker.succeeded();
            self.note_refusal(method, answer.as_ref().err());
        }
        answer
    }

    /// One line for refusals in a row: a wrong secret is refused for every participant.
    fn note_refusal(&self, method: &str, error: Option<&CallError>) {
        let Some(CallError::Refused(status)) = error else {
            self.is_refused.store(false, Relaxed);
            return;
        };
        if !self.is_refused.swap(true, Relaxed) {
            tracing::warn!(%status, method, "LiveKit refuses a call; are its URL, key and secret right?");
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        grant: Grant<'_>,
        body: &impl Serialize,
        bytes_max: usize,
    ) -> Result<T, CallError> {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/twirp/livekit.RoomService/{method}"));
        let request = self.http.post(url).bearer_auth(self.token(grant)?).json(body);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() && is_json(&response) {
            let answer = read(response, bytes_max).await?;
            // Of what is ignored, serde_json does not look whether it is UTF-8.
            let answer = std::str::from_utf8(&answer).map_err(|_| CallError::Unreachable)?;
            return serde_json::from_str(answer).map_err(|_| CallError::Unreachable);
        }
        if status == StatusCode::NOT_FOUND && is_json(&response) {
            // A wrong path is "not found" as well, with another code.
            let refusal = serde_json::from_slice(&read(response, ANSWER_BYTES_MAX).await?);
            if refusal.is_ok_and(|ApiRefusal { code }| code == "not_found") {
                return Err(CallError::NotFound);
            }
        }
        if status.is_client_error() {
            return Err(CallError::Refused(status));
        }
        tracing::debug!(%status, method, "LiveKit answers nonsense, or that it has a problem");
        Err(CallError::Unreachable)
    }

    fn token(&self, video: Grant<'_>) -> Result<String, CallError> {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = Claims {
            iss: &self.api_key,
            nbf: now,
            exp: now + TOKEN_SECS,
            video,
        };
        // Signing with a shared secret does not fail.
        jsonwebtoken::encode(&Header::default(), &claims, &self.key).map_err(|_| CallError::Unreachable)
    }
}

fn admin(room: &str) -> Grant<'_> {
    Grant::Admin {
        room,
        room_admin: true,
    }
}

fn unreachable(error: reqwest::Error) -> CallError {
    tracing::debug!(error = %error.without_url(), "a call to LiveKit failed");
    CallError::Unreachable
}

fn is_json(response: &Response) -> bool {
    let value = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(CallError::Unreachable);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
