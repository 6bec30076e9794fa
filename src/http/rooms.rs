//! `/v1/rooms` and `/v1/rooms/{room_id}`.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use colloquy_actors::{live::Live, room::input::Notice};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access,
    auth::CurrentUser,
    body::Body,
    checks::Checks,
    pages::{AsOfQuery, NewestPage, PageQuery},
    params::{InPath, InQuery},
    profiles::ProfileResource,
    refusals,
};
use crate::{
    catalogue::{CALL_IN, CORE},
    permissions::Operation,
    secrets::Secret,
    store::{
        self, Change,
        guest_access::GuestAccess,
        rooms::{self, NewRoom, PASSWORD_CHARS_MAX, Room, RoomChange},
        users::User,
    },
    tariffs::TariffResource,
    text::composed,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, delete))
}

/// A place for meetings.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomResource {
    pub id: Uuid,
    pub created_by: ProfileResource,
    pub created_at: DateTime<Utc>,
    /// What guests must know to enter; absent when they need not know anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 255)]
    pub password: Option<String>,
    /// Whether a moderator must let each participant in.
    pub waiting_room: bool,
    /// How people come in who have a link.
    pub guest_access: GuestAccess,
    /// Whether clients encrypt media end to end.
    pub e2e_encryption: bool,
}

impl RoomResource {
    fn new(room: Room, state: &ApiState) -> Self {
        Self::of_list(room, state, &mut None)
    }

    /// One of many, of which the last had this owner.
    fn of_list(room: Room, state: &ApiState, owner: &mut Option<ProfileResource>) -> Self {
        Self {
            id: room.id,
            created_by: ProfileResource::as_before(room.created_by, &state.config.defaults, owner),
            created_at: room.created_at,
            password: room.password.map(|password| password.reveal().to_owned()),
            waiting_room: room.waiting_room,
            guest_access: room.guest_access,
            e2e_encryption: room.e2e_encryption,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateRoomBody {
    /// Absent or null: none.
    #[schema(min_length = 1, max_length = 255)]
    password: Option<String>,
    waiting_room: Option<bool>,
    /// How people come in who have a link; absent or null: directly.
    guest_access: Option<GuestAccess>,
    e2e_encryption: Option<bool>,
    /// Whether the room can be reached by telephone; needs the feature `call_in`. With `e2e_encryption` it means nothing.
    enable_sip: Option<bool>,
}

/// What changes of a room; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeRoomBody {
    /// Null removes the password.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    password: Change<String>,
    waiting_room: Option<bool>,
    /// How people come in who have a link. A meeting that runs goes by it from now on.
    guest_access: Option<GuestAccess>,
    e2e_encryption: Option<bool>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteRoomQuery {
    /// Delete the room even when something of it outside of this server can not be deleted.
    #[serde(default, rename = "force_delete_reference_if_external_services_fail")]
    _force: bool,
    /// Tell invitees nothing.
    #[serde(default, rename = "suppress_email_notification")]
    _suppress_mail: bool,
}

fn checked(password: String) -> Result<Secret, ApiError> {
    let (mut checks, password) = (Checks::default(), composed(password));
    checks.filled("password", &password, PASSWORD_CHARS_MAX);
    checks.finish()?;
    Ok(Secret::new(password))
}

pub(super) fn no_room() -> ApiError {
    ApiError::not_found("No such room")
}

/// What an encrypted room says about telephones.
pub(super) fn no_telephone(status: StatusCode) -> ApiError {
    let message = "A telephone can not take part in an encrypted room";
    ApiError::new(status, "service_unavailable", message)
}

/// The caller's rooms
///
/// Those that the caller owns or is invited to by an event, newest first.
#[utoipa::path(
    get, path = "/rooms", tag = "rooms", operation_id = "list_rooms", params(PageQuery, AsOfQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of rooms", body = Vec<RoomResource>,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    page: NewestPage,
) -> Result<Response, ApiError> {
    let listed = rooms::list(&state.db, &user.profile, page.window()).await?;
    let mut owner = None;
    Ok(page
        .page()
        .answer(listed, |room| RoomResource::of_list(room, &state, &mut owner)))
}

/// Create a room
#[utoipa::path(
    post, path = "/rooms", tag = "rooms", operation_id = "create_room", request_body = CreateRoomBody, security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "The new room", body = RoomResource,
         headers(("Location" = String, description = "Path of the room"))),
        refusals::OfCallers, refusals::OfBodies, refusals::Always,
    ),
)]
async fn create(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    Body(body): Body<CreateRoomBody>,
) -> Result<Response, ApiError> {
    let password = body.password.map(checked).transpose()?;
    let e2e_encryption = body.e2e_encryption.unwrap_or_default();
    let sip = body.enable_sip.unwrap_or_default() && !e2e_encryption;
    if sip {
        require_sip(&state, &user, e2e_encryption).await?;
    }
    let new = NewRoom {
        id: Uuid::new_v4(),
        tenant_id: user.tenant_id,
        created_by: user.profile.id,
        created_at: state.clock.now(),
        password,
        waiting_room: body.waiting_room.unwrap_or_default(),
        guest_access: body.guest_access.unwrap_or_default(),
        e2e_encryption,
        sip,
    };
    let room = rooms::create(&state.db, new, state.config.quotas).await?;
    let location = format!("/v1/rooms/{}", room.id);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(RoomResource::new(room, &state)),
    )
        .into_response())
}

/// Refuses telephones where the tariff or the encryption forbids them.
pub(super) async fn require_sip(state: &ApiState, user: &User, e2e_encryption: bool) -> Result<(), ApiError> {
    if e2e_encryption {
        return Err(no_telephone(StatusCode::FORBIDDEN));
    }
    let tariff = store::tariffs::of_user(&state.db, user.profile.id).await?;
    let allowed =
        tariff.is_some_and(|tariff| TariffResource::new(&tariff, &state.offer).allows(CORE, CALL_IN));
    if allowed {
        Ok(())
    } else {
        Err(ApiError::feature_disabled_by_tariff(CALL_IN))
    }
}

/// A room
#[utoipa::path(
    get, path = "/rooms/{room_id}", tag = "rooms", operation_id = "get_room", params(("room_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The room", body = RoomResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
) -> Result<Json<RoomResource>, ApiError> {
    let room = access::room(&state, &user, room, Operation::ReadRoom).await?;
    Ok(Json(RoomResource::new(room, &state)))
}

/// Change a room
#[utoipa::path(
    patch, path = "/rooms/{room_id}", tag = "rooms", operation_id = "change_room", params(("room_id" = Uuid, Path)),
    request_body = ChangeRoomBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The room as it is now", body = RoomResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    Body(body): Body<ChangeRoomBody>,
) -> Result<Json<RoomResource>, ApiError> {
    let change = RoomChange {
        password: body.password.try_map(checked)?,
        waiting_room: body.waiting_room,
        guest_access: body.guest_access,
        e2e_encryption: body.e2e_encryption,
    };
    let mut room = access::room(&state, &user, room, Operation::ChangeRoom).await?;
    if change != RoomChange::default() {
        room = apply(&state, room.id, change).await?;
    }
    Ok(Json(RoomResource::new(room, &state)))
}

/// Changes a room. A running meeting hears of it even when the client has gone meanwhile.
async fn apply(state: &ApiState, room: Uuid, change: RoomChange) -> Result<Room, ApiError> {
    let (db, live) = (state.db.clone(), state.live.clone());
    let changed = store::unbroken(async move {
        let access = change.guest_access;
        let room = rooms::update(&db, room, change).await?.ok_or_else(no_room)?;
        tell_guest_access(&live, room.id, access);
        Ok::<_, ApiError>(room)
    });
    changed.await
}

/// Tells the living room how its owner wants guests to come in, if anything was said about that.
pub(super) fn tell_guest_access(live: &Live, room: Uuid, access: Option<GuestAccess>) {
    if let Some(access) = access {
        live.notify(room.into(), Notice::GuestAccess(access.into()));
    }
}

/// Delete a room
///
/// With its invites, its telephone access and its assets.
#[utoipa::path(
    delete, path = "/rooms/{room_id}", tag = "rooms", operation_id = "delete_room", params(("room_id" = Uuid, Path), DeleteRoomQuery),
    security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The room is gone"),
        (status = 409, description = "Something else still needs the room", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    InQuery(_query): InQuery<DeleteRoomQuery>,
) -> Result<StatusCode, ApiError> {
    let room = access::room(&state, &user, room, Operation::DeleteRoom).await?;
    if state.deleter().room(room.id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_room())
    }
}
