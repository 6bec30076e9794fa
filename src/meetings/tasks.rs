//! Whoever does what rooms want done outside.

use std::sync::Arc;

use colloquy_actors::{
    ports::{BoxFuture, TaskRunner},
    task::{Outcome, Task, Work},
};

use super::{boards::Boards, documents::Documents};
use crate::{assets::Assets, config::Config, livekit::RoomService, spacedeck::Spacedeck};

/// The services that do it. Of those that are not set up, no room asks anything.
#[derive(Debug)]
pub struct Tasks {
    pub media: Arc<RoomService>,
    pub boards: Option<Boards>,
}

impl Tasks {
    /// What is set up.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: &Config, media: Arc<RoomService>, assets: Assets) -> Result<Self, reqwest::Error> {
        let documents = Documents::new(assets, config.quotas);
        let boards = Spacedeck::of_config(config)?.map(|spacedeck| Boards::new(spacedeck, documents));
        Ok(Self { media, boards })
    }

    /// LiveKit alone.
    #[must_use]
    pub fn of_media(media: Arc<RoomService>) -> Self {
        Self { media, boards: None }
    }
}

impl TaskRunner for Tasks {
    fn run(&self, task: Task) -> BoxFuture<'_, Outcome> {
        match task.work {
            Work::Livekit(call) => Box::pin(self.media.do_for_room(call)),
            Work::Whiteboard(call) => match &self.boards {
                Some(boards) => Box::pin(boards.perform(task.id, call)),
                None => Box::pin(async { Outcome::Unavailable }),
            },
        }
    }
}
