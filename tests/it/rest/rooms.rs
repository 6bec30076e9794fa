//! `/v1/rooms`.

use serde_json::{Value, json};

use super::api::{Api, Person};
use crate::databases::Kind;

on_both_databases!(Api:
    a_room_has_its_fields, null_and_absent_are_alike, passwords_have_limits, telephones_do_not_decrypt,
    rooms_are_listed_newest_first, pages_are_linked, pages_have_bounds, only_users_have_rooms);

async fn create(api: &Api, owner: &Person, body: Value) -> super::answer::Answer {
    api.call(owner, "POST", "/v1/rooms", body).await
}

async fn a_room_has_its_fields(api: &Api) {
    let alice = api.person("alice").await;
    let body = json!({
        "password": "geheim ü", "waiting_room": true, "e2e_encryption": true, "enable_sip": false, "unknown": {},
    });
    let answer = create(api, &alice, body).await;
    let location = answer.header("location").to_owned();
    let room = answer.expect(201);
    let me = api.get(&alice, "/v1/users/me").await.expect(200);
    let mut owner = me.clone();
    for field in [
        "dashboard_theme",
        "conference_theme",
        "language",
        "tariff_status",
        "used_storage",
    ] {
        owner.as_object_mut().expect("an object").remove(field);
    }
    let expected = json!({
        "id": room["id"],
        "created_by": owner,
        "created_at": "2027-01-15T08:00:00Z",
        "password": "geheim ü",
        "waiting_room": true,
        "guest_access": "direct_access",
        "e2e_encryption": true,
    });
    assert_eq!(room, expected);
    assert_eq!(api.get(&alice, &location).await.expect(200), room);
}

async fn null_and_absent_are_alike(api: &Api) {
    let alice = api.person("alice").await;
    let nulls = json!({"password": null, "waiting_room": null, "e2e_encryption": null, "enable_sip": null});
    for body in [json!({}), nulls] {
        let room = create(api, &alice, body).await.expect(201);
        assert!(!room.as_object().expect("an object").contains_key("password"));
        assert_eq!(
            (&room["waiting_room"], &room["e2e_encryption"]),
            (&json!(false), &json!(false))
        );
    }
}

async fn passwords_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    create(api, &alice, json!({"password": "🔑".repeat(255)}))
        .await
        .expect(201);
    for (password, code) in [
        (json!(""), "password invalid_value"),
        (json!("🔑".repeat(256)), "password too_long"),
        (json!("a\0b"), "password invalid_value"),
        (json!(7), "password invalid_value"),
    ] {
        create(api, &alice, json!({"password": password}))
            .await
            .refused_fields(&[code]);
    }
    create(api, &alice, json!({"waiting_room": "yes"}))
        .await
        .refused_fields(&["waiting_room invalid_value"]);
    assert_eq!(api.database.number("SELECT count(*) FROM rooms").await, 1);
}

async fn telephones_do_not_decrypt(api: &Api) {
    let alice = api.person("alice").await;
    create(api, &alice, json!({"enable_sip": true})).await.expect(201);
    assert_eq!(api.database.number("SELECT count(*) FROM sip_configs").await, 1);
    // Clients send both switches: the encryption wins, whatever the tariff says of telephones.
    let both = json!({"enable_sip": true, "e2e_encryption": true});
    let without = "UPDATE tariffs SET disabled_features = '[\"call_in\"]'";
    for tariff in ["UPDATE tariffs SET disabled_features = '[]'", without] {
        api.database.execute(tariff).await;
        let room = create(api, &alice, both.clone()).await.expect(201);
        let sip = format!("/v1/rooms/{}/sip", room["id"].as_str().expect("an id"));
        api.get(&alice, &sip).await.refused(404, "service_unavailable");
    }
    assert_eq!(api.database.number("SELECT count(*) FROM sip_configs").await, 1);
}

async fn rooms_are_listed_newest_first(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, api.room(&alice, json!({"password": "x"})).await);
        api.clock.advance(1);
    }
    api.room(&bob, json!({})).await;
    let answer = api.get(&alice, "/v1/rooms").await;
    assert!(!answer.headers.contains_key("link"));
    let rooms = answer.expect(200);
    let listed = rooms
        .as_array()
        .expect("a list")
        .iter()
        .map(|room| room["id"].as_str().expect("an id"));
    assert_eq!(listed.collect::<Vec<_>>(), ids);
    assert_eq!(rooms[0]["password"], "x");
    let carol = api.person("carol").await;
    assert_eq!(api.get(&carol, "/v1/rooms").await.expect(200), json!([]));
}

async fn pages_are_linked(api: &Api) {
    let alice = api.person("alice").await;
    for _ in 0..5 {
        api.room(&alice, json!({})).await;
    }
    let answer = api.get(&alice, "/v1/rooms?per_page=2&page=2").await;
    let link = |page: u8, rel: &str| format!("</v1/rooms?per_page=2&page={page}>; rel=\"{rel}\"");
    let expected = [
        link(1, "first"),
        link(1, "prev"),
        link(3, "next"),
        link(3, "last"),
    ]
    .join(", ");
    assert_eq!(answer.links(), expected);
    assert_eq!(answer.expect(200).as_array().expect("a list").len(), 2);
    let last = api.get(&alice, "/v1/rooms?page=3&per_page=2").await;
    assert!(!last.header("link").contains("next"));
    assert_eq!(last.expect(200).as_array().expect("a list").len(), 1);
    let beyond = api.get(&alice, "/v1/rooms?page=4294967295&per_page=2").await;
    assert!(beyond.header("link").contains("rel=\"prev\""));
    assert_eq!(beyond.expect(200), json!([]));
}

async fn pages_have_bounds(api: &Api) {
    let alice = api.person("alice").await;
    for query in [
        "per_page=0",
        "per_page=101",
        "page=0",
        "page=-1",
        "page=x",
        "page=",
        "per_page=1.5",
        "page=4294967296",
    ] {
        api.get(&alice, &format!("/v1/rooms?{query}"))
            .await
            .refused(400, "bad_request");
    }
    api.get(&alice, "/v1/rooms?per_page=100&page=1&unknown=%00")
        .await
        .expect(200);
}

async fn only_users_have_rooms(api: &Api) {
    api.needs_a_user("GET", "/v1/rooms").await;
    api.needs_a_user("POST", "/v1/rooms").await;
    let alice = api.person("alice").await;
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "POST", "/v1/rooms").await;
}

async fn tariff_without_telephone(kind: Kind) {
    let api = Api::with(kind, |config| {
        config.defaults.disabled_features = vec!["core::call_in".to_owned()];
    })
    .await;
    let alice = api.person("alice").await;
    create(&api, &alice, json!({"enable_sip": true}))
        .await
        .refused(403, "feature_disabled_by_tariff");
    create(&api, &alice, json!({"enable_sip": false}))
        .await
        .expect(201);
    api.finish().await;
    let api = Api::start(kind).await;
    let off = "UPDATE tariffs SET disabled_features = '[\"call_in\"]'";
    api.database.execute(off).await;
    let alice = api.person("alice").await;
    create(&api, &alice, json!({"enable_sip": true}))
        .await
        .refused(403, "feature_disabled_by_tariff");
    api.finish().await;
}

#[tokio::test]
async fn telephones_need_the_feature_on_sqlite() {
    tariff_without_telephone(Kind::Sqlite).await;
}

#[tokio::test]
async fn telephones_need_the_feature_on_postgres() {
    tariff_without_telephone(Kind::Postgres).await;
}
