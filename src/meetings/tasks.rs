//! What rooms want done outside, and by whom.

use std::sync::Arc;

use colloquy_actors::{
    ids::RoomId,
    ports::{BoxFuture, TaskRunner},
    protocol::meeting::Livestream,
    task::{Outcome, Task, Work},
};

use crate::{
    livekit::RoomService,
    recorders::Recorders,
    reports::Reports,
    store::{
        Db,
        streaming_targets::{self, PublicTarget},
    },
};

/// Whoever does what rooms want done outside.
#[derive(Debug)]
pub struct Tasks {
    pub media: Arc<RoomService>,
    pub reports: Reports,
    pub recorders: Recorders,
    pub db: Db,
}

impl Tasks {
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
            Work::Livekit(call) => Box::pin(self.media.do_for_room(call)),
            // The room's shell does these itself.
            Work::Ballots(_) => Box::pin(async { Outcome::Unavailable }),
            Work::Report(report) => Box::pin(self.reports.make(task.id, *report)),
            Work::AskRecorder { room } => Box::pin(self.ask_recorder(room)),
            Work::ReadLivestreams { room } => Box::pin(self.read_livestreams(room)),
        }
    }
}
