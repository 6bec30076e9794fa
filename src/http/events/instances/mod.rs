//! `/v1/events/{event_id}/instances` and below.

mod change;
mod get;
mod list;
mod resource;
mod series;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(get::get, change::change))
}
