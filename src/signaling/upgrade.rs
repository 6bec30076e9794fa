//! The WebSocket handshake (RFC 6455, section 4.2).

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
            SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    response::Response,
};
use colloquy_actors::{
    live::Live,
    protocol::SUBPROTOCOL,
    session::{Seat, socket_config},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::Places;
use crate::http::ApiError;

/// A request that can become a WebSocket.
pub(super) struct Upgrade {
    accept: HeaderValue,
    upgraded: OnUpgrade,
}

impl Upgrade {
    pub(super) fn of(mut request: Request) -> Result<Self, ApiError> {
        let headers = request.headers();
        let asked = request.method() == Method::GET
            && names(headers, &CONNECTION, "upgrade")
            && names(headers, &UPGRADE, "websocket")
            && headers
                .get(SEC_WEBSOCKET_VERSION)
                .is_some_and(|version| version == "13");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asked);
        let accept = key.and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
        let (Some(accept), Some(upgraded)) = (accept, request.extensions_mut().remove::<OnUpgrade>()) else {
            return Err(ApiError::bad_request("This is for WebSockets of version 13 only"));
        };
        Ok(Self { accept, upgraded })
    }

    /// Answers 101; the session begins when the connection has been handed over.
    pub(super) fn accept(self, live: Live, seat: Seat, places: Places) -> Response {
        let upgraded = self.upgraded;
        tokio::spawn(async move {
            match upgraded.await {
                Ok(upgraded) => {
                    let config = Some(socket_config());
                    let socket =
                        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, config).await;
                    live.begin_session(seat, socket, Box::new(places)).await;
                }
                // The seat was not taken: nobody has seen it, and its id expires with its token.
                Err(error) => tracing::debug!(%error, "a client vanished during the upgrade"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        response
    }
}

/// Whether a list header names a token, in any case.
fn names(headers: &HeaderMap, header: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case(token))
}
