//! The REST API as a whole: its state, its routes, and what answers where there is no route.

use std::{ops::Deref, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, response::IntoResponse};
use colloquy_actors::live::Live;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::{
    ApiError, assets,
    body::BODY_BYTES_MAX,
    calendar_feed,
    calendar_places::CalendarPlaces,
    call_in,
    caller_limits::CallerLimits,
    compressed_once::compressed_once,
    event_favorites, event_invites, events, home, invites, login, logout, mail_refusals, openapi, people,
    recordings, room_event, room_tariff, rooms, shared_folders, sip,
    starts::{self, StartLimits},
    streaming_targets, turn, user_assets, users,
};

use crate::{
    assets::{Assets, Recordings},
    asyncapi,
    clock::Clock,
    config::Config,
    deletion::{Deleter, Meetings},
    disabled_users::DisabledUsers,
    identity::Verifier,
    known_users::KnownUsers,
    mail::Outbox,
    people::People,
    recorders::Recorders,
    seals::Seals,
    shared_folders::SharedFolders,
    store::{
        Db,
        users::{ClaimRules, NewUserDefaults},
    },
    tariffs::Offer,
};

/// What handlers work with. A clone is one count more: there are several per request.
#[derive(Debug, Clone)]
pub struct ApiState(Arc<Parts>);

/// The parts of [`ApiState`].
#[derive(Debug, Clone)]
pub struct Parts {
    pub config: Arc<Config>,
    pub db: Db,
    pub verifier: Verifier,
    /// URL of the OIDC issuer, as clients shall use it.
    pub issuer: Arc<str>,
    /// Modules and features that this server has.
    pub offer: Arc<Offer>,
    pub clock: Clock,
    pub live: Live,
    pub assets: Assets,
    pub recordings: Recordings,
    pub recorders: Recorders,
    pub start_limits: StartLimits,
    pub caller_limits: CallerLimits,
    pub known_users: KnownUsers,
    pub disabled_users: DisabledUsers,
    pub outbox: Outbox,
    pub people: People,
    pub shared_folders: SharedFolders,
    pub seals: Seals,
    pub claim_rules: ClaimRules,
    /// Places for [`auth::person`](super::auth::person)'s notes of visits.
    pub visits: Arc<Semaphore>,
    pub calendar_places: CalendarPlaces,
}

impl From<Parts> for ApiState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for ApiState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    /// What deletes events and rooms with all that belongs to them.
    #[must_use]
    pub fn deleter(&self) -> Deleter {
        Deleter {
            db: self.db.clone(),
            clock: self.clock.clone(),
            meetings: Meetings::Live(Box::new(self.live.clone())),
            assets: self.assets.clone(),
            shared_folders: self.shared_folders.clone(),
        }
    }

    /// What new users get where their token says nothing, and how claims are read.
    #[must_use]
    pub fn new_user_defaults(&self) -> NewUserDefaults {
        NewUserDefaults {
            language: self.config.defaults.user_language.clone(),
            claims: self.claim_rules.clone(),
        }
    }
}

/// Everything under `/v1`, and unless `http.docs` is off its description at `/v1/openapi.json` and `/docs` to browse it; the
/// same of signaling at `/v1/asyncapi.json` and `/docs/signaling`. Unknown paths and methods are answered here, so whatever is merged with it must have no fallback of its own.
pub fn router(state: ApiState) -> Router {
    let (api, document) = described();
    let has_docs = state.config.http.docs;
    let mut router = api
        .merge(home::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state);
    if has_docs {
        let docs = Router::new()
            .merge(SwaggerUi::new("/docs").url("/v1/openapi.json", document))
            .merge(asyncapi::routes());
        router = router.merge(compressed_once(docs));
    }
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
}

/// The description of the API, made from the handlers.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    described().1
}

fn described() -> (Router<ApiState>, utoipa::openapi::OpenApi) {
    let v1 = OpenApiRouter::new()
        .merge(login::routes())
        .merge(logout::routes())
        .merge(users::routes())
        .merge(calendar_feed::routes())
        .merge(user_assets::routes())
        .merge(people::routes())
        .merge(rooms::routes())
        .merge(room_tariff::routes())
        .merge(room_event::routes())
        .merge(sip::routes())
        .merge(streaming_targets::routes())
        .merge(assets::routes())
        .merge(invites::routes())
        .merge(turn::routes())
        .merge(call_in::routes())
        .merge(starts::routes())
        .merge(recordings::routes())
        .merge(events::routes())
        .merge(event_invites::routes())
        .merge(event_favorites::routes())
        .merge(mail_refusals::routes())
        .merge(shared_folders::routes());
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::skeleton())
        .nest("/v1", v1)
        .split_for_parts();
    openapi::describe_caller_limits(&mut document);
    (router, document)
}

pub(super) async fn method_not_allowed() -> impl IntoResponse {
    ApiError::method_not_allowed()
}

pub(super) async fn not_found() -> impl IntoResponse {
    ApiError::not_found("No such path")
}
