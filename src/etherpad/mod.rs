//! Pads at Etherpad, by its HTTP API (version 1) and the pages of two plugins.
//!
//! A pad belongs to a *group*, which its room's name finds again. Who may come in has a *session* of the group: one that may write is
//! Etherpad's own, one that may not is that of a plugin. Without the plugins people get links that they share (`etherpad.access`).

mod answers;
mod lane;
mod timeouts;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

pub use self::{
    lane::{Lane, Places},
    timeouts::EtherpadTimeouts,
};
use crate::{
    breaker::Breaker,
    config::{self, EtherpadAccess},
    fetched_pdf::PdfError,
    outgoing::{self, Waits},
    secrets::Secret,
};

/// Requests of one room at the same time, and of all of them; further ones wait.
pub const REQUESTS_PER_ROOM_MAX: usize = 4;
const REQUESTS_MAX: usize = 32;

/// PDFs that are made or fetched at the same time.
const PDFS_MAX: usize = 4;

/// An answer; of a longer one the rest is not read. The list of a group's sessions is the longest.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The name of every pad within its group.
const PAD_NAME: &str = "meeting_notes";

/// A client of Etherpad with time limits and a breaker.
#[derive(Debug)]
pub struct Etherpad {
    http: reqwest::Client,
    /// Ends with a slash.
    base: Url,
    api_key: Secret,
    access: EtherpadAccess,
    timeouts: EtherpadTimeouts,
    requests: Semaphore,
    pdfs: Arc<Semaphore>,
    breaker: Breaker,
    /// Methods that were refused last, as the log says, and an empty name for the key.
    refused: Mutex<BTreeSet<String>>,
}

/// A pad. Whoever knows its ids may get in where links are given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pad {
    group: Secret,
    /// Where links are given out: the id under which it can only be read.
    read_only: Option<Secret>,
}

/// How somebody gets into a pad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PadSession {
    /// None where links are given out.
    id: Option<Secret>,
    readonly: bool,
}

/// Whom a session is for.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    pub display_name: &'a str,
    pub participant: &'a str,
    pub readonly: bool,
    /// Of the session.
    pub lives: Duration,
}

/// Why Etherpad was of no use. Nothing here repeats what it said, or what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EtherpadError {
    #[error("Etherpad can't be reached")]
    Unreachable,
    #[error("Etherpad has no such group, pad or session")]
    Absent,
    #[error("Etherpad has it already")]
    There,
    #[error("Etherpad does not know the key")]
    WrongKey,
    #[error("Etherpad refuses with the code {0}")]
    Refused(i64),
    /// One of the plugins is missing, or the base URL is another one.
    #[error("Etherpad has no such page: {0}")]
    NoPage(StatusCode),
    #[error("Etherpad's answer can't be read")]
    Unreadable,
    #[error("too much is asked of Etherpad already")]
    Busy,
    #[error("Etherpad's PDF is of no use: {0}")]
    Pdf(#[from] PdfError),
}

impl Etherpad {
    /// The one that is set up, if there is one.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn of_config(config: &config::Config) -> Result<Option<Self>, reqwest::Error> {
        let timeouts = EtherpadTimeouts::default();
        let is_set_up = config.etherpad.base_url.is_some();
        let made = is_set_up.then(|| Self::new(&config.outgoing, &config.etherpad, timeouts));
        made.transpose().map(Option::flatten)
    }

    /// None without an address.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        outgoing: &config::Outgoing,
        settings: &config::EtherpadSettings,
        timeouts: EtherpadTimeouts,
    ) -> Result<Option<Self>, reqwest::Error> {
        let Some(base) = &settings.base_url else {
            return Ok(None);
        };
        let waits = Waits {
            connect: timeouts.connect,
            read: None,
        };
        let key = settings.api_key.clone();
        Ok(Some(Self {
            http: outgoing::client(outgoing, base, waits)?,
            base: outgoing::as_folder(base),
            api_key: key.unwrap_or_else(|| Secret::new("")),
            access: settings.access,
            timeouts,
            requests: Semaphore::new(REQUESTS_MAX),
            pdfs: Arc::new(Semaphore::new(PDFS_MAX)),
            breaker: Breaker::new("Etherpad", timeouts.pause, timeouts.probe),
            refused: Mutex::default(),
        }))
    }

    /// Where somebody gets into a pad: a secret of whoever gets it.
    #[must_use]
    pub fn url(&self, pad: &Pad, session: &PadSession) -> Url {
        match (&session.id, &pad.read_only) {
            (Some(id), _) => {
                let mut url = outgoing::below(&self.base, &["auth_session"]);
                url.query_pairs_mut()
                    .append_pair("sessionID", id.reveal())
                    .append_pair("padName", PAD_NAME)
                    .append_pair("groupID", pad.group.reveal());
                url
            }
            (None, Some(read_only)) if session.readonly => {
                outgoing::below(&self.base, &["p", read_only.reveal()])
            }
            (None, _) => outgoing::below(&self.base, &["p", &pad.id()]),
        }
    }

    /// Shows Etherpad the key; of plugins nothing is seen.
    ///
    /// # Errors
    /// When Etherpad does not answer, or not to this key.
    pub async fn greet(&self) -> Result<(), EtherpadError> {
        let places = Places::default();
        let lane = Lane {
            etherpad: self,
            places: &places,
        };
        // Which version 1 of the API has not.
        lane.order(&["api", "1.2.1", "checkToken"], &[]).await
    }
}

impl Pad {
    fn id(&self) -> String {
        format!("{}${PAD_NAME}", self.group.reveal())
    }
}

impl Etherpad {
    async fn ask(&self, path: &[&str], parameters: &[(&str, &str)]) -> Result<Vec<u8>, EtherpadError> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("apikey", self.api_key.reveal())
            .extend_pairs(parameters)
            .finish();
        let request = self
            .http
            .post(outgoing::below(&self.base, path))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let response = request.send().await.map_err(unreachable)?;
        match response.status() {
            status if status.is_success() => read(response).await,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(EtherpadError::WrongKey),
            // Who says so stands before an Etherpad that is not there.
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                Err(EtherpadError::Unreachable)
            }
            status if status.is_server_error() => Err(EtherpadError::Unreadable),
            status => Err(EtherpadError::NoPage(status)),
        }
    }

    /// One line for refusals of a method in a row: a wrong key, or a plugin that is not there, is refused for every participant.
    fn note_refusal(&self, path: &[&str], error: Option<&EtherpadError>) {
        let Some(method) = path.last() else { return };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // A wrong key is refused everywhere.
        let (error, what) = match error {
            Some(error @ EtherpadError::WrongKey) => (error, ""),
            Some(error @ EtherpadError::NoPage(_)) => (error, *method),
            _ => {
                refused.remove("");
                refused.remove(*method);
                return;
            }
        };
        if refused.insert(what.to_owned()) {
            tracing::warn!(
                %error, method,
                "Etherpad refuses a call; are etherpad.base_url and etherpad.api_key right, and has it the plugins that etherpad.access asks for?"
            );
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, EtherpadError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(EtherpadError::Unreadable);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn unreachable(error: reqwest::Error) -> EtherpadError {
    tracing::debug!(error = %error.without_url(), "a call to Etherpad failed");
    EtherpadError::Unreachable
}
