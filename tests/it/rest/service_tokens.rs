//! Tokens of SIP gateways and recorders.

use axum::{
    Router,
    http::{Request, StatusCode},
    routing::get,
};
use colloquy::http::auth::{CallInService, RecorderService};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{
    answer::Answer,
    api::{Api, request},
};

on_both_databases!(Api: services_need_their_role, services_are_no_users, everybody_else_is_refused);

async fn ask(api: &Api, path: &str, authorization: Option<&str>) -> Answer {
    let routes = Router::new()
        .route("/call-in", get(async |_: CallInService| StatusCode::NO_CONTENT))
        .route(
            "/recorder",
            get(async |_: RecorderService| StatusCode::NO_CONTENT),
        )
        .with_state(api.state.clone());
    let request: Request<_> = request("GET", path, authorization, &Value::Null);
    let Ok(response) = routes.oneshot(request).await;
    Answer::read(response).await
}

async fn services_need_their_role(api: &Api) {
    for (name, path, status) in [
        ("call-in", "/call-in", 204),
        ("recorder", "/recorder", 204),
        ("call-in", "/recorder", 403),
        ("recorder", "/call-in", 403),
        ("alice", "/call-in", 403),
        ("alice", "/recorder", 403),
    ] {
        let person = api.person(name).await;
        let bearer = format!("Bearer {}", person.access_token);
        let answer = ask(api, path, Some(&bearer)).await;
        assert_eq!(answer.status.as_u16(), status, "{name} at {path}");
        if status == 403 {
            answer.refused(403, "forbidden");
            let message = answer.body["message"].as_str().expect("a message");
            let role = if path == "/recorder" {
                "opentalk-recorder"
            } else {
                "opentalk-call-in"
            };
            assert!(
                message.contains(role) && message.contains("realm_access.roles"),
                "{message}"
            );
        }
    }
}

async fn services_are_no_users(api: &Api) {
    let recorder = api.person("recorder").await;
    let bearer = format!("Bearer {}", recorder.access_token);
    ask(api, "/recorder", Some(&bearer)).await.expect(204);
    api.get(&recorder, "/v1/users/me").await.refused(403, "forbidden");
    let login = serde_json::json!({"id_token": recorder.id_token});
    api.call_anonymously("POST", "/v1/auth/login", login)
        .await
        .refused(403, "forbidden");
    assert_eq!(api.database.number("SELECT count(*) FROM users").await, 0);
}

async fn everybody_else_is_refused(api: &Api) {
    let recorder = api.person("recorder").await;
    let id_token = format!("Bearer {}", recorder.id_token);
    for path in ["/call-in", "/recorder"] {
        ask(api, path, None).await.refused(401, "unauthorized");
        for bad in ["Bearer nonsense", id_token.as_str()] {
            ask(api, path, Some(bad)).await.refused(401, "unauthorized");
        }
        let guest = Some("InviteCode 00000000-0000-4000-8000-000000000000");
        ask(api, path, guest).await.refused(403, "forbidden");
    }
}
