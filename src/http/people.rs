//! `/v1/users`, `/v1/users/{id}` and `/v1/users/find`: users among each other, within their tenant.

use std::collections::HashSet;

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    ApiError, ApiState,
    auth::CurrentUser,
    pages::{Page, PageQuery},
    params::{InPath, InQuery},
    profiles::ProfileResource,
    refusals,
};
use crate::{
    config::{Defaults, UserSearch},
    identity::directory::Person,
    people::Search,
    permissions::{AccessDenied, Operation, Standing, Subject, check},
    profiles::avatar_url,
    store::{
        Listed,
        users::{self, Profile, User},
    },
};

/// Characters of what is searched for, at least.
const QUERY_CHARS_MIN: usize = 3;

/// Characters of what is searched for, at most.
const QUERY_CHARS_MAX: usize = 255;

/// Users that one search finds, at most.
const FOUND_USERS_MAX: u32 = 20;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(find))
        .routes(routes!(get))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FindQuery {
    /// Words of a name or an e-mail address; what is absent is too short.
    #[serde(default)]
    #[param(min_length = 3, max_length = 255)]
    q: String,
}

impl FindQuery {
    fn checked(&self) -> Result<&str, ApiError> {
        let text = self.q.trim();
        match text.chars().count() {
            0..QUERY_CHARS_MIN => Err(ApiError::query_too_short(QUERY_CHARS_MIN)),
            QUERY_CHARS_MIN..=QUERY_CHARS_MAX if !text.contains('\0') => Ok(text),
            _ => Err(ApiError::bad_request("q is too long or holds NUL")),
        }
    }
}

/// Somebody who was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FoundUserResource {
    /// A user of this server.
    Registered(ProfileResource),
    /// Somebody whom the identity provider knows, and who never was here. Can be invited by the address.
    Unregistered(UnregisteredResource),
}

/// What others see of somebody who never was here.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnregisteredResource {
    pub email: String,
    pub firstname: String,
    pub lastname: String,
    /// Empty where there is none.
    pub avatar_url: String,
}

impl UnregisteredResource {
    fn new(person: Person, defaults: &Defaults) -> Self {
        Self {
            avatar_url: avatar_url(defaults, &person.email).unwrap_or_default(),
            email: person.email,
            firstname: person.firstname,
            lastname: person.lastname,
        }
    }
}

/// Profiles as `reader` may see them: the addresses of people with whom it has nothing in common are nobody's business.
async fn seen_by(
    state: &ApiState,
    reader: &User,
    profiles: Vec<Profile>,
) -> Result<Vec<ProfileResource>, ApiError> {
    let ids: Vec<_> = profiles.iter().map(|profile| profile.id).collect();
    let known = users::acquainted(&state.db, reader.profile.id, &ids).await?;
    let seen = profiles.into_iter().map(|profile| seen(profile, &known, state));
    Ok(seen.collect())
}

fn seen(profile: Profile, known: &HashSet<Uuid>, state: &ApiState) -> ProfileResource {
    if known.contains(&profile.id) {
        ProfileResource::new(profile, &state.config.defaults)
    } else {
        ProfileResource::of_a_stranger(profile)
    }
}

/// The users of the caller's tenant
///
/// In the order of their coming. 404 where the operator lets nobody look for others, or only by whole addresses.
#[utoipa::path(
    get, path = "/users", tag = "users", operation_id = "list_users", params(PageQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of users", body = Vec<ProfileResource>,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    page: Page,
) -> Result<Response, ApiError> {
    if state.config.defaults.user_search != UserSearch::On {
        return Err(ApiError::not_found("Users are not listed here"));
    }
    let (db, now) = (&state.db, state.clock.now());
    let Listed { rows, total } = users::list(db, user.tenant_id, page.window(), now).await?;
    let rows = seen_by(&state, &user, rows).await?;
    Ok(page.answer(Listed { rows, total }, |profile| profile))
}

/// Find users by name or e-mail address
///
/// Of the caller's tenant; at most 20, by name. All words must be found, or, where the operator wants it so, `q` is a whole
/// e-mail address. After the users of this server come people whom the identity provider knows, where it can be asked. 404
/// where the operator has switched it off.
#[utoipa::path(
    get, path = "/users/find", tag = "users", operation_id = "find_users", params(FindQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "Those who were found", body = Vec<FoundUserResource>),
        (status = 400, description = "`q` is too short (`query_too_short`) or too long", body = super::error::ErrorBody),
        refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn find(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InQuery(query): InQuery<FindQuery>,
) -> Result<Json<Vec<FoundUserResource>>, ApiError> {
    let (db, tenant, defaults) = (&state.db, user.tenant_id, &state.config.defaults);
    let (max, now) = (FOUND_USERS_MAX, state.clock.now());
    let (search, found) = match defaults.user_search {
        UserSearch::Off => return Err(ApiError::not_found("Looking for users is switched off")),
        UserSearch::On => {
            let text = query.checked()?;
            (
                Search::Words(text),
                users::find(db, tenant, text, max, now).await?,
            )
        }
        UserSearch::Exact => {
            let text = query.checked()?;
            let found = users::with_address(db, tenant, text, max, now).await?;
            (Search::Address(text), found)
        }
    };
    let places = (max as usize).saturating_sub(found.len());
    let searcher = (user.profile.id, tenant);
    let people = &state.people;
    let others = people.unregistered(db, searcher, search, &found, places).await?;
    // With their addresses: who looks for somebody must tell people of one name apart, and clients tell hits apart by them.
    let registered = |profile| FoundUserResource::Registered(ProfileResource::new(profile, defaults));
    let unregistered = |person| FoundUserResource::Unregistered(UnregisteredResource::new(person, defaults));
    let found = found.into_iter().map(registered);
    Ok(Json(found.chain(others.into_iter().map(unregistered)).collect()))
}

/// A user of the caller's tenant
#[utoipa::path(
    get, path = "/users/{id}", tag = "users", operation_id = "get_user", params(("id" = Uuid, Path)), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "What others see of the user", body = ProfileResource),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn get(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(id): InPath<Uuid>,
) -> Result<Json<ProfileResource>, ApiError> {
    let other = users::by_id(&state.db, id).await?.ok_or(AccessDenied::Hidden)?;
    let standing = Standing::between(user.tenant_id, other.tenant_id);
    check(Subject::User(standing), Operation::ReadUser)?;
    let known = users::acquainted(&state.db, user.profile.id, &[id]).await?;
    Ok(Json(seen(other.profile, &known, &state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_have_a_length_in_characters() {
        let code = |q: &str| {
            let query = FindQuery { q: q.to_owned() };
            query
                .checked()
                .map(str::to_owned)
                .map_err(|error| error.code().to_owned())
        };
        assert_eq!(code(" üüü "), Ok("üüü".to_owned()));
        assert_eq!(code("üü"), Err("query_too_short".to_owned()));
        assert_eq!(code("  ü  "), Err("query_too_short".to_owned()));
        assert_eq!(code(&"ü".repeat(255)), Ok("ü".repeat(255)));
        assert_eq!(code(&"ü".repeat(256)), Err("bad_request".to_owned()));
        assert_eq!(code("a\0bc"), Err("bad_request".to_owned()));
    }
}
