//! `/v1/rooms/{room_id}/invites`, and `POST /v1/invite/verify`.

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use colloquy_actors::room::input::Notice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access,
    auth::CurrentUser,
    body::Body,
    caller_limits::Held,
    checks::Checks,
    pages::{AsOfQuery, NewestPage, PageQuery},
    params::{InPath, InQuery},
    profiles::ProfileResource,
    refusals,
};
use crate::{
    client_address::ClientAddress,
    permissions::Operation,
    store::{
        self, Change,
        invites::{self, Editor, Invite, InviteForStart, NewInvite},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, delete))
        .routes(routes!(verify))
}

/// A code that lets guests into a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct InviteResource {
    pub invite_code: Uuid,
    pub created: DateTime<Utc>,
    pub created_by: ProfileResource,
    pub updated: DateTime<Utc>,
    pub updated_by: ProfileResource,
    pub room_id: Uuid,
    /// The same as `room_id`, for older clients.
    pub room: Uuid,
    /// Deleting an invite makes it inactive.
    pub active: bool,
    /// End of its validity; null: never.
    #[schema(required)]
    pub expiration: Option<DateTime<Utc>>,
}

impl InviteResource {
    fn new(invite: Invite, state: &ApiState) -> Self {
        let defaults = &state.config.defaults;
        Self {
            invite_code: invite.code,
            created: invite.created_at,
            created_by: ProfileResource::new(invite.created_by, defaults),
            updated: invite.updated_at,
            updated_by: ProfileResource::new(invite.updated_by, defaults),
            room_id: invite.room_id,
            room: invite.room_id,
            active: invite.active,
            expiration: invite.expiration,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateInviteBody {
    /// End of its validity; absent or null: never.
    expiration: Option<DateTime<Utc>>,
}

/// What changes of an invite; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeInviteBody {
    /// End of its validity; null: never.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expiration: Change<DateTime<Utc>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct VerifyInviteBody {
    invite_code: Uuid,
}

/// Where an invite leads.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifiedInvite {
    pub room_id: Uuid,
    pub password_required: bool,
}

fn checked(expiration: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    let mut checks = Checks::default();
    let expiration = checks.time("expiration", expiration);
    checks.finish()?;
    Ok(expiration)
}

fn no_invite() -> ApiError {
    ApiError::not_found("No such invite")
}

/// The invites of a room
///
/// Newest first, with those that are inactive or expired, without those of invited addresses. All who are invited to the
/// room's event read it.
#[utoipa::path(
    get, path = "/rooms/{room_id}/invites", tag = "invites", operation_id = "list_invites", params(("room_id" = Uuid, Path), PageQuery, AsOfQuery),
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of invites", body = Vec<InviteResource>,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    page: NewestPage,
) -> Result<Response, ApiError> {
    let room = access::room(&state, &user, room, Operation::ReadInviteCodes).await?;
    let listed = invites::list(&state.db, room.id, page.window()).await?;
    Ok(page
        .page()
        .answer(listed, |invite| InviteResource::new(invite, &state)))
}

/// Create an invite
///
/// Without an expiration: the caller's invite without one of the last ten seconds, if it is active.
#[utoipa::path(
    post, path = "/rooms/{room_id}/invites", tag = "invites", operation_id = "create_invite", params(("room_id" = Uuid, Path)),
    request_body = CreateInviteBody, security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "The new invite", body = InviteResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn create(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    Body(body): Body<CreateInviteBody>,
) -> Result<(StatusCode, Json<InviteResource>), ApiError> {
    let expiration = body.expiration.map(checked).transpose()?;
    let room = access::room(&state, &user, room, Operation::ChangeInviteCodes).await?;
    let new = NewInvite {
        code: Uuid::new_v4(),
        room_id: room.id,
        created_by: user.profile.id,
        created_at: state.clock.now(),
        expiration,
    };
    let invite = invites::create(&state.db, new, state.config.quotas)
        .await?
        .ok_or_else(|| ApiError::not_found("No such room"))?;
    Ok((StatusCode::CREATED, Json(InviteResource::new(invite, &state))))
}

/// An invite
#[utoipa::path(
    get, path = "/rooms/{room_id}/invites/{invite_code}", tag = "invites", operation_id = "get_invite",
    params(("room_id" = Uuid, Path), ("invite_code" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The invite", body = InviteResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, code)): InPath<(Uuid, Uuid)>,
) -> Result<Json<InviteResource>, ApiError> {
    let room = access::room(&state, &user, room, Operation::ReadInviteCodes).await?;
    let invite = invites::get(&state.db, room.id, code)
        .await?
        .ok_or_else(no_invite)?;
    Ok(Json(InviteResource::new(invite, &state)))
}

/// Change an invite
#[utoipa::path(
    put, path = "/rooms/{room_id}/invites/{invite_code}", tag = "invites", operation_id = "change_invite",
    params(("room_id" = Uuid, Path), ("invite_code" = Uuid, Path)),
    request_body = ChangeInviteBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The invite as it is now", body = InviteResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, code)): InPath<(Uuid, Uuid)>,
    Body(body): Body<ChangeInviteBody>,
) -> Result<Json<InviteResource>, ApiError> {
    let expiration = body.expiration.try_map(checked)?;
    let room = access::room(&state, &user, room, Operation::ChangeInviteCodes).await?;
    let editor = Editor {
        user: user.profile.id,
        at: state.clock.now(),
    };
    let set = async |end| {
        let quotas = state.config.quotas;
        invites::set_expiration(&state.db, (room.id, code), end, editor, quotas).await
    };
    let invite = match expiration {
        Change::Keep => invites::get(&state.db, room.id, code).await?,
        Change::Clear => set(None).await?,
        Change::Set(end) => set(Some(end)).await?,
    };
    Ok(Json(InviteResource::new(invite.ok_or_else(no_invite)?, &state)))
}

/// What else a deletion does.
#[derive(Debug, Deserialize)]
struct DeleteInviteQuery {
    #[serde(default)]
    close_sessions: bool,
}

/// Delete an invite
///
/// It becomes inactive, for good. Its guests who are in a meeting stay there, unless `close_sessions` is true.
#[utoipa::path(
    delete, path = "/rooms/{room_id}/invites/{invite_code}", tag = "invites", operation_id = "delete_invite",
    params(
        ("room_id" = Uuid, Path), ("invite_code" = Uuid, Path),
        ("close_sessions" = Option<bool>, Query, description = "Whether its guests are sent out of the meeting, too"),
    ),
    security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The invite opens nothing any more"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, code)): InPath<(Uuid, Uuid)>,
    InQuery(query): InQuery<DeleteInviteQuery>,
) -> Result<StatusCode, ApiError> {
    let room = access::room(&state, &user, room, Operation::ChangeInviteCodes).await?;
    let notice = if query.close_sessions {
        Notice::InviteClosed
    } else {
        Notice::InviteWithdrawn
    };
    let editor = Editor {
        user: user.profile.id,
        at: state.clock.now(),
    };
    let (db, live) = (state.db.clone(), state.live.clone());
    // Its guests' tokens are void even when the client has gone meanwhile.
    let found = store::unbroken(async move {
        let found = invites::deactivate(&db, room.id, code, editor).await?;
        if found {
            live.notify(room.id.into(), notice(code.into()));
        }
        Ok::<_, ApiError>(found)
    });
    if found.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_invite())
    }
}

/// Where an invite leads
///
/// For guests: needs no authorisation, and an `Authorization` header is ignored.
#[utoipa::path(
    post, path = "/invite/verify", tag = "invites", operation_id = "verify_invite", request_body = VerifyInviteBody,
    responses(
        (status = 201, description = "The invite is valid", body = VerifiedInvite),
        refusals::OfIds, refusals::OfBodies, refusals::OfCounted, refusals::Always,
    ),
)]
async fn verify(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    held: Option<Extension<Held>>,
    Body(body): Body<VerifyInviteBody>,
) -> Result<Response, ApiError> {
    state.start_limits.codes.admit(address)?;
    let held = held.as_deref();
    state
        .caller_limits
        .admit_guest(held, body.invite_code, address)
        .await?;
    let opens = |invite: &InviteForStart| {
        invite.is_valid(state.clock.now())
            && !invite.owner_disabled
            && access::guests_in(&state, invite.guest_access, &invite.tariff).is_ok()
    };
    let invite = invites::for_start(&state.db, body.invite_code)
        .await?
        .filter(opens)
        .ok_or_else(|| {
            state.start_limits.codes.count(address);
            no_invite()
        })?;
    let verified = VerifiedInvite {
        room_id: invite.room_id,
        password_required: invite.room_password.is_some(),
    };
    Ok((StatusCode::CREATED, Json(verified)).into_response())
}
