//! The WebSocket handshake (RFC 6455, section 4.2). It is ours rather than the framework's, so that the socket's buffers
//! are chosen and its library is the one that the rest speaks with.

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
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::ApiError;

/// A request that can become a WebSocket.
#[derive(Debug)]
pub struct Upgrade {
    accept: HeaderValue,
    upgraded: OnUpgrade,
}

/// Bytes of a key (RFC 6455, section 4.2.1).
const KEY_BYTES: usize = 16;

fn is_key(key: &HeaderValue) -> bool {
    STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES)
}

impl Upgrade {
    pub fn of(mut request: Request) -> Result<Self, ApiError> {
        let headers = request.headers();
        let asked = request.method() == Method::GET
            && names(headers, &CONNECTION, "upgrade")
            && names(headers, &UPGRADE, "websocket")
            && headers
                .get(SEC_WEBSOCKET_VERSION)
                .is_some_and(|version| version == "13");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| asked && is_key(key));
        let accept = key.and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
        let (Some(accept), Some(upgraded)) = (accept, request.extensions_mut().remove::<OnUpgrade>()) else {
            return Err(ApiError::bad_request("This is for WebSockets of version 13 only"));
        };
        Ok(Self { accept, upgraded })
    }

    /// Answers 101; `begin` gets the connection when it has been handed over, and is dropped when the client vanishes
    /// before.
    pub fn accept<F>(
        self,
        protocol: Option<&'static str>,
        begin: impl FnOnce(TokioIo<Upgraded>) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let upgraded = self.upgraded;
        tokio::spawn(async move {
            match upgraded.await {
                Ok(upgraded) => begin(TokioIo::new(upgraded)).await,
                Err(error) => tracing::debug!(%error, "a client vanished during the upgrade"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
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
