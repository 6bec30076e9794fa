//! Tokens of another client, of services and with large heads at a real server.

use serde_json::{Value, json};

use super::forge::claims_of;
use crate::{
    databases::Kind,
    support::{
        dev_issuer::IssuerProcess,
        rest::{Answer, Rest, receive},
        server::Server,
    },
};

const ME: &str = "/v1/users/me";
const RECORDING: &str = "/v1/services/recording/start";

/// A server whose users come from this issuer, with more settings.
async fn server_of(issuer: &IssuerProcess, settings: &[(&str, &str)]) -> Server {
    let mut environment = vec![issuer.environment()];
    environment.extend(settings);
    Server::start_with(Kind::Sqlite, &environment).await
}

fn subject_of(person: &Rest) -> String {
    let token = person
        .authorization()
        .and_then(|text| text.strip_prefix("Bearer "));
    let claims = claims_of(token.expect("a token"));
    claims["sub"].as_str().expect("a subject").to_owned()
}

async fn record(recorder: &Rest) -> Answer {
    let room = json!({"room_id": "00000000-0000-4000-8000-000000000000"});
    recorder.post(RECORDING, room).await
}

#[tokio::test]
async fn a_client_that_is_not_listed_is_told_once_and_services_come_all_the_same() {
    let issuer = IssuerProcess::start();
    let server = server_of(&issuer, &[("COLLOQUY_OIDC__CLIENT_ID", "web")]).await;
    let alice = server.anonymous().log_in("alice").await;
    for _ in 0..3 {
        let answer = alice.get(ME).await;
        let message = answer.json["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("oidc.clients"), "{message}");
        answer.expect_error(403, "forbidden");
    }
    let told = r#"a token of client "Frontend" is refused, see oidc.clients"#;
    assert_eq!(server.log().matches(told).count(), 1, "{:?}", server.warnings());
    // The same client's token with the role of a service.
    let recorder = server.anonymous().log_in("recorder").await;
    record(&recorder).await.expect_error(404, "not_found");
    recorder.get(ME).await.expect_error(403, "forbidden");
    server.finish().await;

    for (name, value, status) in [
        ("COLLOQUY_OIDC__CLIENTS", r#"["Frontend"]"#, 200),
        ("COLLOQUY_OIDC__AUDIENCE", "colloquy-api", 200),
        ("COLLOQUY_OIDC__AUDIENCE", "*", 200),
        ("COLLOQUY_OIDC__AUDIENCE", "another-api", 403),
        ("COLLOQUY_OIDC__TOKEN_LIFETIME_MAX_SECS", "60", 403),
    ] {
        let server = server_of(&issuer, &[("COLLOQUY_OIDC__CLIENT_ID", "web"), (name, value)]).await;
        let alice = server.anonymous().log_in("alice").await;
        assert_eq!(alice.get(ME).await.status, status, "{name} {value}");
        server.finish().await;
    }
}

#[tokio::test]
async fn services_may_be_narrowed_to_clients() {
    let issuer = IssuerProcess::start();
    for (clients, status) in [(r#"["gateway"]"#, 403), (r#"["gateway", "Frontend"]"#, 404)] {
        let server = server_of(&issuer, &[("COLLOQUY_OIDC__SERVICE_CLIENTS", clients)]).await;
        let recorder = server.anonymous().log_in("recorder").await;
        let answer = record(&recorder).await;
        assert_eq!(answer.status, status, "{clients}: {}", answer.text);
        assert_eq!(answer.text.contains("oidc.service_clients"), status == 403);
        server.finish().await;
    }
}

#[tokio::test]
async fn a_service_is_locked_out_by_its_subject() {
    let issuer = IssuerProcess::start();
    let server = server_of(&issuer, &[]).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let gateway = server.anonymous().log_in("call-in").await;
    record(&recorder).await.expect_error(404, "not_found");
    let subject = subject_of(&recorder);
    let command = |what: &str| {
        let output = server.invoke(&["users", what, &subject]);
        assert!(output.status.success(), "{what}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(command("disable").contains("the service with this subject"));
    until(&recorder, 403).await;
    record(&recorder).await.expect_error(403, "forbidden");
    let call = json!({"id": "0000000000", "pin": "0000000000"});
    let answer = gateway.post("/v1/services/call_in/start", call).await;
    answer.expect_error(400, "invalid_credentials");
    assert!(command("enable").contains("Enabled the service"));
    until(&recorder, 404).await;
    server.finish().await;
}

/// Asks until a running server has followed the command: it promises ten seconds.
async fn until(recorder: &Rest, status: u16) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        let answer = record(recorder).await;
        if answer.status == status {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "still {}", answer.text);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn too_large_a_head_is_told_to_browsers_and_once_to_the_operator() {
    let issuer = IssuerProcess::start();
    let server = server_of(&issuer, &[]).await;
    let ask = async |bytes: usize| {
        let request = server
            .anonymous()
            .request(reqwest::Method::GET, ME)
            .header("origin", "https://meet.example")
            .bearer_auth("x".repeat(bytes));
        receive(request, format!("GET with {bytes} bytes")).await
    };
    // Whatever fits is looked at.
    ask(32_000).await.expect_error(401, "unauthorized");
    for bytes in [32_768, 40_000, 60_000] {
        let answer = ask(bytes).await;
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.json["validation_errors"], Value::Null);
        answer.expect_error(431, "head_too_large");
    }
    let warnings = server.warnings();
    let told = warnings.iter().filter(|line| line.contains("too large a head"));
    assert_eq!(told.count(), 1, "{warnings:?}");
    server.finish().await;
}
