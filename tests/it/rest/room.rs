//! `/v1/rooms/{room_id}`.

use serde_json::{Value, json};

use super::api::Api;

on_both_databases!(Api:
    changes_touch_only_what_they_name, null_removes_the_password, passwords_have_limits, strangers_do_not_see_a_room,
    a_deleted_room_is_gone, ids_must_parse, only_users_have_rooms);

const UNKNOWN: &str = "/v1/rooms/00000000-0000-4000-8000-000000000000";

async fn changes_touch_only_what_they_name(api: &Api) {
    let alice = api.person("alice").await;
    let path = format!("/v1/rooms/{}", api.room(&alice, json!({"password": "one"})).await);
    let before = api.get(&alice, &path).await.expect(200);
    let change = async |body: Value| api.call(&alice, "PATCH", &path, body).await.expect(200);
    for body in [
        json!({}),
        json!({"waiting_room": null, "e2e_encryption": null}),
        json!({"id": "x"}),
    ] {
        assert_eq!(change(body).await, before);
    }
    let mut expected = before;
    expected["waiting_room"] = json!(true);
    assert_eq!(change(json!({"waiting_room": true})).await, expected);
    expected["e2e_encryption"] = json!(true);
    assert_eq!(change(json!({"e2e_encryption": true})).await, expected);
    expected["password"] = json!("two");
    assert_eq!(change(json!({"password": "two"})).await, expected);
    assert_eq!(api.get(&alice, &path).await.expect(200), expected);
}

async fn null_removes_the_password(api: &Api) {
    let alice = api.person("alice").await;
    let path = format!("/v1/rooms/{}", api.room(&alice, json!({"password": "one"})).await);
    let changed = api
        .call(&alice, "PATCH", &path, json!({"password": null}))
        .await
        .expect(200);
    assert!(!changed.as_object().expect("an object").contains_key("password"));
    assert_eq!(api.get(&alice, &path).await.expect(200), changed);
}

async fn passwords_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    let path = format!("/v1/rooms/{}", api.room(&alice, json!({"password": "one"})).await);
    let change = async |body: Value| api.call(&alice, "PATCH", &path, body).await;
    change(json!({"password": ""}))
        .await
        .refused_fields(&["password invalid_value"]);
    change(json!({"password": "x".repeat(256)}))
        .await
        .refused_fields(&["password too_long"]);
    change(json!({"password": "\0"}))
        .await
        .refused_fields(&["password invalid_value"]);
    change(json!({"password": false}))
        .await
        .refused_fields(&["password invalid_value"]);
    assert_eq!(api.get(&alice, &path).await.expect(200)["password"], "one");
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PATCH", &path).await;
}

async fn strangers_do_not_see_a_room(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let path = format!("/v1/rooms/{}", api.room(&alice, json!({})).await);
    for path in [path.as_str(), UNKNOWN] {
        api.get(&bob, path).await.refused(404, "not_found");
        api.call(&bob, "PATCH", path, json!({"waiting_room": true}))
            .await
            .refused(404, "not_found");
        api.call(&bob, "PATCH", path, json!({}))
            .await
            .refused(404, "not_found");
        api.call(&bob, "DELETE", path, Value::Null)
            .await
            .refused(404, "not_found");
    }
    assert_eq!(api.get(&alice, &path).await.expect(200)["waiting_room"], false);
}

async fn a_deleted_room_is_gone(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({"enable_sip": true})).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let path = format!("/v1/rooms/{room}");
    let query = "?force_delete_reference_if_external_services_fail=true&suppress_email_notification=false";
    api.call(
        &alice,
        "DELETE",
        &format!("{path}?suppress_email_notification=1"),
        Value::Null,
    )
    .await
    .refused(400, "bad_request");
    let answer = api
        .call(&alice, "DELETE", &format!("{path}{query}"), Value::Null)
        .await;
    assert_eq!(answer.expect(204), Value::Null);
    api.get(&alice, &path).await.refused(404, "not_found");
    api.call(&alice, "DELETE", &path, Value::Null)
        .await
        .refused(404, "not_found");
    let verify = json!({"invite_code": code});
    api.call_anonymously("POST", "/v1/invite/verify", verify)
        .await
        .refused(404, "not_found");
}

async fn ids_must_parse(api: &Api) {
    let alice = api.person("alice").await;
    for id in [
        "1",
        "not-a-uuid",
        "%00",
        "%ff",
        "00000000-0000-4000-8000-00000000000g",
    ] {
        let path = format!("/v1/rooms/{id}");
        api.get(&alice, &path).await.refused(400, "bad_request");
        api.call(&alice, "PATCH", &path, json!({}))
            .await
            .refused(400, "bad_request");
        api.call(&alice, "DELETE", &path, Value::Null)
            .await
            .refused(400, "bad_request");
    }
}

async fn only_users_have_rooms(api: &Api) {
    for method in ["GET", "PATCH", "DELETE"] {
        api.needs_a_user(method, UNKNOWN).await;
    }
}
