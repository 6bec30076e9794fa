//! `/v1/rooms/{room_id}/sip`: how callers by telephone reach a room.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access, auth::CurrentUser, body::Body, checks::Checks, params::InPath, refusals,
    rooms,
};
use crate::{
    permissions::Operation,
    secrets::Secret,
    store::{
        rooms::Room,
        sip_configs::{self, Put, SipChange, SipConfig},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get, put, delete))
}

/// What callers type, and whether they wait.
#[derive(Debug, Serialize, ToSchema)]
pub struct SipResource {
    pub room: Uuid,
    #[schema(min_length = 10, max_length = 10, pattern = "[0-9]+")]
    pub sip_id: String,
    #[schema(min_length = 10, max_length = 10, pattern = "[0-9]+")]
    pub password: String,
    /// Whether callers wait for a moderator although the waiting room is off for others.
    pub lobby: bool,
}

impl SipResource {
    fn new(config: SipConfig) -> Self {
        Self {
            room: config.room_id,
            sip_id: config.sip_id,
            password: config.password.reveal().to_owned(),
            lobby: config.lobby,
        }
    }
}

/// What is absent stays, or takes its default.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PutSipBody {
    /// Generated when there is none yet.
    #[schema(value_type = Option<String>, min_length = 10, max_length = 10, pattern = "[0-9]+")]
    password: Option<Secret>,
    /// By default false. Counts from the next meeting on.
    lobby: Option<bool>,
}

fn checked(password: Secret) -> Result<Secret, ApiError> {
    let mut checks = Checks::default();
    if !sip_configs::is_numeric_id(password.reveal()) {
        let message = format!("must be {} digits", sip_configs::DIGITS);
        checks.refuse("password", "invalid_value", message);
    }
    checks.finish()?;
    Ok(password)
}

/// A room whose media are encrypted end to end has no telephone access.
fn require_decryption(room: &Room, status: StatusCode) -> Result<(), ApiError> {
    if room.e2e_encryption {
        Err(rooms::no_telephone(status))
    } else {
        Ok(())
    }
}

fn no_config() -> ApiError {
    ApiError::not_found("The room has no telephone access")
}

/// How callers reach the room
#[utoipa::path(
    get, path = "/rooms/{room_id}/sip", tag = "sip", operation_id = "get_sip", params(("room_id" = Uuid, Path)),
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "What callers type", body = SipResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
) -> Result<Json<SipResource>, ApiError> {
    let room = access::room(&state, &user, room, Operation::ReadTelephoneAccess).await?;
    require_decryption(&room, StatusCode::NOT_FOUND)?;
    let config = sip_configs::get(&state.db, room.id)
        .await?
        .ok_or_else(no_config)?;
    Ok(Json(SipResource::new(config)))
}

/// Let callers reach the room
///
/// Makes telephone access, or changes it. Needs the feature `call_in`, and a room without end-to-end encryption.
#[utoipa::path(
    put, path = "/rooms/{room_id}/sip", tag = "sip", operation_id = "put_sip", params(("room_id" = Uuid, Path)),
    request_body = PutSipBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "What callers type now", body = SipResource),
        (status = 201, description = "The new telephone access", body = SipResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn put(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    Body(body): Body<PutSipBody>,
) -> Result<Response, ApiError> {
    let change = SipChange {
        password: body.password.map(checked).transpose()?,
        lobby: body.lobby,
    };
    let room = access::room(&state, &user, room, Operation::ChangeTelephoneAccess).await?;
    rooms::require_sip(&state, &user, room.e2e_encryption).await?;
    let (status, config) = match sip_configs::put(&state.db, room.id, change).await? {
        Some(Put::Created(config)) => (StatusCode::CREATED, config),
        Some(Put::Changed(config)) => (StatusCode::OK, config),
        None => return Err(rooms::no_room()),
    };
    Ok((status, Json(SipResource::new(config))).into_response())
}

/// Take telephone access away
#[utoipa::path(
    delete, path = "/rooms/{room_id}/sip", tag = "sip", operation_id = "delete_sip", params(("room_id" = Uuid, Path)),
    security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "No caller gets in any more"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
) -> Result<StatusCode, ApiError> {
    let room = access::room(&state, &user, room, Operation::ChangeTelephoneAccess).await?;
    require_decryption(&room, StatusCode::NOT_FOUND)?;
    if sip_configs::delete(&state.db, room.id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_config())
    }
}
