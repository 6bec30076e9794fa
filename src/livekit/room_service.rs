//! LiveKit's `RoomService`: JSON over HTTP (Twirp), as its server API documents it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use colloquy_actors::livekit::Seen;
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use url::Url;

use super::{
    looks::Pace,
    messages::{
        ApiRefusal, Claims, Grant, NewPermission, NewRoom, Nothing, OfAll, OfParticipant, OfRoom, OfTrack,
        Participants, Rooms, Update,
    },
    shown::Participant,
    timeouts::LivekitTimeouts,
};
use crate::{
    breaker::{Breaker, WaitLimit},
    config,
    outgoing::{self, Waits},
};

/// Calls at the same time; further ones wait.
pub const CALLS_MAX: usize = 32;

/// An answer; longer ones are refused.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The list of a room's participants, or of all rooms: 500 people with two tracks each are 1.5 MB.
pub const LIST_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Lists that are read at the same time: they may be long.
const LISTS_MAX: usize = 4;

/// Removals at the same time: about those who were on a node that is dead, LiveKit thinks for three seconds each.
const REMOVALS_MAX: usize = 8;

/// Rooms that are made or deleted at the same time: whoever whispers may ask for many.
const ROOMS_MAX: usize = 8;

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
    lists: Semaphore,
    removals: Semaphore,
    rooms: Semaphore,
    breaker: Breaker,
    pub(super) pace: Pace,
    /// The last answer was a refusal, and the log says so.
    is_refused: AtomicBool,
    /// Whether it was said that there is no LiveKit.
    has_told_absence: AtomicBool,
    /// When LiveKit did what it was asked, and when it told something by itself.
    succeeded_at: Mutex<Option<Instant>>,
    told_at: Mutex<Option<Instant>>,
}

/// LiveKit's own word, a webhook, counts so long as a sign that there are more to come.
const WEBHOOKS_SECS: u64 = 900;

fn note(at: &Mutex<Option<Instant>>) {
    *at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

fn is_within(at: &Mutex<Option<Instant>>, time: Duration) -> bool {
    let at = *at.lock().unwrap_or_else(PoisonError::into_inner);
    at.is_some_and(|at| at.elapsed() < time)
}

/// Why a call was of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The participant or room is not there: for most calls there is nothing to do then.
    #[error("not found")]
    NotFound,
    /// LiveKit lives and can't do it: it is busy, or the participant is not there (before version 1.9), or was on a node that is dead.
    #[error("LiveKit can't do that now")]
    Unavailable,
    /// It lives, and has a problem.
    #[error("LiveKit has a problem")]
    Failed,
    #[error("LiveKit refused: {0}")]
    Refused(StatusCode),
    #[error("LiveKit's answer can't be read")]
    Unreadable,
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
            lists: Semaphore::new(LISTS_MAX),
            removals: Semaphore::new(REMOVALS_MAX),
            rooms: Semaphore::new(ROOMS_MAX),
            breaker: Breaker::new("LiveKit", timeouts.pause, timeouts.probe),
            pace: Pace::new(timeouts.look),
            is_refused: AtomicBool::new(false),
            has_told_absence: AtomicBool::new(false),
            succeeded_at: Mutex::default(),
            told_at: Mutex::default(),
        })
    }

    pub(super) fn timeouts(&self) -> LivekitTimeouts {
        self.timeouts
    }

    /// How long those wait who are told when LiveKit is away.
    pub(super) fn soon(&self) -> WaitLimit {
        WaitLimit::For(self.timeouts.place)
    }

    /// LiveKit has told something by itself.
    pub fn note_webhook(&self) {
        note(&self.told_at);
    }

    /// Whether it does so, as far as is known.
    #[must_use]
    pub fn has_webhooks(&self) -> bool {
        is_within(&self.told_at, Duration::from_secs(WEBHOOKS_SECS))
    }

    /// Whether no call of any room has come to anything for a while.
    pub(super) fn is_silent(&self) -> bool {
        !is_within(&self.succeeded_at, self.timeouts.silence)
    }

    /// Who is in a room; nobody is in one that does not exist.
    pub(super) async fn participants(&self, room: &str, waits: WaitLimit) -> Result<Vec<Seen>, CallError> {
        let body = OfRoom { room };
        let list: Participants = self.list("ListParticipants", admin(room), &body, waits).await?;
        Ok(list.participants.into_iter().map(Into::into).collect())
    }

    /// A long list takes a while to be read, and others wait for this thread.
    async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        method: &str,
        grant: Grant<'_>,
        body: &impl Serialize,
        waits: WaitLimit,
    ) -> Result<T, CallError> {
        let answer = self.call(method, grant, body, (Some(&self.lists), waits)).await?;
        let list = tokio::task::spawn_blocking(move || parse(&answer));
        list.await.unwrap_or(Err(CallError::Unreadable))
    }

    pub(super) async fn participant(&self, room: &str, identity: &str) -> Result<Seen, CallError> {
        let body = OfParticipant { room, identity };
        let limits = (None, self.soon());
        let answer = self.call("GetParticipant", admin(room), &body, limits).await?;
        Ok(parse::<Participant>(&answer)?.into())
    }

    /// The names of all rooms.
    ///
    /// # Errors
    /// When LiveKit can't say.
    pub async fn rooms(&self) -> Result<Vec<String>, CallError> {
        let grant = Grant::List { room_list: true };
        let list: Rooms = self.list("ListRooms", grant, &OfAll {}, self.soon()).await?;
        Ok(list.rooms.into_iter().map(|room| room.name).collect())
    }

    pub(super) async fn mute(&self, room: &str, identity: &str, track_sid: &str) -> Result<(), CallError> {
        let body = OfTrack {
            room,
            identity,
            track_sid,
            muted: true,
        };
        self.order("MutePublishedTrack", admin(room), &body, self.soon())
            .await
    }

    pub(super) async fn permit(
        &self,
        room: &str,
        identity: &str,
        permission: &NewPermission,
    ) -> Result<(), CallError> {
        let body = Update {
            room,
            identity,
            permission,
        };
        self.order("UpdateParticipant", admin(room), &body, self.soon())
            .await
    }

    pub(super) async fn remove(&self, room: &str, identity: &str) -> Result<(), CallError> {
        let body = OfParticipant { room, identity };
        let _turn = self.removals.acquire().await.map_err(|_| CallError::Busy)?;
        self.order("RemoveParticipant", admin(room), &body, WaitLimit::UntilItIsUp)
            .await
    }

    /// One that exists stays as it is. One that nobody enters LiveKit deletes by itself after some minutes.
    pub(super) async fn create(&self, name: &str) -> Result<(), CallError> {
        let grant = Grant::Create { room_create: true };
        let _turn = self.rooms.acquire().await.map_err(|_| CallError::Busy)?;
        self.order("CreateRoom", grant, &NewRoom { name }, self.soon())
            .await
    }

    /// LiveKit wants the same grant for the end of a room as for its beginning.
    ///
    /// # Errors
    /// When LiveKit does not do it; one that does not exist is [`CallError::NotFound`].
    pub async fn delete(&self, room: &str) -> Result<(), CallError> {
        let grant = Grant::Create { room_create: true };
        let _turn = self.rooms.acquire().await.map_err(|_| CallError::Busy)?;
        self.order("DeleteRoom", grant, &OfRoom { room }, WaitLimit::UntilItIsUp)
            .await
    }

    async fn order(
        &self,
        method: &str,
        grant: Grant<'_>,
        body: &impl Serialize,
        waits: WaitLimit,
    ) -> Result<(), CallError> {
        let answer = self.call(method, grant, body, (None, waits)).await?;
        let Nothing {} = parse(&answer)?;
        Ok(())
    }

    /// Makes a call; one whose answer is a list has a place among those (`lists`). Only what says that LiveKit itself is not there
    /// counts against it: no connection, no answer in time, or one that is not LiveKit's.
    async fn call(
        &self,
        method: &str,
        grant: Grant<'_>,
        body: &impl Serialize,
        (lists, waits): (Option<&Semaphore>, WaitLimit),
    ) -> Result<Vec<u8>, CallError> {
        let (pass, _place) = loop {
            let pass = self.breaker.enter(waits).await.ok_or(CallError::Unreachable)?;
            let place = async {
                let list = match lists {
                    Some(lists) => Some(lists.acquire().await.map_err(|_| CallError::Busy)?),
                    None => None,
                };
                let call = self.calls.acquire().await.map_err(|_| CallError::Busy)?;
                Ok::<_, CallError>((list, call))
            };
            let place = match waits {
                WaitLimit::UntilItIsUp => place.await?,
                WaitLimit::For(time) => timeout(time, place).await.map_err(|_| CallError::Busy)??,
            };
            // Much may have happened before there was a place.
            if pass.is_good() {
                break (pass, place);
            }
        };
        let bytes_max = if lists.is_some() {
            LIST_BYTES_MAX
        } else {
            ANSWER_BYTES_MAX
        };
        let answer = timeout(self.timeouts.call, self.ask(method, grant, body, bytes_max)).await;
        let answer = answer.unwrap_or(Err(CallError::Unreachable));
        match &answer {
            Err(CallError::Unreachable) => pass.failed(),
            // It is LiveKit's as far as it goes: this call alone has failed.
            Err(CallError::Unreadable) => pass.answered(),
            Err(error) => {
                pass.answered();
                self.note_refusal(method, Some(error));
            }
            Ok(_) => {
                pass.answered();
                note(&self.succeeded_at);
                self.note_refusal(method, None);
            }
        }
        answer
    }

    /// At the first meeting without LiveKit: that there is none, and how to get one. Later it is the breaker that speaks.
    pub(super) fn note_absence(&self) {
        if self.is_silent() && !self.has_told_absence.swap(true, Relaxed) {
            tracing::info!(
                url = %self.url,
                "no LiveKit answers: people meet without sound and pictures. To try it: livekit-server --dev (https://docs.livekit.io), \
                 or set livekit.* (docs/operating.md, LiveKit)"
            );
        }
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

    async fn ask(
        &self,
        method: &str,
        grant: Grant<'_>,
        body: &impl Serialize,
        bytes_max: usize,
    ) -> Result<Vec<u8>, CallError> {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/twirp/livekit.RoomService/{method}"));
        let request = self.http.post(url).bearer_auth(self.token(grant)?).json(body);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !is_json(&response) {
            tracing::debug!(%status, method, "who answers is not LiveKit");
            // LiveKit says in plain text that a token is wrong; anything else is of a proxy before it.
            let is_refusal = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            return Err(if is_refusal {
                CallError::Refused(status)
            } else {
                CallError::Unreachable
            });
        }
        if status.is_success() {
            return read(response, bytes_max).await;
        }
        let refusal = parse::<ApiRefusal>(&read(response, ANSWER_BYTES_MAX).await?);
        let code = refusal.map(|refusal| refusal.code).unwrap_or_default();
        Err(match (status, &*code) {
            // A wrong path is "not found" as well, with another code.
            (StatusCode::NOT_FOUND, "not_found") => CallError::NotFound,
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable") => CallError::Unavailable,
            _ if status.is_client_error() => CallError::Refused(status),
            // Any other word of Twirp's is one of a LiveKit that lives and has a problem.
            (_, "internal" | "unknown" | "deadline_exceeded" | "resource_exhausted" | "aborted") => {
                tracing::debug!(%status, method, code, "LiveKit has a problem");
                CallError::Failed
            }
            _ => {
                tracing::debug!(%status, method, "who answers is not LiveKit");
                CallError::Unreachable
            }
        })
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

/// Of what is ignored, `serde_json` does not look whether it is UTF-8.
fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, CallError> {
    let answer = std::str::from_utf8(answer).map_err(|_| CallError::Unreadable)?;
    serde_json::from_str(answer).map_err(|_| CallError::Unreadable)
}

async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(CallError::Unreadable);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
