//! `GET /v1/turn`: relays for clients that no direct way leads to.

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiState, auth::Caller, refusals, starts::Asker};
use crate::{
    client_address::ClientAddress,
    config::{Turn, TurnServer},
    turn::{self, Pseudonym},
};

/// Seconds for which credentials of guests are good at the most: whoever has a link has them, before any password.
const GUEST_SECS_MAX: u64 = 3_600;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// An entry for the list of ICE servers of a browser.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum IceServerResource {
    Turn {
        username: String,
        password: String,
        /// Seconds for which the credentials are good.
        ttl: u64,
        uris: Vec<String>,
    },
    Stun {
        uris: Vec<String>,
    },
}

impl IceServerResource {
    fn turn(server: &TurnServer, (who, ttl): (&Pseudonym, u64), state: &ApiState) -> Self {
        let credentials = turn::credentials(&server.secret, who, state.clock.now(), ttl);
        Self::Turn {
            username: credentials.username,
            password: credentials.password,
            ttl,
            uris: server.uris.clone(),
        }
    }
}

/// TURN and STUN servers
///
/// With credentials for the caller by the TURN REST scheme. Guests get them too, for an hour at most and as often as
/// tickets.
#[utoipa::path(
    get, path = "/turn", tag = "turn", operation_id = "list_turn_servers", security(("BearerAuth" = []), ("InviteCode" = [])),
    responses(
        (status = 200, description = "The servers", body = Vec<IceServerResource>),
        (status = 204, description = "No server is configured"),
        refusals::OfCallers, refusals::OfCounted, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let Turn {
        servers,
        stun_uris,
        lifetime_secs,
    } = &state.config.turn;
    let (who, ttl) = match &caller {
        Caller::User(user) => (Pseudonym::of_user(user.profile.id), *lifetime_secs),
        Caller::Guest(invite) => {
            if !servers.is_empty() {
                let asker = state.start_limits.asker(address, || Asker::Invite(invite.code));
                state.start_limits.admit_to_relays(asker)?;
            }
            (
                Pseudonym::of_guest(invite.code),
                GUEST_SECS_MAX.min(*lifetime_secs),
            )
        }
    };
    let turn = servers
        .iter()
        .map(|server| IceServerResource::turn(server, (&who, ttl), &state));
    let stun = (!stun_uris.is_empty()).then(|| IceServerResource::Stun {
        uris: stun_uris.clone(),
    });
    let entries: Vec<_> = turn.chain(stun).collect();
    if entries.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(entries).into_response())
}
