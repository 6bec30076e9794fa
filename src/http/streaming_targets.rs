//! `/v1/rooms/{room_id}/streaming_targets`.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use colloquy_actors::{live::Live, room::input::Notice};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access,
    auth::CurrentUser,
    body::Body,
    checks::Checks,
    pages::{Page, PageQuery},
    params::{InPath, InQuery},
    refusals, rooms,
};
use crate::{
    permissions::{Operation, Subject, check as permitted},
    secrets::Secret,
    store::{
        rooms::Room,
        streaming_targets::{
            self, Created, KEY_CHARS_MAX, NAME_CHARS_MAX, NewStreamingTarget, PER_ROOM_MAX, StreamingTarget,
            StreamingTargetChange, URL_CHARS_MAX,
        },
        users::User,
    },
    text::composed,
};

/// Protocols that streams are sent by.
const ENDPOINT_SCHEMES: &[&str] = &["rtmp", "rtmps", "rtsp", "rtsps", "srt", "http", "https"];

/// What a browser opens.
const PUBLIC_SCHEMES: &[&str] = &["http", "https"];

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, delete))
}

/// What takes streams: there is one kind.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamingKind {
    #[default]
    Custom,
}

/// Where meetings are streamed to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamingTargetResource {
    pub id: Uuid,
    pub name: String,
    pub kind: StreamingKind,
    /// For others than the room's owner without name, password, query and fragment, which may be secrets.
    #[schema(format = Uri)]
    pub streaming_endpoint: String,
    /// For the room's owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streaming_key: Option<String>,
    /// Where viewers look.
    #[schema(format = Uri)]
    pub public_url: String,
}

impl StreamingTargetResource {
    pub(super) fn new(target: StreamingTarget, shows_key: bool) -> Self {
        let key = target.streaming_key.reveal();
        Self {
            id: target.id,
            name: target.name,
            kind: StreamingKind::Custom,
            streaming_endpoint: if shows_key {
                target.streaming_endpoint
            } else {
                without_secrets(target.streaming_endpoint)
            },
            streaming_key: shows_key.then(|| key.to_owned()),
            public_url: target.public_url,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateStreamingTargetBody {
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    #[serde(rename = "kind")]
    _kind: StreamingKind,
    #[schema(format = Uri, max_length = 2048)]
    streaming_endpoint: String,
    #[schema(min_length = 1, max_length = 1024)]
    streaming_key: String,
    #[schema(format = Uri, max_length = 2048)]
    public_url: String,
}

/// What changes of a target; what is absent or null stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeStreamingTargetBody {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    #[serde(rename = "kind")]
    _kind: Option<StreamingKind>,
    #[schema(format = Uri, max_length = 2048)]
    streaming_endpoint: Option<String>,
    #[schema(min_length = 1, max_length = 1024)]
    streaming_key: Option<String>,
    #[schema(format = Uri, max_length = 2048)]
    public_url: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UntoldQuery {
    /// Tell invitees nothing.
    #[serde(default, rename = "suppress_email_notification")]
    _suppress_mail: bool,
}

/// Some services take name and password in the endpoint, a passphrase or a key in its query, beside or instead of a key: who
/// may not see the key sees none of them. Such an endpoint ends with its path.
fn without_secrets(endpoint: String) -> String {
    let Ok(mut url) = Url::parse(&endpoint) else {
        return String::new();
    };
    let has_login = !url.username().is_empty() || url.password().is_some();
    if !has_login && url.query().is_none() && url.fragment().is_none() {
        return endpoint;
    }
    url.set_query(None);
    url.set_fragment(None);
    // Checked when it was set, an endpoint has a host; then both can be taken out.
    match url.set_username("").and_then(|()| url.set_password(None)) {
        Ok(()) => url.into(),
        Err(()) => String::new(),
    }
}

/// An absolute URL with a host, of a scheme that is known.
fn check_url(checks: &mut Checks, field: &str, text: &str, schemes: &[&str]) {
    checks.text(field, text, URL_CHARS_MAX);
    let is_fine = Url::parse(text).is_ok_and(|url| {
        schemes.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    });
    if !is_fine {
        checks.refuse(
            field,
            "invalid_value",
            format!("must be a URL with one of these schemes: {}", schemes.join(", ")),
        );
    }
}

/// The parts of a target; what is absent is not looked at.
struct Parts<'a> {
    name: Option<&'a str>,
    endpoint: Option<&'a str>,
    key: Option<&'a str>,
    public_url: Option<&'a str>,
}

impl Parts<'_> {
    /// `prefix` stands before the names of fields.
    fn check(&self, checks: &mut Checks, prefix: &str) {
        let field = |name: &str| format!("{prefix}{name}");
        if let Some(name) = self.name {
            checks.filled(&field("name"), name, NAME_CHARS_MAX);
        }
        if let Some(endpoint) = self.endpoint {
            check_url(checks, &field("streaming_endpoint"), endpoint, ENDPOINT_SCHEMES);
        }
        if let Some(key) = self.key {
            checks.filled(&field("streaming_key"), key, KEY_CHARS_MAX);
        }
        if let Some(url) = self.public_url {
            check_url(checks, &field("public_url"), url, PUBLIC_SCHEMES);
            if Url::parse(url).is_ok_and(|url| url.password().is_some()) {
                let message = "must be without a password: all participants see it";
                checks.refuse(&field("public_url"), "invalid_value", message);
            }
        }
    }
}

impl CreateStreamingTargetBody {
    /// The new target of a room. Findings name fields behind `prefix`.
    pub(super) fn checked(
        self,
        checks: &mut Checks,
        prefix: &str,
        room_id: Uuid,
        created_at: DateTime<Utc>,
    ) -> NewStreamingTarget {
        let name = composed(self.name);
        let parts = Parts {
            name: Some(&name),
            endpoint: Some(&self.streaming_endpoint),
            key: Some(&self.streaming_key),
            public_url: Some(&self.public_url),
        };
        parts.check(checks, prefix);
        NewStreamingTarget {
            id: Uuid::new_v4(),
            room_id,
            created_at,
            name,
            streaming_endpoint: self.streaming_endpoint,
            streaming_key: Secret::new(self.streaming_key),
            public_url: self.public_url,
        }
    }
}

/// The room, if the user may read its targets, and whether their keys too.
async fn with_sight(state: &ApiState, user: &User, room: Uuid) -> Result<(Room, bool), ApiError> {
    let related = access::related_room(state, user, room, Operation::ReadStreamingTargets).await?;
    let sees_keys = permitted(Subject::User(related.standing), Operation::ReadStreamingKeys).is_ok();
    Ok((related.room, sees_keys))
}

/// Tells the living room that the targets are others.
pub(super) fn tell_meeting(live: &Live, room: Uuid) {
    live.notify(room.into(), Notice::StreamingTargets);
}

fn no_target() -> ApiError {
    ApiError::not_found("No such streaming target")
}

/// The streaming targets of a room
///
/// In the order of their creation.
#[utoipa::path(
    get, path = "/rooms/{room_id}/streaming_targets", tag = "streaming", operation_id = "list_streaming_targets",
    params(("room_id" = Uuid, Path), PageQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of targets", body = Vec<StreamingTargetResource>,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    page: Page,
) -> Result<Response, ApiError> {
    let (room, shows_key) = with_sight(&state, &user, room).await?;
    let listed = streaming_targets::list(&state.db, room.id, page.window()).await?;
    Ok(page.answer(listed, |target| StreamingTargetResource::new(target, shows_key)))
}

/// Add a streaming target
#[utoipa::path(
    post, path = "/rooms/{room_id}/streaming_targets", tag = "streaming", operation_id = "create_streaming_target",
    params(("room_id" = Uuid, Path), UntoldQuery), request_body = CreateStreamingTargetBody, security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "The new target", body = StreamingTargetResource),
        (status = 409, description = "The room has 100 targets already", body = super::error::ErrorBody),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn create(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    InQuery(_query): InQuery<UntoldQuery>,
    Body(body): Body<CreateStreamingTargetBody>,
) -> Result<(StatusCode, Json<StreamingTargetResource>), ApiError> {
    let (mut checks, now) = (Checks::default(), state.clock.now());
    let new = body.checked(&mut checks, "", room, now);
    checks.finish()?;
    access::room(&state, &user, room, Operation::ChangeStreamingTargets).await?;
    match streaming_targets::create(&state.db, new).await? {
        Created::Target(target) => {
            tell_meeting(&state.live, room);
            let resource = StreamingTargetResource::new(target, true);
            Ok((StatusCode::CREATED, Json(resource)))
        }
        Created::TooMany => Err(ApiError::conflict(format!(
            "The room has {PER_ROOM_MAX} streaming targets already"
        ))),
        Created::RoomIsGone => Err(rooms::no_room()),
    }
}

/// A streaming target
#[utoipa::path(
    get, path = "/rooms/{room_id}/streaming_targets/{streaming_target_id}", tag = "streaming", operation_id = "get_streaming_target",
    params(("room_id" = Uuid, Path), ("streaming_target_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The target", body = StreamingTargetResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, target)): InPath<(Uuid, Uuid)>,
) -> Result<Json<StreamingTargetResource>, ApiError> {
    let (room, shows_key) = with_sight(&state, &user, room).await?;
    let target = streaming_targets::get(&state.db, room.id, target)
        .await?
        .ok_or_else(no_target)?;
    Ok(Json(StreamingTargetResource::new(target, shows_key)))
}

/// Change a streaming target
#[utoipa::path(
    patch, path = "/rooms/{room_id}/streaming_targets/{streaming_target_id}", tag = "streaming",
    operation_id = "change_streaming_target",
    params(("room_id" = Uuid, Path), ("streaming_target_id" = Uuid, Path), UntoldQuery),
    request_body = ChangeStreamingTargetBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The target as it is now", body = StreamingTargetResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, target)): InPath<(Uuid, Uuid)>,
    InQuery(_query): InQuery<UntoldQuery>,
    Body(body): Body<ChangeStreamingTargetBody>,
) -> Result<Json<StreamingTargetResource>, ApiError> {
    let name = body.name.map(composed);
    let parts = Parts {
        name: name.as_deref(),
        endpoint: body.streaming_endpoint.as_deref(),
        key: body.streaming_key.as_deref(),
        public_url: body.public_url.as_deref(),
    };
    let mut checks = Checks::default();
    parts.check(&mut checks, "");
    checks.finish()?;
    let change = StreamingTargetChange {
        name,
        streaming_endpoint: body.streaming_endpoint,
        streaming_key: body.streaming_key.map(Secret::new),
        public_url: body.public_url,
    };
    let room = access::room(&state, &user, room, Operation::ChangeStreamingTargets).await?;
    let target = if change == StreamingTargetChange::default() {
        streaming_targets::get(&state.db, room.id, target).await?
    } else {
        streaming_targets::update(&state.db, room.id, target, change).await?
    };
    let target = target.ok_or_else(no_target)?;
    tell_meeting(&state.live, room.id);
    Ok(Json(StreamingTargetResource::new(target, true)))
}

/// Delete a streaming target
#[utoipa::path(
    delete, path = "/rooms/{room_id}/streaming_targets/{streaming_target_id}", tag = "streaming",
    operation_id = "delete_streaming_target",
    params(("room_id" = Uuid, Path), ("streaming_target_id" = Uuid, Path), UntoldQuery), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The target is gone"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, target)): InPath<(Uuid, Uuid)>,
    InQuery(_query): InQuery<UntoldQuery>,
) -> Result<StatusCode, ApiError> {
    let room = access::room(&state, &user, room, Operation::ChangeStreamingTargets).await?;
    if streaming_targets::delete(&state.db, room.id, target).await? {
        tell_meeting(&state.live, room.id);
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_target())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_endpoint(text: &str) -> bool {
        let mut checks = Checks::default();
        check_url(&mut checks, "streaming_endpoint", text, ENDPOINT_SCHEMES);
        checks.finish().is_ok()
    }

    #[test]
    fn an_endpoint_is_shown_without_what_may_be_a_secret() {
        for (endpoint, shown) in [
            ("srt://h:900?passphrase=swordfish", "srt://h:900"),
            ("srt://h:900?", "srt://h:900"),
            ("rtmp://h/app?key=swordfish&x=y#swordfish", "rtmp://h/app"),
            ("rtmp://alice:swordfish@h/app?key=x", "rtmp://h/app"),
            ("https://alice@h/whip#x", "https://h/whip"),
            ("RTMP://h/app", "RTMP://h/app"),
            ("no URL: swordfish", ""),
        ] {
            assert_eq!(without_secrets(endpoint.to_owned()), shown, "{endpoint}");
        }
    }

    #[test]
    fn endpoints_are_urls_that_take_streams() {
        for fine in [
            "rtmp://live.example.org/app",
            "rtmps://live.example.org:443/app?x=y",
            "srt://10.0.0.1:9000",
            "https://ingest.example.org/whip",
        ] {
            assert!(is_endpoint(fine), "{fine}");
        }
        let long = format!("rtmp://live.example.org/{}", "x".repeat(URL_CHARS_MAX));
        for wrong in [
            "",
            "live.example.org",
            "/app",
            "rtmp:",
            "rtmp://",
            "https://",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/plain,x",
            "rtmp://live.example.org/\0",
            &long,
        ] {
            assert!(!is_endpoint(wrong), "{wrong:?}");
        }
    }
}
