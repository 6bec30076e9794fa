//! LiveKit: what the live core is told of it, and the calls that rooms want made.

mod looks;
mod messages;
mod mutes;
mod orders;
mod room_service;
mod shown;
mod sweep;
mod timeouts;
mod webhook;

use colloquy_actors::livekit::Livekit;
use url::Url;

pub use self::{
    room_service::{ANSWER_BYTES_MAX, CALLS_MAX, CallError, LIST_BYTES_MAX, RoomService},
    sweep::{Sweep, SweepError},
    timeouts::LivekitTimeouts,
    webhook::{WEBHOOK_BYTES_MAX, Webhook, WebhookError, WebhookEvent},
};
pub use crate::breaker::FAILURES_MAX;
use crate::config;

/// The keys with which rooms sign access tokens, and LiveKit's addresses for clients.
#[must_use]
pub fn keys(settings: &config::Livekit) -> Livekit {
    let text = |url: &Url| as_ws(url).as_str().trim_end_matches('/').to_owned();
    Livekit::new(
        text(&settings.public_url),
        text(&settings.service_url),
        settings.api_key.clone(),
        settings.api_secret.reveal(),
    )
}

/// The same address with another scheme, secure where it was.
fn with_scheme(url: &Url, plain: &str, secure: &str) -> Url {
    let is_secure = matches!(url.scheme(), "https" | "wss");
    let mut url = url.clone();
    // Between these four schemes a change is always allowed.
    let _ = url.set_scheme(if is_secure { secure } else { plain });
    url
}

fn as_http(url: &Url) -> Url {
    with_scheme(url, "http", "https")
}

fn as_ws(url: &Url) -> Url {
    with_scheme(url, "ws", "wss")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_fit_their_use_and_stay_secure() {
        for (given, http, ws) in [
            (
                "ws://localhost:7880",
                "http://localhost:7880/",
                "ws://localhost:7880/",
            ),
            (
                "wss://media.example",
                "https://media.example/",
                "wss://media.example/",
            ),
            (
                "https://media.example/lk",
                "https://media.example/lk",
                "wss://media.example/lk",
            ),
        ] {
            let url = Url::parse(given).unwrap();
            assert_eq!((as_http(&url).as_str(), as_ws(&url).as_str()), (http, ws));
        }
    }
}
