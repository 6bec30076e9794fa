//! Whoever does what rooms want done outside.

use std::sync::Arc;

use colloquy_actors::{
    ids::{RoomId, TaskId},
    ports::{BoxFuture, TaskRunner},
    protocol::meeting::Livestream,
    task::{Outcome, Task, Work},
};

use super::{boards::Boards, documents::Documents, notes::Notes, vote_minutes};
use crate::{
    assets::Assets,
    config::Config,
    etherpad::Etherpad,
    livekit::RoomService,
    recorders::Recorders,
    reports::{Renderer, Reports},
    spacedeck::Spacedeck,
    store::{
        Db,
        streaming_targets::{self, PublicTarget},
    },
};

/// The services that do it. Of those that are not set up, no room asks anything.
#[derive(Debug)]
pub struct Tasks {
    pub media: Arc<RoomService>,
    pub reports: Reports,
    pub recorders: Recorders,
    pub boards: Option<Boards>,
    pub notes: Option<Notes>,
    pub db: Db,
}

impl Tasks {
    /// What is set up.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        config: &Config,
        db: &Db,
        (media, recorders): (Arc<RoomService>, Recorders),
        (assets, renderer): (&Assets, Renderer),
    ) -> Result<Self, reqwest::Error> {
        let documents = Documents::new(assets.clone(), config.quotas);
        let spacedeck = Spacedeck::of_config(config)?;
        let etherpad = Etherpad::of_config(config)?;
        Ok(Self {
            media,
            reports: Reports::new(db.clone(), assets.clone(), config.quotas, renderer),
            recorders,
            boards: spacedeck.map(|spacedeck| Boards::new(spacedeck, documents.clone())),
            notes: etherpad.map(|etherpad| Notes::new(etherpad, documents)),
            db: db.clone(),
        })
    }

    async fn ask_recorder(&self, room: RoomId) -> Outcome {
        if self.recorders.ask(room).await {
            Outcome::Done
        } else {
            Outcome::Unavailable
        }
    }

    async fn read_livestreams(&self, room: RoomId) -> Outcome {
        match streaming_targets::public(&self.db, room.0).await {
            Ok(targets) => Outcome::Livestreams(targets.into_iter().map(livestream).collect()),
            Err(error) => {
                tracing::warn!(room.id = %room, %error, "the database can't say where a meeting may be streamed to");
                Outcome::Unavailable
            }
        }
    }
}

/// Where a meeting may be streamed to, without what is secret.
pub(super) fn livestream(target: PublicTarget) -> Livestream {
    Livestream {
        id: target.id.into(),
        name: target.name,
        public_url: target.public_url,
    }
}

impl TaskRunner for Tasks {
    fn run(&self, task: Task) -> BoxFuture<'_, Outcome> {
        match task.work {
            Work::Livekit(call) | Work::Whisper(call) => Box::pin(self.media.do_for_room(call)),
            // The room's shell does these itself.
            Work::Ballots(_) => Box::pin(async { Outcome::Unavailable }),
            Work::Report(report) => Box::pin(self.reports.make(task.id, *report)),
            Work::Minutes(minutes) => Box::pin(vote_minutes::keep(&self.db, *minutes)),
            Work::AskRecorder { room } => Box::pin(self.ask_recorder(room)),
            Work::ReadLivestreams { room } => Box::pin(self.read_livestreams(room)),
            Work::MeetingNotes(call) => match &self.notes {
                Some(notes) => Box::pin(notes.perform(task.id, call)),
                None => Box::pin(async { Outcome::Unavailable }),
            },
            Work::Whiteboard(call) => match &self.boards {
                Some(boards) => Box::pin(boards.perform(task.id, call)),
                None => Box::pin(async { Outcome::Unavailable }),
            },
        }
    }

    fn link(&self, task: TaskId) -> Option<String> {
        self.notes.as_ref()?.link(task)
    }
}
