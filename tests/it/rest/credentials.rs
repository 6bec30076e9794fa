//! The `Authorization` header.

use std::net::Ipv4Addr;

use axum::{Extension, Router, http::StatusCode, routing::get};
use colloquy::{client_address::ClientAddress, http::auth::Caller};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{
    answer::Answer,
    api::{Api, request},
};

on_both_databases!(Api:
    users_are_created_on_first_use, first_uses_at_once_make_one_user, refused_tokens_say_why,
    headers_that_say_nothing_have_their_message, guests_call_with_their_code, a_lost_database_is_unavailable);

const ME: &str = "/v1/users/me";

async fn users_are_created_on_first_use(api: &Api) {
    let alice = api.person("alice").await;
    let first = api.get(&alice, ME).await.expect(200);
    let again = api.person("alice").await;
    assert_eq!(api.get(&again, ME).await.expect(200), first);
}

async fn first_uses_at_once_make_one_user(api: &Api) {
    let alice = api.person("alice").await;
    let calls = (0..20).map(|_| api.get(&alice, ME));
    for answer in futures_util::future::join_all(calls).await {
        answer.expect(200);
    }
    assert_eq!(api.database.number("SELECT count(*) FROM users").await, 1);
}

async fn refused_tokens_say_why(api: &Api) {
    let alice = api.person("alice").await;
    let id_token = format!("Bearer {}", alice.id_token);
    let code = "Bearer 7b4f0a8e-6a7a-4b7c-9d39-0d5f0f6f4a11";
    for authorization in [id_token.as_str(), code, "Bearer x", "bearer a.b.c"] {
        let answer = api
            .send(request("GET", ME, Some(authorization), &Value::Null))
            .await;
        answer.refused(401, "unauthorized");
        assert!(
            answer
                .header("www-authenticate")
                .starts_with("Bearer error=\"invalid_token\""),
            "{authorization}"
        );
    }
    api.clock.advance(3_600);
    let answer = api.get(&alice, ME).await;
    answer.refused(401, "unauthorized");
    let challenge = "Bearer error=\"invalid_token\", error_description=\"the token has expired\"";
    assert_eq!(answer.header("www-authenticate"), challenge);
}

async fn headers_that_say_nothing_have_their_message(api: &Api) {
    for authorization in [
        "",
        "Bearer",
        "Basic YTpi",
        "InviteCode 12",
        "Bearer a b",
        "Token x",
    ] {
        let answer = api
            .send(request("GET", ME, Some(authorization), &Value::Null))
            .await;
        answer.refused(401, "unauthorized");
        assert_eq!(
            answer.body["message"], "Unable to parse access token or invite code",
            "{authorization}"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

async fn guests_call_with_their_code(api: &Api) {
    let who = async |caller: Caller| match caller {
        Caller::User(user) => (
            StatusCode::OK,
            axum::Json(json!({"user": user.profile.display_name})),
        ),
        Caller::Guest(invite) => (StatusCode::OK, axum::Json(json!({"room": invite.room_id}))),
    };
    let address = Extension(ClientAddress(Ipv4Addr::LOCALHOST.into()));
    let router = Router::new()
        .route("/", get(who))
        .with_state(api.state.clone())
        .layer(address);
    let call = async |authorization: String| {
        let request = request("GET", "/", Some(&authorization), &Value::Null);
        let Ok(response) = router.clone().oneshot(request).await;
        Answer::read(response).await
    };
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let code = api
        .invite(&alice, &room, json!({"expiration": "2027-01-16T00:00:00Z"}))
        .await;
    let user = call(format!("Bearer {}", alice.access_token)).await.expect(200);
    assert_eq!(user, json!({"user": "Alice Adams"}));
    assert_eq!(
        call(format!("InviteCode {code}")).await.expect(200),
        json!({"room": room})
    );
    let unknown = "InviteCode 00000000-0000-4000-8000-000000000000".to_owned();
    call(unknown).await.refused(403, "forbidden");
    call("InviteCode".to_owned()).await.refused(401, "unauthorized");
    api.clock.advance(2 * 24 * 3_600);
    call(format!("InviteCode {code}")).await.refused(403, "forbidden");
}

async fn a_lost_database_is_unavailable(api: &Api) {
    let alice = api.person("alice").await;
    api.database.db.close().await;
    let answer = api.get(&alice, ME).await;
    answer.refused(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}
