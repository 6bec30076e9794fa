//! `/v1/rooms/{room_id}/sip`.

use serde_json::{Value, json};

use super::api::{Api, Person};
use crate::databases::Kind;

on_both_databases!(Api:
    put_makes_and_changes, passwords_are_ten_digits, delete_ends_it, encrypted_rooms_have_none,
    strangers_see_nothing, invited_people_read_it, ids_must_parse, only_users_ask);

const UNKNOWN: &str = "/v1/rooms/00000000-0000-4000-8000-000000000000/sip";

async fn owner(api: &Api) -> (Person, String) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    (alice, format!("/v1/rooms/{room}"))
}

fn is_numeric(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

async fn put_makes_and_changes(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("{room}/sip");
    api.get(&alice, &path).await.refused(404, "not_found");
    let put = async |body: Value| api.call(&alice, "PUT", &path, body).await;
    let made = put(json!({"unknown": 1})).await.expect(201);
    assert!(
        is_numeric(&made["sip_id"]) && is_numeric(&made["password"]),
        "{made}"
    );
    let id = room.trim_start_matches("/v1/rooms/");
    let expected =
        json!({"room": id, "sip_id": made["sip_id"], "password": made["password"], "lobby": false});
    assert_eq!(made, expected);
    assert_eq!(api.get(&alice, &path).await.expect(200), expected);

    for body in [json!({}), json!({"password": null, "lobby": null})] {
        assert_eq!(put(body).await.expect(200), expected);
    }
    let with_lobby = put(json!({"lobby": true})).await.expect(200);
    assert_eq!(
        (&with_lobby["lobby"], &with_lobby["password"]),
        (&json!(true), &made["password"])
    );
    let changed = put(json!({"password": "0123456789"})).await.expect(200);
    assert_eq!(
        changed,
        json!({"room": id, "sip_id": made["sip_id"], "password": "0123456789", "lobby": true})
    );
    assert_eq!(api.get(&alice, &path).await.expect(200), changed);

    let other = api.room(&alice, json!({})).await;
    let body = json!({"password": "9876543210", "lobby": true});
    let other = api
        .call(&alice, "PUT", &format!("/v1/rooms/{other}/sip"), body)
        .await
        .expect(201);
    assert_eq!(
        (&other["password"], &other["lobby"]),
        (&json!("9876543210"), &json!(true))
    );
    assert_ne!(other["sip_id"], made["sip_id"]);
}

async fn passwords_are_ten_digits(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("{room}/sip");
    for wrong in [
        json!(""),
        json!("123456789"),
        json!("12345678901"),
        json!("123456789a"),
        json!("123456789\0"),
        json!("١٢٣٤٥"),
        json!(1_234_567_890),
    ] {
        api.call(&alice, "PUT", &path, json!({"password": wrong}))
            .await
            .refused_fields(&["password invalid_value"]);
    }
    api.call(&alice, "PUT", &path, json!({"lobby": "yes"}))
        .await
        .refused_fields(&["lobby invalid_value"]);
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PUT", &path).await;
    assert_eq!(api.database.number("SELECT count(*) FROM sip_configs").await, 0);
}

async fn delete_ends_it(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("{room}/sip");
    api.call(&alice, "DELETE", &path, Value::Null)
        .await
        .refused(404, "not_found");
    let before = api.call(&alice, "PUT", &path, json!({})).await.expect(201);
    assert_eq!(
        api.call(&alice, "DELETE", &path, Value::Null).await.expect(204),
        Value::Null
    );
    api.get(&alice, &path).await.refused(404, "not_found");
    let after = api.call(&alice, "PUT", &path, json!({})).await.expect(201);
    assert_ne!(after["sip_id"], before["sip_id"]);
}

async fn encrypted_rooms_have_none(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("{room}/sip");
    let encrypt = async |on: bool| {
        let body = json!({"e2e_encryption": on});
        api.call(&alice, "PATCH", &room, body).await.expect(200)
    };
    let before = api.call(&alice, "PUT", &path, json!({})).await.expect(201);
    encrypt(true).await;
    api.get(&alice, &path).await.refused(404, "service_unavailable");
    api.call(&alice, "PUT", &path, json!({}))
        .await
        .refused(403, "service_unavailable");
    api.call(&alice, "DELETE", &path, Value::Null)
        .await
        .refused(404, "service_unavailable");
    // What people have noted down is good again.
    encrypt(false).await;
    assert_eq!(api.get(&alice, &path).await.expect(200), before);
}

async fn strangers_see_nothing(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("{room}/sip");
    let bob = api.person("bob").await;
    let before = api.call(&alice, "PUT", &path, json!({})).await.expect(201);
    for path in [path.as_str(), UNKNOWN] {
        api.get(&bob, path).await.refused(404, "not_found");
        api.call(&bob, "PUT", path, json!({"lobby": true}))
            .await
            .refused(404, "not_found");
        api.call(&bob, "DELETE", path, Value::Null)
            .await
            .refused(404, "not_found");
    }
    assert_eq!(api.get(&alice, &path).await.expect(200), before);
}

async fn invited_people_read_it(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("{room}/sip");
    let made = api.call(&alice, "PUT", &path, json!({})).await.expect(201);
    let event = api.event_in(room.trim_start_matches("/v1/rooms/"), false).await;
    for (name, role) in [("bob", "user"), ("carol", "moderator")] {
        let invited = api.invited(event, name, role).await;
        assert_eq!(api.get(&invited, &path).await.expect(200), made);
        api.call(&invited, "PUT", &path, json!({"lobby": true}))
            .await
            .refused(403, "forbidden");
        api.call(&invited, "DELETE", &path, Value::Null)
            .await
            .refused(403, "forbidden");
    }
    assert_eq!(api.get(&alice, &path).await.expect(200), made);
}

async fn ids_must_parse(api: &Api) {
    let alice = api.person("alice").await;
    for method in ["GET", "PUT", "DELETE"] {
        let body = if method == "PUT" { json!({}) } else { Value::Null };
        api.call(&alice, method, "/v1/rooms/1/sip", body)
            .await
            .refused(400, "bad_request");
    }
}

async fn only_users_ask(api: &Api) {
    for method in ["GET", "PUT", "DELETE"] {
        api.needs_a_user(method, UNKNOWN).await;
    }
}

async fn without_the_feature(kind: Kind) {
    let api = Api::with(kind, |config| {
        config.defaults.disabled_features = vec!["call_in".to_owned()];
    })
    .await;
    let (alice, room) = owner(&api).await;
    api.call(&alice, "PUT", &format!("{room}/sip"), json!({}))
        .await
        .refused(403, "feature_disabled_by_tariff");
    assert_eq!(api.database.number("SELECT count(*) FROM sip_configs").await, 0);
    api.finish().await;
}

#[tokio::test]
async fn telephones_need_the_feature_on_sqlite() {
    without_the_feature(Kind::Sqlite).await;
}

#[tokio::test]
async fn telephones_need_the_feature_on_postgres() {
    without_the_feature(Kind::Postgres).await;
}
