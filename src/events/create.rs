//! Making an event with everything that belongs to it.

use super::EventError;
use crate::{
    config::Quotas,
    store::{
        Db,
        events::{self, NewEvent, SeenEvent},
        invites::{self, NewInvite},
        rooms::{self, NewRoom},
        shared_folders::{self, SharedFolder},
        streaming_targets::{self, NewStreamingTarget},
        usage,
    },
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

/// Creates an event with its room, all or nothing, unless its creator has as many events or rooms as there may be.
pub async fn create(db: &Db, draft: Draft, quotas: Quotas) -> Result<SeenEvent, EventError> {
    db.transaction(move |tx| {
        Box::pin(async move {
            let Draft {
                room,
                event,
                streaming_targets,
                folder,
                invite,
            } = draft;
            let creator = event.created_by;
            let limits = usage::take_user(tx, creator, quotas, event.created_at).await?;
            events::one_more(tx, creator, &limits).await?;
            rooms::one_more(tx, creator, &limits).await?;
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
