//! Making an event with everything that belongs to it.

use super::EventError;
use crate::store::{
    Db,
    events::{self, NewEvent, SeenEvent},
    invites::{self, NewInvite},
    rooms::{self, NewRoom},
    shared_folders::{self, SharedFolder},
    streaming_targets::{self, NewStreamingTarget},
};

/// A new event that was checked.
#[derive(Debug, Clone)]
pub struct Draft {
    pub room: NewRoom,
    pub event: NewEvent,
    pub streaming_targets: Vec<NewStreamingTarget>,
    /// At the storage provider, already made.
    pub folder: Option<SharedFolder>,
    /// By which guests come in who learn of it from the meeting's details.
    pub invite: Option<NewInvite>,
}

/// Creates an event with its room, all or nothing.
pub async fn create(db: &Db, draft: Draft) -> Result<SeenEvent, EventError> {
    db.transaction(move |tx| {
        Box::pin(async move {
            let Draft {
                room,
                event,
                streaming_targets,
                folder,
                invite,
            } = draft;
            rooms::insert(tx, &room).await?;
            events::insert(tx, &event).await?;
            for target in streaming_targets {
                streaming_targets::insert(tx, target).await?;
            }
            if let Some(folder) = folder {
                shared_folders::insert(tx, event.id, &folder).await?;
            }
            if let Some(invite) = invite {
                invites::insert_lasting(tx, &invite).await?;
            }
            let seen = events::locked(tx, event.created_by, event.id).await?;
            seen.ok_or(EventError::Gone)
        })
    })
    .await
}
