//! The parts of the API's description that belong to no single operation.

use utoipa::{
    IntoResponses as _, Modify, OpenApi,
    openapi::{
        Components,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// Name of the scheme for registered users.
pub const BEARER: &str = "BearerAuth";

/// Name of the scheme for guests.
pub const INVITE_CODE: &str = "InviteCode";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Colloquy",
        description = "Rooms, invitations and users of a conference controller. Meetings themselves go over a WebSocket: [signaling](/docs/signaling).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "auth", description = "Logging in"),
        (name = "users", description = "The caller's own profile"),
        (name = "rooms", description = "Rooms and their settings"),
        (name = "events", description = "Meetings in a calendar"),
        (name = "event_invites", description = "Who is invited to an event"),
        (name = "shared_folders", description = "Folders at a storage provider for an event"),
        (name = "invites", description = "Codes that let guests into a room"),
        (name = "sip", description = "Telephone access of a room"),
        (name = "streaming", description = "Where meetings are streamed to"),
        (name = "turn", description = "Relays for media"),
        (name = "services", description = "For gateways and recorders"),
        (name = "mail", description = "Refusing mail about meetings"),
        (name = "assets", description = "Recordings, reports and other files of rooms"),
    ),
    modifiers(&SecuritySchemes),
)]
struct Skeleton;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "An access token of the OpenID provider that `GET /v1/auth/login` names.",
            ))
            .build();
        let invite_code = ApiKeyValue::with_description(
            "Authorization",
            "`InviteCode <uuid>`: the code of a guest's invite, for what guests may read.",
        );
        let components = openapi.components.get_or_insert_with(Components::new);
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
        components.add_security_scheme(INVITE_CODE, SecurityScheme::ApiKey(ApiKey::Header(invite_code)));
    }
}

/// Says of each operation that changes something, and that users call, that it is limited ([`CallerLimits`](super::caller_limits)).
pub(super) fn describe_caller_limits(openapi: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut openapi.paths.paths {
        // Entering a room is none of them, nor is what services do.
        if path.contains("/start") || path.contains("/services/") {
            continue;
        }
        let writes = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in writes.into_iter().flatten() {
            if operation.security.is_some() {
                let limited = super::refusals::OfWriters::responses();
                let mut all = std::mem::take(&mut operation.responses.responses);
                for (status, response) in limited {
                    all.entry(status).or_insert(response);
                }
                operation.responses.responses = all;
            }
        }
    }
}

/// The description without operations.
pub(super) fn skeleton() -> utoipa::openapi::OpenApi {
    Skeleton::openapi()
}
