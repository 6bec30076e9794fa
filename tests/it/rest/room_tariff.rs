//! `GET /v1/rooms/{room_id}/tariff`.

use serde_json::{Value, json};

use super::api::{Api, request};

on_both_databases!(Api: owners_and_guests_read_it, encryption_takes_telephones_out, others_do_not_see_it);

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn owners_and_guests_read_it(api: &Api) {
    let limits = "UPDATE tariffs SET quotas = '{\"max_storage\": 5, \"rooms_max\": 9}', disabled_features = '[\"integration::outlook\"]'";
    api.database.execute(limits).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let path = format!("/v1/rooms/{room}/tariff");
    let tariff = api.get(&alice, &path).await.expect(200);
    assert_eq!(
        (&tariff["name"], &tariff["quotas"]),
        (&json!("Default"), &json!({"max_storage": 5}))
    );
    assert_eq!(tariff["modules"]["integration"], json!({"features": []}));
    let features = tariff["modules"]["core"]["features"]
        .as_array()
        .expect("features");
    assert!(features.contains(&json!("call_in")) && features.contains(&json!("guests_allowed")));
    let names: Vec<_> = tariff["modules"].as_object().expect("a map").keys().collect();
    assert_eq!(tariff["enabled_modules"], json!(names));
    assert_eq!(tariff["disabled_features"], json!(["integration::outlook"]));
    let guest = format!("InviteCode {code}");
    let as_guest = api.send(request("GET", &path, Some(&guest), &Value::Null)).await;
    assert_eq!(as_guest.expect(200), tariff);
}

async fn encryption_takes_telephones_out(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({"e2e_encryption": true})).await;
    let tariff = api
        .get(&alice, &format!("/v1/rooms/{room}/tariff"))
        .await
        .expect(200);
    let features = tariff["modules"]["core"]["features"]
        .as_array()
        .expect("features");
    assert!(!features.contains(&json!("call_in")), "{tariff}");
    assert_eq!(tariff["disabled_features"], json!(["core::call_in"]));
}

async fn others_do_not_see_it(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let room = api.room(&alice, json!({})).await;
    let elsewhere = api.room(&alice, json!({})).await;
    let code = api.invite(&alice, &elsewhere, json!({})).await;
    let path = format!("/v1/rooms/{room}/tariff");
    api.get(&bob, &path).await.refused(404, "not_found");
    api.get(&alice, &format!("/v1/rooms/{UNKNOWN}/tariff"))
        .await
        .refused(404, "not_found");
    api.get(&alice, "/v1/rooms/x/tariff")
        .await
        .refused(400, "bad_request");
    let foreign = format!("InviteCode {code}");
    let refused = api
        .send(request("GET", &path, Some(&foreign), &Value::Null))
        .await;
    // Any 401 would log the guest out.
    refused.refused(403, "forbidden");
    api.needs_a_user("GET", &path).await;
}
