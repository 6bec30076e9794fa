//! Paths and methods that do not exist, and the documentation's pages.

use axum::{body::Body, http::Request};
use serde_json::Value;

use super::api::Api;

on_both_databases!(Api:
    unknown_paths_are_not_found, unknown_methods_are_not_allowed, failures_tell_nothing_of_the_inside);

async fn unknown_paths_are_not_found(api: &Api) {
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/rooms/",
        "/v2/rooms",
        "/v1/rooms/a/b/c/d",
        "/%00",
        "/v1/%ff",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            api.call_anonymously(method, path, Value::Null)
                .await
                .refused(404, "not_found");
        }
    }
}

async fn unknown_methods_are_not_allowed(api: &Api) {
    for (method, path, allowed) in [
        ("DELETE", "/v1/auth/login", &["GET", "POST"][..]),
        ("POST", "/v1/users/me", &["GET", "PATCH"]),
        ("PUT", "/v1/rooms", &["GET", "POST"]),
        ("POST", "/v1/rooms/1", &["GET", "PATCH", "DELETE"]),
        ("PATCH", "/v1/rooms/1/invites", &["GET", "POST"]),
        ("PATCH", "/v1/rooms/1/invites/2", &["GET", "PUT", "DELETE"]),
        ("GET", "/v1/invite/verify", &["POST"]),
        ("POST", "/v1/openapi.json", &["GET"]),
    ] {
        let answer = api.call_anonymously(method, path, Value::Null).await;
        answer.refused(405, "method_not_allowed");
        for method in allowed {
            assert!(
                answer.header("allow").contains(method),
                "{path}: {}",
                answer.header("allow")
            );
        }
    }
}

async fn failures_tell_nothing_of_the_inside(api: &Api) {
    let alice = api.person("alice").await;
    api.get(&alice, "/v1/users/me").await.expect(200);
    api.database.execute("DROP TABLE invites").await;
    api.database
        .execute("ALTER TABLE rooms RENAME TO elsewhere")
        .await;
    let answer = api.get(&alice, "/v1/rooms").await;
    answer.refused(500, "internal_server_error");
    assert!(!answer.body.to_string().contains("rooms"), "{}", answer.body);
}

#[tokio::test]
async fn the_documentation_can_be_browsed() {
    let api = Api::start(crate::databases::Kind::Sqlite).await;
    let router = colloquy::http::router(api.state.clone());
    for (path, expected) in [
        ("/docs/", "<html"),
        ("/docs/swagger-initializer.js", "/v1/openapi.json"),
    ] {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let Ok(response) = tower::ServiceExt::oneshot(router.clone(), request).await;
        assert_eq!(response.status(), 200, "{path}");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("a body");
        assert!(String::from_utf8_lossy(&body).contains(expected), "{path}");
    }
    let served = api
        .call_anonymously("GET", "/v1/openapi.json", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        served,
        serde_json::to_value(colloquy::http::api::document()).expect("JSON")
    );
    api.finish().await;
}
