//! Which web pages may open sockets here.

use serde_json::json;

use super::{NOBODY, proxied::Proxied};
use crate::support::{
    quiet::Settings,
    rest::{Answer, Rest, receive},
};

on_both_databases!(Listed: only_listed_pages_open_websockets);

type Listed = Proxied<OneOrigin>;

struct OneOrigin;

impl Settings for OneOrigin {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("COLLOQUY_HTTP__CORS_ORIGINS", "[\"https://meet.example.org\"]")];
}

/// An upgrade that a browser asks for on behalf of a page, if there is one.
async fn upgrade(who: &Rest, path: &str, ticket: &str, origin: Option<&str>) -> Answer {
    let mut request = who.upgrade(path).header(
        "sec-websocket-protocol",
        format!("opentalk-signaling-json-v1.0, ticket#{ticket}"),
    );
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    receive(request, format!("GET {path} from {origin:?}")).await
}

async fn only_listed_pages_open_websockets(world: &Listed) {
    let room = world.room(json!({})).await;
    for origin in [Some("https://meet.example.org"), None] {
        for path in ["/signaling", "/v1/signaling"] {
            let issued = room.start("192.0.2.1", json!({})).await.expect(200);
            let ticket = issued["ticket"].as_str().expect("a ticket");
            for foreign in ["https://evil.example", "null", "http://meet.example.org"] {
                let refused = upgrade(&room.anyone, path, ticket, Some(foreign)).await;
                refused.expect_error(403, "forbidden");
            }
            // The refusals have cost no ticket.
            let opened = upgrade(&room.anyone, path, ticket, origin).await;
            assert_eq!(opened.status, 101, "{origin:?}");
        }
    }
    let recorder = world.person(
        "recorder",
        &json!({"realm_access": {"roles": ["opentalk-recorder"]}}),
    );
    let path = format!(
        "/v1/services/recording/upload?room_id={NOBODY}&file_extension=webm&timestamp=2030-01-01T00:00:00Z"
    );
    let refused = upgrade(&recorder, &path, "", Some("https://evil.example")).await;
    refused.expect_error(403, "forbidden");
    let admitted = upgrade(&recorder, &path, "", None).await;
    admitted.expect_error(404, "not_found");
}
