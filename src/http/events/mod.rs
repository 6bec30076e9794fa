//! `/v1/events` and below, without invitations and folders.

mod answers;
mod bodies;
mod change;
mod create;
mod date_time;
mod delete;
mod folders;
mod get;
mod instances;
mod list;
mod queries;
mod resource;
mod shown;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use self::answers::{limited, notifier};
pub use self::{
    answers::X_COLLOQUY_MAIL,
    date_time::DateTimeTz,
    resource::{CallInResource, EventResource, ExceptionResource},
};
use super::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, change::change, delete::delete))
        .merge(instances::routes())
}
