//! Whoever does what rooms want done outside.

use std::sync::Arc;

use colloquy_actors::{
    ids::TaskId,
    ports::{BoxFuture, TaskRunner},
    task::{Outcome, Task, Work},
};

use super::{boards::Boards, documents::Documents, notes::Notes};
use crate::{assets::Assets, config::Config, etherpad::Etherpad, livekit::RoomService, spacedeck::Spacedeck};

/// The services that do it. Of those that are not set up, no room asks anything.
#[derive(Debug)]
pub struct Tasks {
    pub media: Arc<RoomService>,
    pub boards: Option<Boards>,
    pub notes: Option<Notes>,
}

impl Tasks {
    /// What is set up.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: &Config, media: Arc<RoomService>, assets: Assets) -> Result<Self, reqwest::Error> {
        let documents = Documents::new(assets, config.quotas);
        let spacedeck = Spacedeck::of_config(config)?;
        let etherpad = Etherpad::of_config(config)?;
        Ok(Self {
            media,
            boards: spacedeck.map(|spacedeck| Boards::new(spacedeck, documents.clone())),
            notes: etherpad.map(|etherpad| Notes::new(etherpad, documents)),
        })
    }

    /// LiveKit alone.
    #[must_use]
    pub fn of_media(media: Arc<RoomService>) -> Self {
        Self {
            media,
            boards: None,
            notes: None,
        }
    }
}

impl TaskRunner for Tasks {
    fn run(&self, task: Task) -> BoxFuture<'_, Outcome> {
        match task.work {
            Work::Livekit(call) => Box::pin(self.media.do_for_room(call)),
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
