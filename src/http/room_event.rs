//! `GET /v1/rooms/{room_id}/event`: what a room's meetings are about.

use axum::{Json, extract::State};
use colloquy_actors::protocol::meeting;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access, auth::Caller, events::CallInResource, params::InPath, refusals, rooms,
};
use crate::{meetings, permissions::Operation, store};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get))
}

/// The event of a room, as its guests see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomEventResource {
    pub id: Uuid,
    pub room_id: Uuid,
    #[schema(max_length = 255)]
    pub title: String,
    /// Whether it came up without an appointment.
    pub is_adhoc: bool,
    pub e2e_encryption: bool,
    /// Absent unless the event's creator wants participants to see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_details: Option<MeetingDetailsResource>,
}

/// How to reach a meeting by other ways.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeetingDetailsResource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_code_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_in: Option<CallInResource>,
    pub streaming_links: Vec<StreamingLinkResource>,
}

/// Where a meeting can be watched.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamingLinkResource {
    pub name: String,
    #[schema(format = Uri)]
    pub url: String,
}

impl From<meeting::EventInfo> for RoomEventResource {
    fn from(event: meeting::EventInfo) -> Self {
        Self {
            id: event.id,
            room_id: event.room_id.0,
            title: event.title,
            is_adhoc: event.is_adhoc,
            e2e_encryption: event.e2e_encryption,
            meeting_details: event.meeting_details.map(Into::into),
        }
    }
}

impl RoomEventResource {
    /// A call needs no password of the room and does not wait as guests do, and neither does a stream: whoever knows number and
    /// pin is inside, whoever knows the link watches.
    fn hide_ways_around(&mut self) {
        if let Some(details) = &mut self.meeting_details {
            details.call_in = None;
            details.streaming_links.clear();
        }
    }
}

impl From<meeting::MeetingDetails> for MeetingDetailsResource {
    fn from(details: meeting::MeetingDetails) -> Self {
        let links = details.streaming_links.into_iter();
        Self {
            invite_code_id: details.invite_code_id.map(|code| code.0),
            call_in: details.call_in.map(|call_in| CallInResource {
                tel: call_in.tel,
                id: call_in.id,
                password: call_in.password,
            }),
            streaming_links: links
                .map(|link| StreamingLinkResource {
                    name: link.name,
                    url: link.url,
                })
                .collect(),
        }
    }
}

/// The event of a room
///
/// Guests read it too; while the room has a password, or guests must wait (`waiting_room`, or `guest_access` other than
/// `direct_access`), without `call_in` and links of streams, which would lead around that.
#[utoipa::path(
    get, path = "/rooms/{room_id}/event", tag = "rooms", operation_id = "get_room_event", params(("room_id" = Uuid, Path)),
    security(("BearerAuth" = []), ("InviteCode" = [])),
    responses(
        (status = 200, description = "The event", body = RoomEventResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::OfCounted, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    InPath(room): InPath<Uuid>,
) -> Result<Json<RoomEventResource>, ApiError> {
    access::caller_to_room(&state, &caller, room, Operation::ReadRoomEvent).await?;
    let facts = store::rooms::meeting_facts(&state.db, room)
        .await?
        .ok_or_else(rooms::no_room)?;
    let event = meetings::event_info(&facts, &state.config, &state.offer)
        .ok_or_else(|| ApiError::not_found("The room has no event"))?;
    let Caller::Guest(invite) = &caller else {
        return Ok(Json(event.into()));
    };
    let told = event
        .told_to(meeting::Caller::Guest(invite.code.into()))
        .into_owned();
    let mut event = RoomEventResource::from(told);
    let room = &facts.room;
    if room.password.is_some() || !room.guest_access.leads_straight_in(room.waiting_room) {
        event.hide_ways_around();
    }
    Ok(Json(event))
}
