//! `GET /signaling`: a ticket becomes a WebSocket session.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, Uri, header::SEC_WEBSOCKET_PROTOCOL},
    response::Response,
    routing::get,
};
use serde::Deserialize;

use colloquy_actors::{
    live::Live,
    protocol::{SUBPROTOCOL, TICKET_PREFIX, meeting::Caller},
    session::{Places, RedeemedTicket},
};

use crate::{
    client_address::ClientAddress,
    concurrency_limit::{ConcurrencyLimit, NetworkLimit, NetworkPermit, Permit},
    config::{Config, Http},
    disabled_users::DisabledUsers,
    http::{ApiError, inventions::Inventions, upgrade::Upgrade, web_origins},
    origins::Origins,
    readiness::Readiness,
};

/// What upgrades work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signaling {
    live: Live,
    readiness: Readiness,
    disabled_users: DisabledUsers,
    per_address: NetworkLimit,
    per_user: ConcurrencyLimit<Caller>,
    /// Sockets that have yet to join.
    unjoined: NetworkLimit,
    inventions: Inventions,
    origins: Origins,
    http: Arc<Http>,
    loopback_exempt: bool,
}

/// A session's places in the limits, given back when it ends.
#[derive(Debug)]
struct WhileOpen {
    _address: Option<NetworkPermit>,
    _user: Option<Permit<Caller>>,
}

impl Signaling {
    #[must_use]
    pub fn new(
        config: &Config,
        live: Live,
        readiness: Readiness,
        disabled_users: DisabledUsers,
        origins: Origins,
    ) -> Self {
        Self {
            live,
            readiness,
            disabled_users,
            per_address: NetworkLimit::new(config.signaling.sessions_per_address_max),
            per_user: ConcurrencyLimit::new(config.signaling.sessions_per_user_max),
            unjoined: NetworkLimit::new(config.signaling.unjoined_sockets_per_network),
            inventions: Inventions::new(config),
            origins,
            http: Arc::new(config.http.clone()),
            loopback_exempt: config.dev_issuer_enabled(),
        }
    }

    /// Serves at the root and under `/v1`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/signaling", get(open))
            .route("/v1/signaling", get(open))
            .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
            .with_state(self)
    }

    /// A place of the client's network within a limit.
    fn place(&self, limit: &NetworkLimit, address: ClientAddress) -> Result<Option<NetworkPermit>, ApiError> {
        if self.loopback_exempt && address.0.is_loopback() {
            return Ok(None);
        }
        limit.take(address.0).map(Some).ok_or_else(too_many)
    }

    /// Whether the holder of a ticket, or the owner of the room it leads into, was locked out since it was given.
    fn is_shut_out(&self, seat: &RedeemedTicket, caller: Caller) -> bool {
        let holder = match caller {
            Caller::User(user) => Some(user),
            Caller::Guest(_) | Caller::Sip | Caller::Recorder => None,
        };
        let mut people = holder.into_iter().chain(seat.room_owner());
        people.any(|user| self.disabled_users.has(user.0))
    }

    fn user_place(&self, caller: Caller) -> Result<Option<Permit<Caller>>, ApiError> {
        match caller {
            Caller::User(_) => self.per_user.take(caller).map(Some).ok_or_else(too_many),
            // An invite code is shared by many guests, and a gateway calls for many.
            Caller::Guest(_) | Caller::Sip | Caller::Recorder => Ok(None),
        }
    }
}

/// Seconds after which a session may have ended.
const TOO_MANY_RETRY_SECS: u64 = 5;

fn too_many() -> ApiError {
    ApiError::too_many_requests(TOO_MANY_RETRY_SECS)
}

async fn open(
    State(signaling): State<Signaling>,
    Extension(address): Extension<ClientAddress>,
    request: Request,
) -> Result<Response, ApiError> {
    web_origins::admit(&signaling.http, request.headers())?;
    let ticket = ticket(request.headers())?;
    let resume_from = resume_from(request.uri())?;
    let upgrade = Upgrade::of(request)?;
    if signaling.readiness.is_stopping() {
        return Err(ApiError::unavailable("The server is stopping"));
    }
    signaling.inventions.admit(address)?;
    let place = signaling.place(&signaling.per_address, address)?;
    let unjoined = signaling.place(&signaling.unjoined, address)?;
    let (seat, caller) = signaling.live.redeem(&ticket).await.map_err(|_| {
        signaling.inventions.count(address);
        invalid_ticket()
    })?;
    if signaling.is_shut_out(&seat, caller) {
        return Err(invalid_ticket());
    }
    let while_open = WhileOpen {
        _address: place,
        _user: signaling.user_place(caller)?,
    };
    let origin = signaling.origins.of(address);
    let seat = seat.resuming_from(resume_from).from(origin);
    let places = Places {
        while_open: Box::new(while_open),
        until_seated: Box::new(unjoined),
    };
    // When the client vanishes first, the seat was not taken: nobody has seen it, and its id expires with its token.
    Ok(upgrade.accept(Some(SUBPROTOCOL), move |stream| async move {
        signaling.live.begin_session(seat, stream, places).await;
    }))
}

/// The ticket among the offered subprotocols, in any order and in one header or several.
fn ticket(headers: &HeaderMap) -> Result<String, ApiError> {
    let bad = |code, message| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    let mut offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().peekable();
    if offered.peek().is_none() {
        return Err(bad(
            "missing_protocol",
            "The header Sec-WebSocket-Protocol is missing",
        ));
    }
    let (mut known, mut ticket) = (false, None);
    for name in offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let name = name.trim();
        known |= name == SUBPROTOCOL;
        ticket = ticket.or_else(|| name.strip_prefix(TICKET_PREFIX));
    }
    if !known {
        return Err(bad(
            "invalid_protocol",
            "The only protocol here is opentalk-signaling-json-v1.0",
        ));
    }
    let missing = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "missing_ticket",
            "No ticket#<ticket> was offered",
        )
    };
    ticket.map(str::to_owned).ok_or_else(missing)
}

/// The number of the last event that a client has seen, if it asks to go on from there.
fn resume_from(uri: &Uri) -> Result<Option<u64>, ApiError> {
    #[derive(Deserialize)]
    struct Asked {
        resume_from: Option<u64>,
    }
    let asked = Query::<Asked>::try_from_uri(uri);
    let asked = asked.map_err(|_| ApiError::bad_request("resume_from is the number of an event"))?;
    Ok(asked.resume_from)
}

fn invalid_ticket() -> ApiError {
    let message = "The ticket is unknown, expired or was redeemed";
    ApiError::new(StatusCode::UNAUTHORIZED, "invalid_ticket", message)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn offered(values: &[&'static str]) -> Result<String, String> {
        let headers = values
            .iter()
            .map(|value| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value)))
            .collect();
        ticket(&headers).map_err(|error| error.code().to_owned())
    }

    #[test]
    fn the_ticket_stands_anywhere_among_the_protocols() {
        for values in [
            &["opentalk-signaling-json-v1.0, ticket#abc"][..],
            &["ticket#abc,opentalk-signaling-json-v1.0"],
            &["ticket#abc", "other, opentalk-signaling-json-v1.0"],
        ] {
            assert_eq!(offered(values).as_deref(), Ok("abc"), "{values:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (values, code) in [
            (&[][..], "missing_protocol"),
            (&["ticket#abc"], "invalid_protocol"),
            (&["opentalk-signaling-json-v2.0, ticket#abc"], "invalid_protocol"),
            (&["opentalk-signaling-json-v1.0"], "missing_ticket"),
        ] {
            assert_eq!(
                offered(values).as_ref().map_err(String::as_str),
                Err(code),
                "{values:?}"
            );
        }
    }
}
