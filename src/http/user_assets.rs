//! `/v1/users/me/assets`.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState,
    assets::AssetResource,
    auth::CurrentUser,
    pages::{AsOfQuery, NewestPage, PageQuery},
    params::InQuery,
    refusals,
};
use crate::store::assets::{self, Order, OwnedAsset, SortBy};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// An asset and where it belongs.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnedAssetResource {
    #[serde(flatten)]
    pub asset: AssetResource,
    pub room_id: Uuid,
    /// The event of the room; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Uuid>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OwnedAssetsResource {
    pub owned_assets: Vec<OwnedAssetResource>,
}

impl From<OwnedAsset> for OwnedAssetResource {
    fn from(owned: OwnedAsset) -> Self {
        Self {
            room_id: owned.asset.room_id,
            event_id: owned.event_id,
            asset: owned.asset.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SortQuery {
    Filename,
    Size,
    Namespace,
    Kind,
    #[default]
    CreatedAt,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OrderQuery {
    Ascending,
    #[default]
    Descending,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SortedQuery {
    /// By what they are sorted.
    #[serde(default)]
    #[param(inline, default = "created_at")]
    sort: SortQuery,
    #[serde(default)]
    #[param(inline, default = "descending")]
    order: OrderQuery,
}

impl From<SortQuery> for SortBy {
    fn from(sort: SortQuery) -> Self {
        match sort {
            SortQuery::Filename => Self::Filename,
            SortQuery::Size => Self::Size,
            SortQuery::Namespace => Self::Namespace,
            SortQuery::Kind => Self::Kind,
            SortQuery::CreatedAt => Self::CreatedAt,
        }
    }
}

impl From<OrderQuery> for Order {
    fn from(order: OrderQuery) -> Self {
        match order {
            OrderQuery::Ascending => Self::Ascending,
            OrderQuery::Descending => Self::Descending,
        }
    }
}

/// Assets of the caller's rooms
#[utoipa::path(
    get, path = "/users/me/assets", tag = "assets", operation_id = "list_my_assets", params(PageQuery, AsOfQuery, SortedQuery),
    security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of assets", body = OwnedAssetsResource,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InQuery(query): InQuery<SortedQuery>,
    page: NewestPage,
) -> Result<Response, ApiError> {
    let order = (query.sort.into(), query.order.into());
    let listed = assets::list_owned(&state.db, user.profile.id, order, page.window()).await?;
    Ok(page.page().answer_as(listed, |rows| OwnedAssetsResource {
        owned_assets: rows.into_iter().map(OwnedAssetResource::from).collect(),
    }))
}
