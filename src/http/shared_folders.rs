//! `/v1/events/{event_id}/shared_folder`.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access,
    auth::CurrentUser,
    params::{InPath, InQuery},
    refusals,
};
use crate::{
    meetings,
    permissions::{Operation, Standing},
    shared_folders::StorageError,
    store::{
        self, StoreError,
        shared_folders::{self, Kept, Share, SharedFolder},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get, create, delete))
}

/// A folder that the people of a meeting share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SharedFolderResource {
    pub read: FolderLink,
    /// For the creator of the event only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_write: Option<FolderLink>,
}

/// A link to a folder, and the password that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FolderLink {
    pub url: String,
    pub password: String,
}

impl SharedFolderResource {
    /// `may_write`: the caller created the event.
    #[must_use]
    pub fn new(folder: SharedFolder, may_write: bool) -> Self {
        Self {
            read: folder.read.into(),
            read_write: may_write.then(|| folder.write.into()),
        }
    }
}

impl From<Share> for FolderLink {
    fn from(share: Share) -> Self {
        Self {
            url: share.url,
            password: share.password.reveal().to_owned(),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let message = match error {
            StorageError::NotConfigured => return no_provider(),
            StorageError::Unreachable | StorageError::TimedOut => "The storage provider does not answer",
            StorageError::Full => "The storage provider has no space left",
            StorageError::Nonsense | StorageError::Account | StorageError::Refused { .. } => {
                "The storage provider refuses"
            }
        };
        tracing::warn!(%error, "a shared folder could not be made or deleted");
        Self::new(StatusCode::BAD_GATEWAY, "storage_provider_unavailable", message)
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CreateFolderQuery {
    /// Tell invitees nothing.
    #[serde(default, rename = "suppress_email_notification")]
    _suppress_mail: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteFolderQuery {
    /// Forget the folder even when the storage provider does not delete it; that is then tried again later.
    #[serde(default, rename = "force_delete_reference_if_shared_folder_deletion_fails")]
    force: bool,
    /// Tell invitees nothing.
    #[serde(default, rename = "suppress_email_notification")]
    _suppress_mail: bool,
}

fn no_folder() -> ApiError {
    ApiError::not_found("The event has no shared folder")
}

fn no_provider() -> ApiError {
    ApiError::bad_request("This server has no storage provider for shared folders")
}

/// Refuses what only a storage provider could do.
pub(super) fn require_provider(state: &ApiState) -> Result<(), ApiError> {
    if state.shared_folders.is_configured() {
        Ok(())
    } else {
        Err(no_provider())
    }
}

/// The shared folder of an event
#[utoipa::path(
    get, path = "/events/{event_id}/shared_folder", tag = "shared_folders", operation_id = "get_shared_folder",
    params(("event_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "Its links", body = SharedFolderResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
) -> Result<Json<SharedFolderResource>, ApiError> {
    let standing = access::event(&state, &user, event, Operation::ReadSharedFolder).await?;
    let folder = shared_folders::get(&state.db, event)
        .await?
        .ok_or_else(no_folder)?;
    let may_write = standing == Standing::Owner;
    Ok(Json(SharedFolderResource::new(folder, may_write)))
}

/// Make a shared folder for an event
///
/// One that exists stays as it is. Where it must be made and this server has no storage provider: 400.
#[utoipa::path(
    put, path = "/events/{event_id}/shared_folder", tag = "shared_folders", operation_id = "create_shared_folder",
    params(("event_id" = Uuid, Path), CreateFolderQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The folder that the event had already", body = SharedFolderResource),
        (status = 201, description = "The new folder", body = SharedFolderResource),
        (status = 502, description = "The storage provider fails; nothing is left behind", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn create(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(_query): InQuery<CreateFolderQuery>,
) -> Result<(StatusCode, Json<SharedFolderResource>), ApiError> {
    access::event(&state, &user, event, Operation::ChangeSharedFolder).await?;
    if let Some(folder) = shared_folders::get(&state.db, event).await? {
        return Ok((StatusCode::OK, Json(SharedFolderResource::new(folder, true))));
    }
    require_provider(&state)?;
    // To its end even when the client has gone: a folder without an event would stay behind.
    let (status, folder) = store::unbroken(async move { make(&state, event).await }).await?;
    Ok((status, Json(SharedFolderResource::new(folder, true))))
}

/// Tells the room of an event which folder that has now. What can't be told is found out when the room is next revived.
pub(super) async fn tell_room(state: &ApiState, event: Uuid) {
    match shared_folders::with_room(&state.db, event).await {
        Ok(Some((room, folder))) => {
            let notice = meetings::folder_notice(folder.as_ref(), &state.seals);
            state.live.notify(room.into(), notice);
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "a room could not be told of its event's folder"),
    }
}

async fn make(state: &ApiState, event: Uuid) -> Result<(StatusCode, SharedFolder), ApiError> {
    let folder = state.shared_folders.create(event, state.clock.now()).await?;
    let kept = shared_folders::keep(&state.db, event, folder.clone()).await;
    let is_unknown = kept.as_ref().is_err_and(StoreError::is_outcome_unknown);
    if !matches!(kept, Ok(Kept::New)) && !is_unknown {
        state.shared_folders.undo(&folder).await;
    }
    match kept? {
        Kept::New => {
            tell_room(state, event).await;
            Ok((StatusCode::CREATED, folder))
        }
        Kept::Other(folder) => Ok((StatusCode::OK, folder)),
        Kept::NoEvent => Err(ApiError::not_found("No such event")),
    }
}

/// Delete the shared folder of an event
///
/// With everything in it. 400 where this server has no storage provider; a folder of former times is forgotten by force.
#[utoipa::path(
    delete, path = "/events/{event_id}/shared_folder", tag = "shared_folders", operation_id = "delete_shared_folder",
    params(("event_id" = Uuid, Path), DeleteFolderQuery), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The event has no folder any more"),
        (status = 502, description = "The storage provider fails; the event keeps the folder", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(query): InQuery<DeleteFolderQuery>,
) -> Result<StatusCode, ApiError> {
    access::event(&state, &user, event, Operation::ChangeSharedFolder).await?;
    let folder = shared_folders::get(&state.db, event).await?;
    if folder.is_none() || !query.force {
        require_provider(&state)?;
    }
    // To its end even when the client has gone: the room must hear of it.
    let own = state.clone();
    let deleted = store::unbroken(async move {
        let deleted = own.deleter().folder(event, query.force).await?;
        if deleted {
            tell_room(&own, event).await;
        }
        Ok::<_, ApiError>(deleted)
    });
    if deleted.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_folder())
    }
}
