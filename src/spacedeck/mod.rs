//! Whiteboards at Spacedeck, by its HTTP API.
//!
//! A whiteboard is a *space* there; its name says whose it is. What a process that died has left behind, or a deletion that failed, is
//! found by that name when the next one is made.

mod answers;
mod timeouts;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use colloquy_actors::whiteboard::Board;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout, timeout_at},
};
use url::Url;

use self::answers::{Listed, Made, Rendered};
pub use self::timeouts::SpacedeckTimeouts;
use crate::{
    breaker::{Breaker, WaitLimit},
    config,
    fetched_pdf::{FetchedPdf, PdfError},
    outgoing::{self, Waits},
    secrets::Secret,
};

/// Header of the key.
const KEY: &str = "x-spacedeck-api-token";

/// An answer; of a longer one the rest is not read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Calls at the same time, and PDFs that are made or fetched; further ones wait.
const CALLS_MAX: usize = 16;
const PDFS_MAX: usize = 4;

/// Whiteboards of one name that are deleted together.
const LEFT_MAX: usize = 16;

/// The longest pause between two tries of a deletion.
const RETRY_MAX: Duration = Duration::from_secs(8);

/// A client of Spacedeck with time limits and a breaker.
#[derive(Debug)]
pub struct Spacedeck {
    http: reqwest::Client,
    /// Ends with a slash.
    base: Url,
    api_key: Secret,
    timeouts: SpacedeckTimeouts,
    calls: Semaphore,
    pdfs: Arc<Semaphore>,
    breaker: Breaker,
    /// The last answer was a refusal, and the log says so.
    is_refused: AtomicBool,
}

/// What is to be deleted.
#[derive(Debug, Clone, Copy)]
enum Left<'a> {
    Id(&'a str),
    Named(&'a str),
}

/// Why Spacedeck was of no use. Nothing here repeats an address of a whiteboard: whoever has it draws there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpacedeckError {
    #[error("Spacedeck can't be reached")]
    Unreachable,
    #[error("Spacedeck has no such whiteboard")]
    NotFound,
    #[error("Spacedeck refuses: {0}")]
    Refused(StatusCode),
    #[error("Spacedeck's answer can't be read")]
    Unreadable,
    #[error("too much is asked of Spacedeck already")]
    Busy,
    #[error("Spacedeck names a PDF at another place")]
    Elsewhere,
    #[error("Spacedeck's PDF is of no use: {0}")]
    Pdf(#[from] PdfError),
}

impl Spacedeck {
    /// The one that is set up, if there is one.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn of_config(config: &config::Config) -> Result<Option<Self>, reqwest::Error> {
        let Some(base) = &config.whiteboard.base_url else {
            return Ok(None);
        };
        let key = config.whiteboard.api_key.clone();
        let key = key.unwrap_or_else(|| Secret::new(""));
        Self::new(&config.outgoing, base, key, SpacedeckTimeouts::default()).map(Some)
    }

    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        outgoing: &config::Outgoing,
        base: &Url,
        api_key: Secret,
        timeouts: SpacedeckTimeouts,
    ) -> Result<Self, reqwest::Error> {
        let waits = Waits {
            connect: timeouts.connect,
            read: None,
        };
        Ok(Self {
            http: outgoing::client(outgoing, base, waits)?,
            base: outgoing::as_folder(base),
            api_key,
            timeouts,
            calls: Semaphore::new(CALLS_MAX),
            pdfs: Arc::new(Semaphore::new(PDFS_MAX)),
            breaker: Breaker::new("Spacedeck", timeouts.pause, timeouts.probe),
            is_refused: AtomicBool::new(false),
        })
    }

    /// Makes a whiteboard. Those that had the name are returned, to be deleted: a list that does not come keeps no new one from being
    /// made.
    ///
    /// # Errors
    /// When Spacedeck does not make it.
    pub async fn create(&self, name: &str) -> Result<(Board, Vec<String>), SpacedeckError> {
        let left = timeout(self.timeouts.list, self.named(name)).await;
        let left = left
            .unwrap_or(Err(SpacedeckError::Unreachable))
            .unwrap_or_default();
        let space = json!({"artifacts": [], "name": name, "parent_space_id": null, "space_type": "space"});
        let request = self.request(Method::POST, &["api", "spaces"]).json(&space);
        let answer = self.call(request, WaitLimit::For(self.timeouts.place)).await?;
        let made: Made = parse(&answer)?;
        let board = made.board(&self.base).ok_or(SpacedeckError::Unreadable)?;
        Ok((board, left))
    }

    /// The ids of all whiteboards of a name.
    ///
    /// # Errors
    /// When Spacedeck can't say.
    pub async fn named(&self, name: &str) -> Result<Vec<String>, SpacedeckError> {
        let mut url = outgoing::below(&self.base, &["api", "spaces"]);
        url.query_pairs_mut().append_pair("search", name);
        let request = self.request_at(Method::GET, url);
        let answer = self.call(request, WaitLimit::For(self.timeouts.place)).await?;
        let listed: Vec<Listed> = parse(&answer)?;
        // Spacedeck looks for names that contain it.
        let ids = listed.into_iter().filter(|space| space.name == name);
        let ids = ids.filter_map(Listed::id).take(LEFT_MAX);
        Ok(ids.collect())
    }

    /// Deletes a whiteboard; one that is gone is fine. What fails is tried again for a while.
    ///
    /// # Errors
    /// When it is still there.
    pub async fn delete(&self, id: &str) -> Result<(), SpacedeckError> {
        let until = Instant::now() + self.timeouts.deletion;
        self.delete_all(Left::Id(id), until).await
    }

    /// The same with all that have a name.
    ///
    /// # Errors
    /// When one is still there.
    pub async fn delete_named(&self, name: &str) -> Result<(), SpacedeckError> {
        let until = Instant::now() + self.timeouts.deletion;
        self.delete_all(Left::Named(name), until).await?;
        // Who was making one may just have given up, and Spacedeck goes on: what comes of that is there by then.
        sleep(self.timeouts.call).await;
        self.delete_all(Left::Named(name), until).await
    }

    /// The whiteboard as a PDF, which comes whole within a minute or not at all.
    ///
    /// # Errors
    /// When Spacedeck makes none, or names a place that is not its own.
    pub async fn pdf(&self, id: &str) -> Result<FetchedPdf, SpacedeckError> {
        let until = Instant::now() + self.timeouts.pdf;
        let place = timeout_at(until, Arc::clone(&self.pdfs).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or(SpacedeckError::Busy)?;
        let request = self.request(Method::GET, &["api", "spaces", id, "pdf"]);
        let rendered: Rendered = parse(&self.render(request, until).await?)?;
        let url = rendered.url(&self.base).ok_or(SpacedeckError::Elsewhere)?;
        // The key is not for whoever keeps files.
        let response = timeout_at(until, self.http.get(url).send()).await;
        let response = response.map_err(|_| PdfError::TooSlow)?.map_err(unreachable)?;
        Ok(FetchedPdf::begin(response, until).await?.holding(place))
    }

    /// A call that takes as long as it takes: what it says of Spacedeck being there is nothing, and no other waits for its outcome.
    async fn render(&self, request: RequestBuilder, until: Instant) -> Result<Vec<u8>, SpacedeckError> {
        if !self.breaker.is_closed() {
            return Err(SpacedeckError::Unreachable);
        }
        let answer = timeout_at(until, ask(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(PdfError::TooSlow.into()));
        self.note_refusal(answer.as_ref().err());
        answer
    }

    /// Deletes until it is done. Who refuses does so the next time too.
    async fn delete_all(&self, left: Left<'_>, until: Instant) -> Result<(), SpacedeckError> {
        let mut pause = self.timeouts.retry;
        loop {
            let done = timeout_at(until, self.delete_once(left)).await;
            match done.unwrap_or(Err(SpacedeckError::Unreachable)) {
                Err(error)
                    if !matches!(error, SpacedeckError::Refused(_)) && Instant::now() + pause < until =>
                {
                    sleep(pause).await;
                    pause = RETRY_MAX.min(2 * pause);
                }
                done => return done,
            }
        }
    }

    /// Until the list of a name is empty: it shows a few at a time.
    async fn delete_once(&self, left: Left<'_>) -> Result<(), SpacedeckError> {
        loop {
            let ids = match left {
                Left::Id(id) => vec![id.to_owned()],
                Left::Named(name) => self.named(name).await?,
            };
            if ids.is_empty() {
                return Ok(());
            }
            for id in ids {
                let request = self.request(Method::DELETE, &["api", "spaces", &id]);
                match self.call(request, WaitLimit::UntilItIsUp).await {
                    Ok(_) | Err(SpacedeckError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            if let Left::Id(_) = left {
                return Ok(());
            }
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.request_at(method, outgoing::below(&self.base, path))
    }

    fn request_at(&self, method: Method, url: Url) -> RequestBuilder {
        // A key that no header holds is refused by the rules of the settings.
        let key = HeaderValue::from_str(self.api_key.reveal());
        let mut key = key.unwrap_or_else(|_| HeaderValue::from_static(""));
        key.set_sensitive(true);
        self.http.request(method, url).header(KEY, key)
    }

    /// Makes a call. Only what says that Spacedeck itself is not there counts against it.
    async fn call(&self, request: RequestBuilder, waits: WaitLimit) -> Result<Vec<u8>, SpacedeckError> {
        let pass = self
            .breaker
            .enter(waits)
            .await
            .ok_or(SpacedeckError::Unreachable)?;
        let time = self.timeouts.call;
        let place = timeout(time, self.calls.acquire()).await;
        let _place = place.map_err(|_| SpacedeckError::Busy)?;
        let answer = timeout(time, ask(request)).await;
        let answer = answer.unwrap_or(Err(SpacedeckError::Unreachable));
        match answer {
            Err(SpacedeckError::Unreachable) => pass.failed(),
            _ => pass.answered(),
        }
        self.note_refusal(answer.as_ref().err());
        answer
    }

    /// One line for refusals in a row: a wrong key is refused for every whiteboard.
    fn note_refusal(&self, error: Option<&SpacedeckError>) {
        let Some(SpacedeckError::Refused(status)) = error else {
            self.is_refused.store(false, Relaxed);
            return;
        };
        if !self.is_refused.swap(true, Relaxed) {
            tracing::warn!(%status, "Spacedeck refuses a call; are whiteboard.base_url and whiteboard.api_key right?");
        }
    }
}

async fn ask(request: RequestBuilder) -> Result<Vec<u8>, SpacedeckError> {
    let response = request.send().await.map_err(unreachable)?;
    match response.status() {
        status if status.is_success() => read(response).await,
        StatusCode::NOT_FOUND => Err(SpacedeckError::NotFound),
        // Who says so stands before a Spacedeck that is not there.
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Err(SpacedeckError::Unreachable)
        }
        status if status.is_server_error() => Err(SpacedeckError::Unreadable),
        status => Err(SpacedeckError::Refused(status)),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, SpacedeckError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(SpacedeckError::Unreadable);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn unreachable(error: reqwest::Error) -> SpacedeckError {
    tracing::debug!(error = %error.without_url(), "a call to Spacedeck failed");
    SpacedeckError::Unreachable
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, SpacedeckError> {
    serde_json::from_slice(answer).map_err(|_| SpacedeckError::Unreadable)
}
