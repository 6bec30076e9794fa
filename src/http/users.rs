//! `/v1/users/me` and `/v1/users/me/tariff`.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState,
    auth::{CurrentUser, Member},
    body::Body,
    checks::Checks,
    refusals,
};
use crate::{
    profiles::picture_of,
    store::{
        tariffs,
        users::{
            self, LANGUAGE_CHARS_MAX, NAME_CHARS_MAX, ProfileChange, THEME_CHARS_MAX, TariffStatus, User,
            is_language_tag,
        },
    },
    tariffs::TariffResource,
    text::composed,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(me, change_me))
        .routes(routes!(tariff))
}

/// The caller's own profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserResource {
    pub id: Uuid,
    pub email: String,
    #[schema(max_length = 255)]
    pub title: String,
    pub firstname: String,
    pub lastname: String,
    #[schema(max_length = 255)]
    pub display_name: String,
    pub avatar_url: String,
    #[schema(max_length = 128)]
    pub dashboard_theme: String,
    #[schema(max_length = 128)]
    pub conference_theme: String,
    /// Language tag (RFC 5646).
    #[schema(max_length = 35)]
    pub language: String,
    pub tariff_status: TariffStatusResource,
    /// Bytes of stored assets.
    pub used_storage: u64,
}

/// How the user came to the tariff.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TariffStatusResource {
    Default,
    Paid,
    Downgraded,
}

impl From<TariffStatus> for TariffStatusResource {
    fn from(status: TariffStatus) -> Self {
        match status {
            TariffStatus::Default => Self::Default,
            TariffStatus::Paid => Self::Paid,
            TariffStatus::Downgraded => Self::Downgraded,
        }
    }
}

impl UserResource {
    fn new(user: User, state: &ApiState) -> Self {
        let profile = user.profile;
        Self {
            avatar_url: picture_of(&state.config.defaults, &profile).unwrap_or_default(),
            id: profile.id,
            email: profile.email,
            title: profile.title,
            firstname: profile.firstname,
            lastname: profile.lastname,
            display_name: profile.display_name,
            dashboard_theme: user.dashboard_theme,
            conference_theme: user.conference_theme,
            language: user.language,
            tariff_status: user.tariff_status.into(),
            used_storage: user.used_storage,
        }
    }
}

/// What changes of the caller's profile; absent or null leaves alone.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeUserBody {
    #[schema(max_length = 255)]
    title: Option<String>,
    /// A name of which nothing can be seen brings back the one from the OpenID provider.
    #[schema(max_length = 255)]
    display_name: Option<String>,
    /// Language tag (RFC 5646).
    #[schema(max_length = 35)]
    language: Option<String>,
    #[schema(max_length = 128)]
    dashboard_theme: Option<String>,
    #[schema(max_length = 128)]
    conference_theme: Option<String>,
}

impl ChangeUserBody {
    fn checked(mut self) -> Result<ProfileChange, ApiError> {
        let mut checks = Checks::default();
        self.title = self.title.map(composed);
        for (field, text, chars_max) in [
            ("title", &self.title, NAME_CHARS_MAX),
            ("display_name", &self.display_name, NAME_CHARS_MAX),
            ("language", &self.language, LANGUAGE_CHARS_MAX),
            ("dashboard_theme", &self.dashboard_theme, THEME_CHARS_MAX),
            ("conference_theme", &self.conference_theme, THEME_CHARS_MAX),
        ] {
            if let Some(text) = text {
                checks.text(field, text, chars_max);
            }
        }
        let is_short = |tag: &&String| tag.chars().count() <= LANGUAGE_CHARS_MAX;
        if let Some(language) = self.language.as_ref().filter(is_short)
            && !is_language_tag(language)
        {
            checks.refuse("language", "invalid_value", "must be a language tag (RFC 5646)");
        }
        checks.finish()?;
        Ok(ProfileChange {
            title: self.title,
            display_name: self.display_name,
            language: self.language,
            dashboard_theme: self.dashboard_theme,
            conference_theme: self.conference_theme,
        })
    }
}

/// The caller's profile
#[utoipa::path(
    get, path = "/users/me", tag = "users", operation_id = "get_me", security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The profile", body = UserResource),
        refusals::OfCallers, refusals::Always,
    ),
)]
async fn me(State(state): State<ApiState>, CurrentUser(user): CurrentUser) -> Json<UserResource> {
    Json(UserResource::new(user, &state))
}

/// Change the caller's profile
#[utoipa::path(
    patch, path = "/users/me", tag = "users", operation_id = "change_me", request_body = ChangeUserBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The changed profile", body = UserResource),
        (status = 204, description = "Nothing was to be changed"),
        refusals::OfCallers, refusals::OfBodies, refusals::Always,
    ),
)]
async fn change_me(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    member: Member,
    Body(body): Body<ChangeUserBody>,
) -> Result<Response, ApiError> {
    let change = body.checked()?;
    if change.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (claimed_name, now) = (users::claimed_name(&member.token.profile), state.clock.now());
    let user = users::update_profile(&state.db, user.profile.id, change, claimed_name, now)
        .await?
        .ok_or_else(|| ApiError::not_found("The account is gone"))?;
    Ok(Json(UserResource::new(user, &state)).into_response())
}

/// What the caller's rooms may use
#[utoipa::path(
    get, path = "/users/me/tariff", tag = "users", operation_id = "get_my_tariff", security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The tariff, without what the operator has switched off", body = TariffResource),
        refusals::OfCallers, refusals::Always,
    ),
)]
async fn tariff(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
) -> Result<Json<TariffResource>, ApiError> {
    let tariff = tariffs::of_user(&state.db, user.profile.id).await?;
    let tariff = tariff.ok_or_else(|| ApiError::not_found("The account is gone"))?;
    Ok(Json(TariffResource::new(&tariff, &state.offer)))
}
