//! `POST /v1/services/call_in/start`: a SIP gateway lets a caller in.

use axum::{Json, extract::State, http::StatusCode};
use colloquy_actors::{live::StartRequest, protocol::meeting::Caller};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiError, ApiState, access,
    auth::CallInService,
    body::StartBody,
    guessing::Guess,
    refusals, rooms as room_pages,
    starts::{Admitting, StartedResource},
};
use crate::{
    catalogue::{CALL_IN, CORE},
    meetings,
    secrets::Secret,
    store::{
        rooms::MeetingFacts,
        sip_configs::{self, SipConfig},
    },
    tariffs::TariffResource,
};

/// Compared with when an id is unknown, so that the answer takes as long as for a wrong pin.
const NOBODYS_PIN: &str = "0000000000";

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(start))
}

/// What a caller has typed.
#[derive(Debug, Deserialize, ToSchema)]
pub struct StartCallInBody {
    #[schema(min_length = 10, max_length = 10, pattern = "[0-9]+")]
    id: String,
    #[schema(value_type = String, min_length = 10, max_length = 10, pattern = "[0-9]+")]
    pin: Secret,
}

/// Enter a room for a caller
///
/// For SIP gateways: needs an access token with the realm role of call-in. An unknown id and a wrong pin are not told apart.
#[utoipa::path(
    post, path = "/services/call_in/start", tag = "services", operation_id = "start_call_in", request_body = StartCallInBody,
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A ticket", body = StartedResource),
        (status = 429, description = "Too many wrong pins for this id", body = super::error::ErrorBody),
        refusals::OfCallers, refusals::OfStarts, refusals::Always,
    ),
)]
async fn start(
    State(state): State<ApiState>,
    _service: CallInService,
    StartBody(body): StartBody<StartCallInBody>,
) -> Result<Json<StartedResource>, ApiError> {
    state.start_limits.admit_service()?;
    let config = checked(&state, &body).await?;
    let request = StartRequest {
        room: config.room_id.into(),
        caller: Caller::Sip,
        resumption: None,
        breakout_room: None,
        origin: None,
        signed_in: None,
        as_of: state.live.access_revision(),
    };
    let mut admitting = Admitting::new(&state, request);
    loop {
        let request = admitting.begin()?;
        let facts = meetings::facts(&state.db, request.room, state.clock.now()).await?;
        let facts = access::open(facts.ok_or_else(invalid_credentials)?)?;
        require_telephone(&state, &facts)?;
        let admission = meetings::caller_admission(facts, &state.config, (&state.offer, &state.seals));
        if let Some(issued) = admitting.issue(&admission).await? {
            return Ok(issued);
        }
    }
}

/// The configuration that id and pin belong to.
async fn checked(state: &ApiState, body: &StartCallInBody) -> Result<SipConfig, ApiError> {
    // Nothing is told by this: everybody knows what an id looks like.
    if !sip_configs::is_numeric_id(&body.id) {
        return Err(invalid_credentials());
    }
    let config = sip_configs::by_sip_id(&state.db, &body.id).await?;
    let is_right = || {
        let nobodys = Secret::new(NOBODYS_PIN);
        let pin = config.as_ref().map_or(&nobodys, |config| &config.password);
        pin.matches(body.pin.reveal()) & config.is_some()
    };
    match state.start_limits.guess_pin(&body.id, is_right) {
        Guess::Right => config.ok_or_else(invalid_credentials),
        Guess::Wrong => Err(invalid_credentials()),
        Guess::Refused { retry_after_secs } => Err(ApiError::too_many_requests(retry_after_secs)),
    }
}

/// The room may have been encrypted, or the tariff changed, since it got its telephone access.
fn require_telephone(state: &ApiState, facts: &MeetingFacts) -> Result<(), ApiError> {
    if facts.room.e2e_encryption {
        Err(room_pages::no_telephone(StatusCode::FORBIDDEN))
    } else if TariffResource::new(&facts.tariff, &state.offer).allows(CORE, CALL_IN) {
        Ok(())
    } else {
        Err(ApiError::feature_disabled_by_tariff(CALL_IN))
    }
}

fn invalid_credentials() -> ApiError {
    let message = "No such id, or the pin is wrong";
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_credentials", message)
}
