//! `GET /v1/rooms/{room_id}/tariff`: what the room's meetings may use.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{ApiError, ApiState, access, auth::Caller, params::InPath, refusals, rooms as room_pages};
use crate::{meetings, permissions::Operation, store::rooms, tariffs::TariffResource};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get))
}

/// The tariff of a room
///
/// That of its owner, without what encryption rules out. Guests read it too.
#[utoipa::path(
    get, path = "/rooms/{room_id}/tariff", tag = "rooms", operation_id = "get_room_tariff", params(("room_id" = Uuid, Path)),
    security(("BearerAuth" = []), ("InviteCode" = [])),
    responses(
        (status = 200, description = "The tariff", body = TariffResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::OfCounted, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    InPath(room): InPath<Uuid>,
) -> Result<Json<TariffResource>, ApiError> {
    access::caller_to_room(&state, &caller, room, Operation::ReadRoomTariff).await?;
    let facts = rooms::meeting_facts(&state.db, room)
        .await?
        .ok_or_else(room_pages::no_room)?;
    let tariff = meetings::room_tariff(&facts.tariff, facts.room.e2e_encryption, &state.offer);
    Ok(Json(tariff))
}
