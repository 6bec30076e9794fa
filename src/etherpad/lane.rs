//! What is asked for a room: a few requests at a time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::{COOKIE, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Mutex, MutexGuard, Semaphore},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    Etherpad, EtherpadError, Guest, PAD_NAME, Pad, PadSession, REQUESTS_PER_ROOM_MAX,
    answers::{Answer, Author, Group, MadeSession, Nothing, ReadOnly, Sessions},
    unreachable,
};
use crate::{
    breaker::WaitLimit,
    config::EtherpadAccess,
    fetched_pdf::{FetchedPdf, PdfError},
    outgoing,
    secrets::Secret,
};

/// The longest pause between two tries.
const RETRY_MAX: Duration = Duration::from_secs(8);

/// Etherpad may lose a PDF that it has made: it deletes the file while it sends it (1.8.14).
const EXPORTS_MAX: usize = 4;

/// Those that may have their turn before one of a room's requests.
const REQUESTS_MAX_BEFORE: u32 = 4;

/// The places of one room's requests.
#[derive(Debug)]
pub struct Places {
    requests: Semaphore,
    /// Etherpad keeps a group's sessions as one record, which it reads, changes and writes: of two changes at once it may lose one (1.8.14),
    /// and with it the session, which nobody would find any more.
    sessions: Mutex<()>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            requests: Semaphore::new(REQUESTS_PER_ROOM_MAX),
            sessions: Mutex::default(),
        }
    }
}

/// The requests of one room.
#[derive(Debug, Clone, Copy)]
pub struct Lane<'a> {
    pub etherpad: &'a Etherpad,
    pub places: &'a Places,
}

impl Lane<'_> {
    /// Makes an empty pad under a name; what is left of an earlier one goes.
    ///
    /// # Errors
    /// When Etherpad does not make it.
    pub async fn open(&self, name: &str) -> Result<Pad, EtherpadError> {
        let group = self.group(name).await?;
        if self.has_sessions() {
            self.clear(&group).await?;
        }
        let pad = Pad {
            group,
            read_only: None,
        };
        let id = pad.id();
        gone(self.order(&["api", "1", "deletePad"], &[("padID", &id)]).await)?;
        let of_group = [
            ("groupID", pad.group.reveal()),
            ("padName", PAD_NAME),
            ("text", ""),
        ];
        let made = self.order(&["api", "1", "createGroupPad"], &of_group).await;
        match made {
            // A repeat whose answer was lost.
            Ok(()) | Err(EtherpadError::There) => {}
            Err(error) => return Err(error),
        }
        if self.has_sessions() {
            return Ok(pad);
        }
        let public = [("padID", &*id), ("publicStatus", "true")];
        self.order(&["api", "1", "setPublicStatus"], &public).await?;
        self.with_read_only(pad).await
    }

    /// The pad that has been made under a name before.
    ///
    /// # Errors
    /// When Etherpad can't say.
    pub async fn find(&self, name: &str) -> Result<Pad, EtherpadError> {
        let pad = Pad {
            group: self.group(name).await?,
            read_only: None,
        };
        if self.has_sessions() {
            Ok(pad)
        } else {
            self.with_read_only(pad).await
        }
    }

    async fn with_read_only(&self, pad: Pad) -> Result<Pad, EtherpadError> {
        let id = pad.id();
        let read_only: ReadOnly = self
            .call(&["api", "1.2.1", "getReadOnlyID"], &[("padID", &id)])
            .await?;
        Ok(Pad {
            read_only: Some(Secret::new(read_only.id)),
            ..pad
        })
    }

    fn has_sessions(&self) -> bool {
        self.etherpad.access == EtherpadAccess::Sessions
    }

    async fn group(&self, name: &str) -> Result<Secret, EtherpadError> {
        let group: Group = self
            .call(
                &["api", "1", "createGroupIfNotExistsFor"],
                &[("groupMapper", name)],
            )
            .await?;
        Ok(Secret::new(group.id))
    }

    /// Lets somebody in.
    ///
    /// # Errors
    /// When Etherpad does not do it.
    pub async fn admit(&self, pad: &Pad, guest: Guest<'_>) -> Result<PadSession, EtherpadError> {
        let readonly = guest.readonly;
        if !self.has_sessions() {
            return Ok(PadSession { id: None, readonly });
        }
        let of_author = [("name", guest.display_name), ("authorMapper", guest.participant)];
        let author: Author = self
            .call(&["api", "1", "createAuthorIfNotExistsFor"], &of_author)
            .await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = (now + guest.lives).as_secs().to_string();
        let of_session = [
            ("groupID", pad.group.reveal()),
            ("authorID", &author.id),
            ("validUntil", &until),
        ];
        let path: &[&str] = if readonly {
            &["readSession", "createReadSession"]
        } else {
            &["api", "1", "createSession"]
        };
        let _turn = self.turn_at_sessions().await?;
        let made: MadeSession = self.call(path, &of_session).await?;
        let id = Some(Secret::new(made.id));
        Ok(PadSession { id, readonly })
    }

    /// Ends a session; one that has ended is fine. What fails is tried again for a while.
    ///
    /// # Errors
    /// When it may live on until it ends by itself.
    pub async fn dismiss(&self, session: &PadSession) -> Result<(), EtherpadError> {
        let Some(id) = &session.id else { return Ok(()) };
        let limit = self.etherpad.timeouts.dismissal;
        self.persist(limit, || self.dismiss_once(id.reveal(), session.readonly))
            .await
    }

    async fn dismiss_once(&self, id: &str, readonly: bool) -> Result<(), EtherpadError> {
        let path: &[&str] = if readonly {
            &["readSession", "deleteSession"]
        } else {
            &["api", "1", "deleteSession"]
        };
        let _turn = self.turn_at_sessions().await?;
        gone(self.order(path, &[("sessionID", id)]).await)
    }

    /// The only one to change the sessions of the room's group.
    async fn turn_at_sessions(&self) -> Result<MutexGuard<'_, ()>, EtherpadError> {
        // All others of the room may be before it.
        let time = self.etherpad.timeouts.call * REQUESTS_MAX_BEFORE;
        let turn = timeout(time, self.places.sessions.lock()).await;
        turn.map_err(|_| EtherpadError::Busy)
    }

    /// Ends all sessions of a pad.
    ///
    /// # Errors
    /// When some may live on.
    pub async fn dismiss_all(&self, pad: &Pad) -> Result<(), EtherpadError> {
        if self.has_sessions() {
            self.clear(&pad.group).await
        } else {
            Ok(())
        }
    }

    async fn clear(&self, group: &Secret) -> Result<(), EtherpadError> {
        let of_group = [("groupID", group.reveal())];
        let listed = self.call(&["api", "1", "listSessionsOfGroup"], &of_group).await;
        let sessions: Sessions = match listed {
            Err(EtherpadError::Absent) => return Ok(()),
            listed => listed?,
        };
        // Nobody knows any more which of them may only read.
        let ends = sessions.ids().into_iter().map(|id| async move {
            self.dismiss_once(&id, true).await?;
            self.dismiss_once(&id, false).await
        });
        stream::iter(ends)
            .buffer_unordered(REQUESTS_PER_ROOM_MAX)
            .try_collect()
            .await
    }

    /// Deletes the pad of a name and all that belongs to it. What fails is tried again for a while.
    ///
    /// # Errors
    /// When something of it is still there.
    pub async fn delete(&self, name: &str) -> Result<(), EtherpadError> {
        let limit = self.etherpad.timeouts.deletion;
        self.persist(limit, || self.delete_once(name)).await
    }

    async fn delete_once(&self, name: &str) -> Result<(), EtherpadError> {
        let pad = Pad {
            group: self.group(name).await?,
            read_only: None,
        };
        let id = pad.id();
        gone(self.order(&["api", "1", "deletePad"], &[("padID", &id)]).await)?;
        let of_group = [("groupID", pad.group.reveal())];
        if self.has_sessions() {
            gone(self.order(&["readSession", "deleteGroup"], &of_group).await)?;
        }
        gone(self.order(&["api", "1", "deleteGroup"], &of_group).await)
    }

    /// The pad as a PDF, as a session sees it; it comes whole within a minute or not at all.
    ///
    /// # Errors
    /// When Etherpad makes none.
    pub async fn pdf(&self, pad: &Pad, session: &PadSession) -> Result<FetchedPdf, EtherpadError> {
        let etherpad = self.etherpad;
        let until = Instant::now() + etherpad.timeouts.pdf;
        let place = timeout_at(until, Arc::clone(&etherpad.pdfs).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or(EtherpadError::Busy)?;
        let mut tries = 1;
        loop {
            match self.export(pad, session, until).await {
                Err(EtherpadError::Pdf(PdfError::Status(status)))
                    if status.is_server_error() && tries < EXPORTS_MAX =>
                {
                    tries += 1;
                    timeout_at(until, sleep(etherpad.timeouts.retry))
                        .await
                        .map_err(|_| PdfError::TooSlow)?;
                }
                exported => return Ok(exported?.holding(place)),
            }
        }
    }

    /// One try at a PDF.
    async fn export(
        &self,
        pad: &Pad,
        session: &PadSession,
        until: Instant,
    ) -> Result<FetchedPdf, EtherpadError> {
        let etherpad = self.etherpad;
        let url = outgoing::below(&etherpad.base, &["p", &pad.id(), "export", "pdf"]);
        let mut request = etherpad.http.get(url);
        if let Some(id) = &session.id {
            // Of plain characters: every id is looked at when it comes.
            let cookie = HeaderValue::from_str(&format!("sessionID={}", id.reveal()));
            let mut cookie = cookie.map_err(|_| EtherpadError::Unreadable)?;
            cookie.set_sensitive(true);
            request = request.header(COOKIE, cookie);
        }
        let response = timeout_at(until, request.send()).await;
        let response = response.map_err(|_| PdfError::TooSlow)?.map_err(unreachable)?;
        Ok(FetchedPdf::begin(response, until).await?)
    }

    /// Does something until it is done. Only what may heal is tried again.
    async fn persist<F>(&self, limit: Duration, doing: impl Fn() -> F) -> Result<(), EtherpadError>
    where
        F: Future<Output = Result<(), EtherpadError>>,
    {
        let until = Instant::now() + limit;
        let mut pause = self.etherpad.timeouts.retry;
        loop {
            let done = timeout_at(until, doing()).await;
            let done = done.unwrap_or(Err(EtherpadError::Unreachable));
            let may_heal = matches!(done, Err(EtherpadError::Unreachable | EtherpadError::Busy));
            if !may_heal || Instant::now() + pause >= until {
                return done;
            }
            sleep(pause).await;
            pause = RETRY_MAX.min(2 * pause);
        }
    }

    /// [`Lane::call`] of whose answer nothing is read.
    pub(super) async fn order(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
    ) -> Result<(), EtherpadError> {
        self.call::<Nothing>(path, parameters).await.map(drop)
    }

    /// Makes a call: the parameters go in the body with the key, so that neither stands in anybody's log.
    async fn call<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
    ) -> Result<T, EtherpadError> {
        let etherpad = self.etherpad;
        let timeouts = etherpad.timeouts;
        let waits = WaitLimit::For(timeouts.place);
        let pass = etherpad
            .breaker
            .enter(waits)
            .await
            .ok_or(EtherpadError::Unreachable)?;
        let places = async {
            let room = self
                .places
                .requests
                .acquire()
                .await
                .map_err(|_| EtherpadError::Busy)?;
            let all = etherpad
                .requests
                .acquire()
                .await
                .map_err(|_| EtherpadError::Busy)?;
            Ok::<_, EtherpadError>((room, all))
        };
        let places = timeout(timeouts.call, places).await;
        let _places = places.map_err(|_| EtherpadError::Busy)??;
        let asked = timeout(timeouts.call, etherpad.ask(path, parameters)).await;
        let answer = asked.unwrap_or(Err(EtherpadError::Unreachable));
        match &answer {
            Err(EtherpadError::Unreachable) => pass.failed(),
            _ => pass.answered(),
        }
        let answer = answer.and_then(|bytes| parse(&bytes));
        etherpad.note_refusal(path, answer.as_ref().err());
        answer
    }
}

/// What is gone already need not be deleted.
fn gone(deleted: Result<(), EtherpadError>) -> Result<(), EtherpadError> {
    match deleted {
        Err(EtherpadError::Absent) => Ok(()),
        other => other,
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, EtherpadError> {
    let answer: Answer<'_> = serde_json::from_slice(answer).map_err(|_| EtherpadError::Unreadable)?;
    if let Some(refusal) = answer.refusal() {
        return Err(refusal);
    }
    let data = answer.data.map_or("null", serde_json::value::RawValue::get);
    serde_json::from_str(data).map_err(|_| EtherpadError::Unreadable)
}
