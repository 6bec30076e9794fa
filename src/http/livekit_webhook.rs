//! `POST /v1/livekit/webhook`: LiveKit says who has come into which of its rooms. No client calls it, so it is no part of the API's
//! description; docs/operating.md says how LiveKit is told of it.

use std::sync::Arc;

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    response::{IntoResponse as _, Response},
    routing::post,
};
use colloquy_actors::live::Live;
use tokio::sync::Semaphore;

use super::ApiError;
use crate::{
    clock::Clock,
    livekit::{RoomService, WEBHOOK_BYTES_MAX, Webhook, WebhookError, WebhookEvent},
};

/// Events that are taken at the same time; LiveKit tries the others again.
const AT_ONCE_MAX: usize = 16;

#[derive(Clone)]
struct Taker {
    webhook: Webhook,
    live: Live,
    media: Arc<RoomService>,
    clock: Clock,
    places: Arc<Semaphore>,
}

/// Answers LiveKit, whose events `webhook` checks.
pub fn router(webhook: Webhook, live: Live, media: Arc<RoomService>) -> Router {
    let taker = Taker {
        webhook,
        live,
        media,
        clock: Clock::system(),
        places: Arc::new(Semaphore::new(AT_ONCE_MAX)),
    };
    Router::new()
        .route("/v1/livekit/webhook", post(take))
        .with_state(taker)
}

/// Taken as soon as it is understood: what comes of it, nobody waits for.
async fn take(State(taker): State<Taker>, request: Request) -> Result<Response, ApiError> {
    let Ok(_place) = taker.places.try_acquire() else {
        return Err(ApiError::unavailable("Too many events at once"));
    };
    let header = request.headers().get(AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let hash = taker.webhook.admit(header).map_err(|error| refused(&error))?;
    let body = to_bytes(request.into_body(), WEBHOOK_BYTES_MAX).await;
    let body = body.map_err(|_| ApiError::payload_too_large(WEBHOOK_BYTES_MAX as u64))?;
    let told = hash
        .read(&body, taker.clock.now())
        .map_err(|error| refused(&error))?;
    let (room, seen) = match told {
        WebhookEvent::Joined(room, seen) => (room, Some(seen)),
        WebhookEvent::Started(room) => (room, None),
        WebhookEvent::Nothing => return Ok(StatusCode::OK.into_response()),
    };
    taker.media.note_webhook();
    taker.live.media_sighted(room, seen);
    Ok(StatusCode::OK.into_response())
}

fn refused(error: &WebhookError) -> ApiError {
    match error {
        WebhookError::Unauthorized => ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not signed by LiveKit's key",
        ),
        WebhookError::Malformed => ApiError::bad_request("Not an event of LiveKit"),
    }
}
