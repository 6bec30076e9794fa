//! Shared folders that come and go with events: at the storage provider no row tells what is there, so whatever is begun
//! is brought to its end.

use uuid::Uuid;

use crate::{
    events::EventError,
    http::{ApiError, ApiState},
    store::{events::SeenEvent, shared_folders::SharedFolder},
};

/// The folder that an event is to get, made at the storage provider, if one is wanted.
pub(super) async fn made(
    state: &ApiState,
    event: Uuid,
    is_wanted: bool,
) -> Result<Option<SharedFolder>, ApiError> {
    if !is_wanted {
        return Ok(None);
    }
    Ok(Some(state.shared_folders.create(event, state.clock.now()).await?))
}

/// Undoes what [`made`] has made unless the event has taken it.
pub(super) async fn settled(
    state: &ApiState,
    folder: Option<SharedFolder>,
    outcome: Result<SeenEvent, EventError>,
) -> Result<SeenEvent, ApiError> {
    let may_be_taken = matches!(&outcome, Err(EventError::Store(error)) if error.is_outcome_unknown());
    if let Some(folder) = folder.filter(|_| !may_be_taken) {
        let taken = outcome.as_ref().ok().and_then(|seen| seen.folder.as_ref());
        if taken.is_none_or(|taken| taken.read.url != folder.read.url) {
            state.shared_folders.undo(&folder).await;
        }
    }
    Ok(outcome?)
}
