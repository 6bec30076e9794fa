//! `/v1/rooms/{room_id}/assets` and `…/{asset_id}`.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
            ETAG, HeaderName, LAST_MODIFIED,
        },
    },
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState, access,
    auth::CurrentUser,
    disposition::attachment,
    pages::{AsOfQuery, NewestPage, PageQuery},
    params::{InPath, InQuery},
    ranges::{Version, Wanted},
    refusals,
};
use crate::{
    assets::{DEFAULT_NAMESPACE, NewAsset, UploadError, Wish, file_name},
    permissions::Operation,
    quotas::Quota,
    store::{
        self,
        assets::{self, Asset},
    },
};

/// Type of every download: browsers shall store, not show them.
pub(super) const DOWNLOAD_TYPE: &str = "application/octet-stream";

/// Seconds after which one of too many downloads may have ended.
const READS_RETRY_SECS: u64 = 5;

const KIND_CHARS_MAX: usize = 50;
const EXTENSION_CHARS_MAX: usize = 10;
const NAMESPACE_CHARS_MAX: usize = 255;
const TITLE_CHARS_MAX: usize = 255;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, upload))
        .routes(routes!(download, delete))
}

/// What was recorded or made in a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetResource {
    pub id: Uuid,
    pub filename: String,
    /// The module that made it.
    #[schema(required = false)]
    pub namespace: String,
    pub kind: String,
    /// Bytes.
    pub size: u64,
    pub created_at: DateTime<Utc>,
}

impl From<Asset> for AssetResource {
    fn from(asset: Asset) -> Self {
        Self {
            id: asset.id,
            filename: asset.filename,
            namespace: asset.namespace,
            kind: asset.kind,
            size: asset.size,
            created_at: asset.created_at,
        }
    }
}

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its description is of use")]
struct Bytes(Vec<u8>);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// What it is: letters, digits and `_`.
    #[param(min_length = 1, max_length = 50, pattern = "^[0-9a-zA-Z_]*$")]
    kind: String,
    /// Of the file name: letters and digits, or empty.
    #[param(max_length = 10, pattern = "^[0-9a-zA-Z]*$")]
    file_extension: String,
    /// The module that made it: letters, digits, `-` and `_`.
    #[param(
        min_length = 1,
        max_length = 255,
        pattern = "^[-_0-9a-zA-Z]*$",
        default = "core"
    )]
    namespace: Option<String>,
    /// Begins the file name where the room has no event.
    #[param(max_length = 255)]
    event_title: Option<String>,
}

impl UploadQuery {
    fn check(&self) -> Result<(), ApiError> {
        let is_name = |text: &str, chars_max: usize, more: &str| {
            text.len() <= chars_max
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let namespace = self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let title = self.event_title.as_deref().unwrap_or_default();
        let refused = [
            (
                "kind",
                is_name(&self.kind, KIND_CHARS_MAX, "_") && !self.kind.is_empty(),
            ),
            ("file_extension", is_extension(&self.file_extension)),
            (
                "namespace",
                is_name(namespace, NAMESPACE_CHARS_MAX, "-_") && !namespace.is_empty(),
            ),
            (
                "event_title",
                title.chars().count() <= TITLE_CHARS_MAX && !title.contains('\0'),
            ),
        ]
        .into_iter()
        .find(|(_, holds)| !holds);
        refused.map_or(Ok(()), |(name, _)| {
            Err(ApiError::bad_request(format!(
                "{name} is too long or has characters that it may not have"
            )))
        })
    }
}

/// Whether `text` can follow the dot of a file name: at most ten letters and digits.
pub(super) fn is_extension(text: &str) -> bool {
    text.len() <= EXTENSION_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What an upload into this room depends on, unless its owner has as much already as there may be.
pub(super) async fn upload_facts(state: &ApiState, room: Uuid) -> Result<assets::UploadFacts, ApiError> {
    let facts = assets::upload_facts(&state.db, room, state.config.quotas).await;
    Ok(facts.map_err(UploadError::from)?)
}

fn no_asset() -> ApiError {
    ApiError::not_found("No such asset")
}

/// Assets of a room
///
/// Newest first.
#[utoipa::path(
    get, path = "/rooms/{room_id}/assets", tag = "assets", operation_id = "list_assets", params(("room_id" = Uuid, Path), PageQuery, AsOfQuery),
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of assets", body = Vec<AssetResource>,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    page: NewestPage,
) -> Result<Response, ApiError> {
    let room = access::room(&state, &user, room, Operation::ReadAssets).await?;
    let listed = assets::list(&state.db, room.id, page.window()).await?;
    Ok(page.page().answer(listed, AssetResource::from))
}

/// Upload an asset
///
/// The body is the content. The server makes the file name: `<event title>_<kind>_<UTC time>.<extension>`.
#[utoipa::path(
    post, path = "/rooms/{room_id}/assets", tag = "assets", operation_id = "upload_asset", params(("room_id" = Uuid, Path), UploadQuery),
    request_body(content = Bytes, content_type = DOWNLOAD_TYPE), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The new asset", body = AssetResource),
        (status = 413, description = "The content is larger than the server takes", body = super::error::ErrorBody),
        (status = 502, description = "The asset store refuses (`storage_provider_unavailable`)", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn upload(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(room): InPath<Uuid>,
    InQuery(query): InQuery<UploadQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AssetResource>, ApiError> {
    query.check()?;
    let room = access::room(&state, &user, room, Operation::CreateAsset).await?;
    let facts = upload_facts(&state, room.id).await?;
    let tariff = store::tariffs::of_user(&state.db, user.profile.id).await?;
    let uploads_max =
        |tariff: store::tariffs::Tariff| tariff.limit(Quota::UploadsPerUser, &state.config.quotas);
    let wish = Wish {
        user: user.profile.id,
        uploads_max: tariff.and_then(uploads_max),
        owner: facts.owner,
        used_storage: facts.used_storage,
        max_storage: facts.max_storage(),
        announced: announced(&headers),
        quotas: state.config.quotas,
    };
    let upload = state.assets.begin(wish).await?;
    let now = state.clock.now();
    let title = facts.event_title.or(query.event_title);
    let new = NewAsset {
        id: Uuid::new_v4(),
        room: room.id,
        created_at: now,
        filename: file_name(title.as_deref(), &query.kind, now, &query.file_extension),
        namespace: query.namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        kind: query.kind,
    };
    let asset = state.assets.store(upload, new, body.into_data_stream()).await?;
    Ok(Json(asset.into()))
}

/// Bytes that will come, if the client says so: what can't be taken need not come.
fn announced(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    length.parse().ok()
}

/// Download an asset
///
/// Ranges and conditions are those of RFC 9110; of several ranges none is served, but the whole. A user has 16 downloads at the same
/// time.
#[utoipa::path(
    get, path = "/rooms/{room_id}/assets/{asset_id}", tag = "assets", operation_id = "download_asset",
    params(("room_id" = Uuid, Path), ("asset_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The content", body = Bytes, content_type = DOWNLOAD_TYPE,
         headers(("Content-Disposition" = String, description = "The file name (RFC 6266)"),
                 ("ETag" = String, description = "For conditions"),
                 ("Last-Modified" = String, description = "For conditions"))),
        (status = 206, description = "A range of the content", body = Bytes, content_type = DOWNLOAD_TYPE,
         headers(("Content-Range" = String, description = "Which range"))),
        (status = 304, description = "The client has it already"),
        (status = 416, description = "No byte lies in the range",
         headers(("Content-Range" = String, description = "How many bytes there are"))),
        (status = 429, description = "The user has too many downloads at the same time", body = super::error::ErrorBody,
         headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 502, description = "The asset store refuses (`storage_provider_unavailable`)", body = super::error::ErrorBody),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn download(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, asset)): InPath<(Uuid, Uuid)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let room = access::room(&state, &user, room, Operation::ReadAssets).await?;
    let asset = assets::find(&state.db, room.id, asset)
        .await?
        .ok_or_else(no_asset)?;
    let version = Version {
        etag: format!("\"{}\"", asset.id.simple()),
        modified: asset.created_at,
        size: asset.size,
    };
    let (status, range) = match version.wanted(&headers) {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Wanted::Nothing => return Ok((StatusCode::NOT_MODIFIED, of_version(&version)).into_response()),
        Wanted::Unsatisfiable => return Ok(unsatisfiable(&version)),
    };
    let place = state.assets.begin_read(user.profile.id);
    let place = place.ok_or_else(|| ApiError::too_many_requests(READS_RETRY_SECS))?;
    let content = state.assets.read(asset.id, range).await?;
    let length = content.range.end - content.range.start;
    let stream = content.stream.map(move |piece| {
        // Given back when the client has everything, or has gone.
        let _held = &place;
        piece
    });
    let mut response = (status, of_version(&version), Body::from_stream(stream)).into_response();
    let more = response.headers_mut();
    more.insert(CONTENT_TYPE, HeaderValue::from_static(DOWNLOAD_TYPE));
    more.insert(CONTENT_LENGTH, length.into());
    more.insert(CONTENT_DISPOSITION, attachment(&asset.filename));
    if status == StatusCode::PARTIAL_CONTENT {
        let (first, last) = (content.range.start, content.range.end - 1);
        let range = format!("bytes {first}-{last}/{}", content.size);
        more.extend(HeaderValue::try_from(range).map(|range| (CONTENT_RANGE, range)));
    }
    Ok(response)
}

/// Headers that are the same whether or not the content comes along. Only its user's browser may keep it.
fn of_version(version: &Version) -> [(HeaderName, String); 4] {
    [
        (ETAG, version.etag.clone()),
        (LAST_MODIFIED, version.http_date()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CACHE_CONTROL, "private, no-cache".to_owned()),
    ]
}

fn unsatisfiable(version: &Version) -> Response {
    let all = format!("bytes */{}", version.size);
    let message = "No byte of the content lies in the range";
    let refusal = ApiError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "range_not_satisfiable",
        message,
    );
    ([(CONTENT_RANGE, all)], refusal).into_response()
}

/// Delete an asset
#[utoipa::path(
    delete, path = "/rooms/{room_id}/assets/{asset_id}", tag = "assets", operation_id = "delete_asset",
    params(("room_id" = Uuid, Path), ("asset_id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The asset is gone"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn delete(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((room, asset)): InPath<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    let room = access::room(&state, &user, room, Operation::DeleteAsset).await?;
    let (db, contents) = (state.db.clone(), state.assets.clone());
    // The content goes with its row even when the client has gone meanwhile.
    let deleted = store::unbroken(async move {
        let deleted = assets::delete(&db, room.id, asset).await?;
        if deleted {
            contents.remove_contents(vec![asset]);
        }
        Ok::<_, ApiError>(deleted)
    });
    if deleted.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_asset())
    }
}
