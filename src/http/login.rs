//! `GET` and `POST /v1/auth/login`.

use axum::{Json, extract::State, http::request::Parts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiState, auth, body::Body, refusals};
use crate::store::users;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(provider, login))
}

/// Where users log in.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginProviders {
    pub oidc: OidcProvider,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OidcProvider {
    /// For people.
    pub name: String,
    /// Issuer URL, for discovery.
    #[schema(format = Uri)]
    pub url: String,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct LoginBody {
    /// The ID token that the OpenID provider issued for the web client.
    pub id_token: String,
}

/// What a login brings.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginResource {
    /// Always empty; kept for clients that read it.
    pub permissions: Vec<String>,
}

/// The OpenID provider
#[utoipa::path(
    get, path = "/auth/login", tag = "auth", operation_id = "get_login_provider",
    responses((status = 200, description = "The provider", body = LoginProviders), refusals::Always),
)]
async fn provider(State(state): State<ApiState>) -> Json<LoginProviders> {
    Json(LoginProviders {
        oidc: OidcProvider {
            name: state.config.oidc.name.clone(),
            url: state.issuer.as_ref().to_owned(),
        },
    })
}

/// Log in
///
/// Creates the user, or brings the stored profile up to what the ID token says. Where tenants matter and the ID token names none,
/// a new user is created by the first request with an access token instead. An `Authorization` header is ignored. While the
/// identity provider's keys can't be had, the answer waits for up to 8 s.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", operation_id = "log_in", request_body = LoginBody,
    responses(
        (status = 200, description = "The user is known now", body = LoginResource),
        refusals::OfCallers, refusals::OfBodies, refusals::Always,
    ),
)]
async fn login(
    State(state): State<ApiState>,
    parts: Parts,
    Body(body): Body<LoginBody>,
) -> Result<Json<LoginResource>, ApiError> {
    let token = state.verifier.verify_id_token(&body.id_token).await?;
    auth::not_locked_out(&state, &token)?;
    // One token can be shown as often as somebody likes, and each time something is written.
    state.caller_limits.admit(&parts, &token).await?;
    let before = users::by_identity(&state.db, &token.issuer, &token.subject).await?;
    // What an ID token lacks, the access token or userinfo may say: somebody new is made when they have.
    let must_wait =
        before.is_none() && token.profile.tenant_id.is_none() && auth::person::tenants_matter(&state).await?;
    if !must_wait {
        let defaults = state.new_user_defaults();
        let user = users::upsert_from_id_token(&state.db, &token, &defaults, state.clock.now()).await?;
        if let Some(before) = before {
            auth::person::note_move(&state, &before, &user);
        }
        auth::enabled(user)?;
    }
    Ok(Json(LoginResource {
        permissions: Vec::new(),
    }))
}
