//! What rooms want of Etherpad, and the secrets that come of it.
//!
//! A room knows a session by the task that made it. The session's id and the URL that leads there are in no outcome, as outcomes are
//! logged: they stay here, in memory, until the session ends, and an event gets the URL when it leaves the room. A process that is gone
//! takes them along; the room then has all sessions ended, and asks for new ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use colloquy_actors::{
    ids::{RoomId, SpaceName, TaskId},
    meeting_notes::{Admittance, NotesCall},
    protocol::limits::NOTES_SESSION_SECS,
    task::Outcome,
};
use tokio::time::Instant;

use super::documents::{Documents, utc};
use crate::{
    assets::NewDocument,
    etherpad::{Etherpad, EtherpadError, Guest, Lane, Pad, PadSession, Places},
    secrets::Secret,
};

/// Namespace and kind of a PDF.
const NAMESPACE: &str = "meeting_notes";
const KIND: &str = "meetingnotes_pdf";

/// For which a session lives.
const SESSION: Duration = Duration::from_secs(NOTES_SESSION_SECS);

/// Pads, and where their PDFs go.
#[derive(Debug)]
pub struct Notes {
    etherpad: Etherpad,
    documents: Documents,
    known: Mutex<Known>,
    /// The places of each room's requests.
    places: Mutex<HashMap<RoomId, Weak<Places>>>,
}

/// What rooms do not know.
#[derive(Debug, Default)]
struct Known {
    pads: HashMap<SpaceName, Pad>,
    sessions: HashMap<TaskId, KnownSession>,
}

#[derive(Debug, Clone)]
struct KnownSession {
    name: SpaceName,
    session: PadSession,
    link: Secret,
    ends: Instant,
}

impl Notes {
    #[must_use]
    pub fn new(etherpad: Etherpad, documents: Documents) -> Self {
        Self {
            etherpad,
            documents,
            known: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Where the session leads that a task has made.
    pub(super) fn link(&self, task: TaskId) -> Option<String> {
        let known = self.known();
        Some(known.sessions.get(&task)?.link.reveal().to_owned())
    }

    pub(super) async fn perform(&self, task: TaskId, call: NotesCall) -> Outcome {
        let name = call.name();
        let places = self.places(name.room);
        let lane = Lane {
            etherpad: &self.etherpad,
            places: &places,
        };
        let done = match call {
            NotesCall::Open { .. } => self.open(lane, name).await,
            NotesCall::Admit(admittance) => self.admit(lane, task, &admittance).await,
            NotesCall::Dismiss { session, .. } => self.dismiss(lane, session).await,
            NotesCall::Clear { .. } => self.clear(lane, name).await,
            NotesCall::Delete { .. } => self.delete(lane, name).await,
            NotesCall::Pdf { session, at, .. } => {
                let document = NewDocument {
                    id: task.0,
                    room: name.room.0,
                    namespace: NAMESPACE,
                    kind: KIND,
                    extension: "pdf",
                    at: utc(at),
                };
                return self.store(lane, document, session).await;
            }
        };
        match done {
            Ok(()) => Outcome::Done,
            Err(error) => failed(error, "something could not be done at Etherpad"),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, room: RoomId) -> Arc<Places> {
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = all.get(&room).and_then(Weak::upgrade) {
            return places;
        }
        // Of rooms that ask nothing at the moment nothing is kept.
        all.retain(|_, places| places.strong_count() > 0);
        let places = Arc::<Places>::default();
        all.insert(room, Arc::downgrade(&places));
        places
    }

    async fn open(&self, lane: Lane<'_>, name: SpaceName) -> Result<(), EtherpadError> {
        self.known().forget(name);
        let pad = lane.open(&name.to_string()).await?;
        self.known().pads.insert(name, pad);
        Ok(())
    }

    async fn pad(&self, lane: Lane<'_>, name: SpaceName) -> Result<Pad, EtherpadError> {
        let known = self.known().pads.get(&name).cloned();
        if let Some(pad) = known {
            return Ok(pad);
        }
        let pad = lane.find(&name.to_string()).await?;
        self.known().pads.insert(name, pad.clone());
        Ok(pad)
    }

    async fn admit(
        &self,
        lane: Lane<'_>,
        task: TaskId,
        admittance: &Admittance,
    ) -> Result<(), EtherpadError> {
        let name = admittance.name;
        if self.known().sessions.contains_key(&task) {
            return Ok(());
        }
        let pad = self.pad(lane, name).await?;
        if let Some(before) = admittance.replaces {
            self.dismiss(lane, before).await?;
        }
        let guest = Guest {
            display_name: admittance.display_name.as_str(),
            participant: &admittance.participant.to_string(),
            readonly: admittance.readonly,
            lives: SESSION,
        };
        let session = lane.admit(&pad, guest).await?;
        let made = KnownSession {
            name,
            link: Secret::new(self.etherpad.url(&pad, &session)),
            session,
            ends: Instant::now() + SESSION,
        };
        self.known().add(task, made);
        Ok(())
    }

    /// One that is not known has ended with the process that knew it.
    async fn dismiss(&self, lane: Lane<'_>, session: TaskId) -> Result<(), EtherpadError> {
        let known = self.known().sessions.get(&session).cloned();
        if let Some(known) = known {
            lane.dismiss(&known.session).await?;
            self.known().sessions.remove(&session);
        }
        Ok(())
    }

    async fn clear(&self, lane: Lane<'_>, name: SpaceName) -> Result<(), EtherpadError> {
        let pad = self.pad(lane, name).await?;
        lane.dismiss_all(&pad).await?;
        self.known().sessions.retain(|_, session| session.name != name);
        Ok(())
    }

    async fn delete(&self, lane: Lane<'_>, name: SpaceName) -> Result<(), EtherpadError> {
        self.known().forget(name);
        let deleted = lane.delete(&name.to_string()).await;
        if let Err(error) = deleted {
            tracing::warn!(%error, %name, "a pad stays behind at Etherpad until its room has another one");
        }
        deleted
    }

    async fn store(&self, lane: Lane<'_>, document: NewDocument, session: TaskId) -> Outcome {
        if let Some(foregone) = self.documents.foregone(document).await {
            return foregone;
        }
        let known = self.known().sessions.get(&session).cloned();
        let Some(known) = known else {
            return Outcome::NotMade;
        };
        let pdf = async {
            let pad = self.pad(lane, known.name).await?;
            lane.pdf(&pad, &known.session).await
        };
        match pdf.await {
            Ok(pdf) => self.documents.store(document, pdf.into_stream()).await,
            Err(error) => failed(error, "a PDF of meeting notes could not be made"),
        }
    }
}

impl Known {
    /// Keeps a session; those that have ended by themselves go.
    fn add(&mut self, task: TaskId, session: KnownSession) {
        let now = Instant::now();
        self.sessions.retain(|_, known| known.ends > now);
        self.sessions.insert(task, session);
    }

    fn forget(&mut self, name: SpaceName) {
        self.pads.remove(&name);
        self.sessions.retain(|_, session| session.name != name);
    }
}

fn failed(error: EtherpadError, what: &'static str) -> Outcome {
    match error {
        // The breaker says that it is away, and the client that it refuses, once.
        EtherpadError::Unreachable | EtherpadError::WrongKey | EtherpadError::NoPage(_) => {
            tracing::debug!(%error, "{what}");
            Outcome::Unavailable
        }
        error => {
            tracing::warn!(%error, "{what}");
            Outcome::NotMade
        }
    }
}
