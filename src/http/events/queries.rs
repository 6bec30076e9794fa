//! What requests about events say in their query.

use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InviteesQuery {
    /// Invitees that the answer names at most.
    #[serde(default)]
    #[param(value_type = u64, minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    pub(super) invitees_max: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Invitees that the answer names at most.
    #[serde(default)]
    #[param(value_type = u64, minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    pub(super) invitees_max: u32,
    /// Tell invitees nothing.
    #[serde(default)]
    pub(super) suppress_email_notification: bool,
}
