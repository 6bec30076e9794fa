//! `/v1/services/recording/jobs`, `…/start` and `…/upload`, for recorders.

mod chunk;
mod heard;
mod jobs;
mod pieces;
mod socket;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, Utc};
use colloquy_actors::{
    ids::{BreakoutRoomId, RoomId},
    live::{Admission, StartRequest},
    protocol::meeting::Caller,
    room::locations::StreamLocations,
};
use serde::Deserialize;
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access,
    assets::{is_extension, upload_facts},
    auth::RecorderService,
    body::StartBody,
    params::InQuery,
    refusals,
    starts::{Admitting, StartedResource},
    upgrade::Upgrade,
    web_origins,
};
use crate::{
    assets::{NewAsset, RecordingError, file_name},
    catalogue::RECORDING,
    meetings,
    store::{
        TIME_MAX, TIME_MIN, rooms,
        streaming_targets::{self, StreamingTarget},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(hand_out))
        .routes(routes!(start))
        .routes(routes!(upload))
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct StartRecordingBody {
    room_id: Uuid,
    /// Into a breakout room; absent or null: the main room.
    breakout_room: Option<Uuid>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UploadRecordingQuery {
    room_id: Uuid,
    /// Of the file name: letters and digits, or empty.
    #[param(max_length = 10, pattern = "^[0-9a-zA-Z]*$")]
    file_extension: String,
    /// When the recording began, for the file name.
    #[param(value_type = DateTime<Utc>)]
    timestamp: String,
}

impl UploadRecordingQuery {
    fn timestamp(&self) -> Result<DateTime<Utc>, ApiError> {
        let parse = |text: &str| DateTime::parse_from_rfc3339(text).ok();
        // The + of an offset is a space in a query unless it is escaped, which not everybody does.
        let parsed = parse(&self.timestamp).or_else(|| parse(&self.timestamp.replace(' ', "+")));
        let at = parsed.map(|at| at.with_timezone(&Utc));
        at.filter(|at| (TIME_MIN..=TIME_MAX).contains(at))
            .ok_or_else(|| ApiError::bad_request("timestamp must be a time of RFC 3339"))
    }
}

/// Be handed rooms to record
///
/// A WebSocket with messages in JSON, see docs/protocol/recording.md. A recorder that says `{"action":"ready"}` is offered one job:
/// `{"message":"job","job":"…","room":"…","breakout":null}`. It has two seconds for `{"action":"accept","job":"…"}` or `decline`.
#[utoipa::path(
    get, path = "/services/recording/jobs", tag = "services", operation_id = "take_recording_jobs",
    security(("BearerAuth" = [])),
    responses(
        (status = 101, description = "The WebSocket is open"),
        refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn hand_out(
    State(state): State<ApiState>,
    _recorder: RecorderService,
    request: Request,
) -> Result<Response, ApiError> {
    web_origins::admit(&state.config.http, request.headers())?;
    let hand_out = state.recorders.hand_out().ok_or_else(no_recorders)?.clone();
    let upgrade = Upgrade::of(request)?;
    let stopping = state.recordings.stopping();
    if stopping.is_cancelled() {
        return Err(RecordingError::Stopping.into());
    }
    let place = hand_out
        .connect()
        .map_err(|error| ApiError::unavailable(error.to_string()))?;
    Ok(upgrade.accept(None, move |stream| jobs::serve(stream, hand_out, place, stopping)))
}

/// Without a way for recorders to learn of their work, meetings can't be recorded, and nobody comes in to do it.
fn no_recorders() -> ApiError {
    ApiError::not_found("This server has no recorders")
}

/// Whether a room may be recorded at all.
fn require_recording(state: &ApiState, facts: &rooms::MeetingFacts) -> Result<(), ApiError> {
    if facts.room.e2e_encryption {
        let message = "A recorder can not take part in an encrypted room";
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "service_unavailable",
            message,
        ))
    } else if state.offer.has_module(RECORDING, &facts.tariff) {
        Ok(())
    } else {
        Err(ApiError::feature_disabled_by_tariff(RECORDING))
    }
}

/// Where the streams of a room are sent to: each endpoint with its key as the last segment of the path.
async fn locations(state: &ApiState, room: Uuid) -> Result<StreamLocations, ApiError> {
    let targets = streaming_targets::of_rooms(&state.db, &[room]).await?;
    let targets = targets.into_values().flatten();
    Ok(targets
        .map(|target| (target.id.into(), location(&target)))
        .collect())
}

fn location(target: &StreamingTarget) -> String {
    let Ok(mut url) = Url::parse(&target.streaming_endpoint) else {
        return target.streaming_endpoint.clone();
    };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(target.streaming_key.reveal());
    }
    url.into()
}

/// Enter a room as its recorder
///
/// The recorder is hidden, and skips the waiting room.
#[utoipa::path(
    post, path = "/services/recording/start", tag = "services", operation_id = "start_recording",
    request_body = StartRecordingBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A ticket", body = StartedResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfStarts, refusals::Always,
    ),
)]
async fn start(
    State(state): State<ApiState>,
    _recorder: RecorderService,
    StartBody(body): StartBody<StartRecordingBody>,
) -> Result<Json<StartedResource>, ApiError> {
    state.start_limits.admit_service()?;
    if !state.config.recording.has_recorders() {
        return Err(no_recorders());
    }
    upload_facts(&state, body.room_id).await?;
    let request = StartRequest {
        room: RoomId(body.room_id),
        caller: Caller::Recorder,
        resumption: None,
        breakout_room: body.breakout_room.map(BreakoutRoomId),
        origin: None,
        signed_in: None,
        as_of: state.live.access_revision(),
    };
    let mut admitting = Admitting::new(&state, request);
    loop {
        admitting.begin()?;
        let facts = rooms::meeting_facts(&state.db, body.room_id).await?;
        let facts = access::open(facts.ok_or_else(|| ApiError::not_found("No such room"))?)?;
        require_recording(&state, &facts)?;
        let locations = locations(&state, body.room_id).await?;
        let admission = Admission {
            identity: Some(meetings::recorder()),
            ..meetings::admission(facts, None, &state.config, (&state.offer, &state.seals))
        };
        if let Some(issued) = admitting.issue(&admission).await? {
            state.live.set_stream_locations(RoomId(body.room_id), locations);
            return Ok(issued);
        }
    }
}

/// Upload a recording
///
/// A WebSocket. Each message, text or binary, is a chunk: four bytes with its number (big-endian, from 0), then data. The
/// recording is the data in the order of the numbers; a number sent again replaces the chunk. A close frame ends it, and is
/// answered when the recording is stored.
#[utoipa::path(
    get, path = "/services/recording/upload", tag = "services", operation_id = "upload_recording",
    params(UploadRecordingQuery), security(("BearerAuth" = [])),
    responses(
        (status = 101, description = "The WebSocket is open"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn upload(
    State(state): State<ApiState>,
    _recorder: RecorderService,
    InQuery(query): InQuery<UploadRecordingQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    web_origins::admit(&state.config.http, request.headers())?;
    let began_at = query.timestamp()?;
    if !is_extension(&query.file_extension) {
        let message = "file_extension must have at most 10 letters and digits";
        return Err(ApiError::bad_request(message));
    }
    let facts = upload_facts(&state, query.room_id).await?;
    let upgrade = Upgrade::of(request)?;
    let title = facts.event_title.as_deref();
    let asset = NewAsset {
        id: Uuid::new_v4(),
        room: query.room_id,
        created_at: state.clock.now(),
        namespace: RECORDING.to_owned(),
        kind: RECORDING.to_owned(),
        filename: file_name(title, RECORDING, began_at, &query.file_extension),
    };
    let recording = state.recordings.begin(asset, facts.owner).await?;
    let stopping = state.recordings.stopping();
    Ok(upgrade.accept(None, move |stream| socket::receive(stream, recording, stopping)))
}

impl From<RecordingError> for ApiError {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Stopping => Self::unavailable("The server is stopping"),
            RecordingError::Busy => Self::unavailable("Too many recordings come in"),
            RecordingError::Full(full) => full.into(),
            error @ (RecordingError::Spool(_) | RecordingError::TooLarge) => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_with_and_without_escapes() {
        let parsed = |timestamp: &str| {
            let query = UploadRecordingQuery {
                room_id: Uuid::nil(),
                file_extension: String::new(),
                timestamp: timestamp.to_owned(),
            };
            query.timestamp().ok().map(|at| at.to_rfc3339())
        };
        for good in [
            "2025-01-31T14:05:09Z",
            "2025-01-31T15:05:09+01:00",
            "2025-01-31T15:05:09 01:00",
        ] {
            assert_eq!(
                parsed(good).as_deref(),
                Some("2025-01-31T14:05:09+00:00"),
                "{good}"
            );
        }
        for bad in [
            "",
            "now",
            "2025-01-31",
            "1969-12-31T23:59:59Z",
            "3000-01-01T00:00:00Z",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
