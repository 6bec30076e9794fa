//! `/v1/rooms/{room_id}/streaming_targets`.

use serde_json::{Value, json};

use super::api::{Api, Person};

on_both_databases!(Api:
    a_target_has_its_fields, changes_touch_only_what_they_name, every_wrong_field_is_named,
    targets_are_listed_in_the_order_of_their_creation, a_room_has_at_most_a_hundred, delete_removes,
    targets_belong_to_one_room, strangers_see_nothing, keys_are_the_owners, ids_must_parse, only_users_ask, the_room_takes_them_along);

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn owner(api: &Api) -> (Person, String) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    (alice, format!("/v1/rooms/{room}/streaming_targets"))
}

fn target(name: &str) -> Value {
    json!({
        "name": name, "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app",
        "streaming_key": "geheim", "public_url": "https://live.example.org/watch",
    })
}

async fn create(api: &Api, who: &Person, path: &str, name: &str) -> Value {
    api.call(who, "POST", path, target(name)).await.expect(201)
}

fn at(path: &str, target: &Value) -> String {
    format!("{path}/{}", target["id"].as_str().expect("an id"))
}

async fn a_target_has_its_fields(api: &Api) {
    let (alice, path) = owner(api).await;
    let query = format!("{path}?suppress_email_notification=true");
    let made = create(api, &alice, &query, "Täglich").await;
    let mut expected = target("Täglich");
    expected["id"] = made["id"].clone();
    assert_eq!(made, expected);
    assert_eq!(api.get(&alice, &at(&path, &made)).await.expect(200), expected);
    assert_eq!(api.get(&alice, &path).await.expect(200), json!([expected]));
    let odd = format!("{path}?suppress_email_notification=1");
    api.call(&alice, "POST", &odd, target("x"))
        .await
        .refused(400, "bad_request");
}

async fn changes_touch_only_what_they_name(api: &Api) {
    let (alice, path) = owner(api).await;
    let mut expected = create(api, &alice, &path, "one").await;
    let place = at(&path, &expected);
    let change = async |body: Value| api.call(&alice, "PATCH", &place, body).await.expect(200);
    let nulls = json!({"name": null, "kind": null, "streaming_endpoint": null, "streaming_key": null, "public_url": null});
    for body in [
        json!({}),
        nulls,
        json!({"kind": "custom"}),
        json!({"id": UNKNOWN}),
    ] {
        assert_eq!(change(body).await, expected);
    }
    for (field, value) in [
        ("name", "two"),
        ("streaming_endpoint", "rtmps://other.example.org/app"),
        ("streaming_key", "neu"),
        ("public_url", "http://other.example.org/"),
    ] {
        expected[field] = json!(value);
        assert_eq!(change(json!({field: value})).await, expected);
    }
    assert_eq!(api.get(&alice, &place).await.expect(200), expected);
    api.call(
        &alice,
        "PATCH",
        &format!("{path}/{UNKNOWN}"),
        json!({"name": "x"}),
    )
    .await
    .refused(404, "not_found");
    api.call(&alice, "PATCH", &format!("{path}/{UNKNOWN}"), json!({}))
        .await
        .refused(404, "not_found");
}

async fn every_wrong_field_is_named(api: &Api) {
    let (alice, path) = owner(api).await;
    let wrong = json!({
        "name": "", "kind": "custom", "streaming_endpoint": "live.example.org", "streaming_key": "a\0b",
        "public_url": "javascript:alert(1)",
    });
    let names = [
        "name invalid_value",
        "streaming_endpoint invalid_value",
        "streaming_key invalid_value",
        "public_url invalid_value",
    ];
    api.call(&alice, "POST", &path, wrong.clone())
        .await
        .refused_fields(&names);
    let made = create(api, &alice, &path, "one").await;
    api.call(&alice, "PATCH", &at(&path, &made), wrong)
        .await
        .refused_fields(&names);
    let long = |chars: usize| format!("https://live.example.org/{}", "ü".repeat(chars - 25));
    for (field, most) in [
        ("name", "🎥".repeat(255)),
        ("streaming_key", "🔑".repeat(1024)),
        ("public_url", long(2048)),
    ] {
        let mut body = target("x");
        body[field] = json!(most);
        api.call(&alice, "POST", &path, body.clone()).await.expect(201);
        body[field] = json!(format!("{most}x"));
        api.call(&alice, "POST", &path, body)
            .await
            .refused_fields(&[&format!("{field} too_long")]);
    }
    for (field, value) in [
        ("kind", json!("twitch")),
        ("name", json!(1)),
        ("public_url", json!("rtmp://live.example.org/app")),
        ("public_url", json!("https://live:geheim@live.example.org/watch")),
    ] {
        let mut body = target("x");
        body[field] = value;
        api.call(&alice, "POST", &path, body)
            .await
            .refused_fields(&[&format!("{field} invalid_value")]);
    }
    let mut body = target("x");
    body.as_object_mut().expect("an object").remove("streaming_key");
    api.call(&alice, "POST", &path, body)
        .await
        .refused_fields(&["streaming_key value_required"]);
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "POST", &path).await;
    api.refuses_bad_bodies(Some(&bearer), "PATCH", &at(&path, &made))
        .await;
}

async fn targets_are_listed_in_the_order_of_their_creation(api: &Api) {
    let (alice, path) = owner(api).await;
    let mut made = Vec::new();
    for name in ["c", "a", "b"] {
        made.push(create(api, &alice, &path, name).await);
        api.clock.advance(1);
    }
    // Made in the same moment: by their ids.
    let mut twins = vec![
        create(api, &alice, &path, "t").await,
        create(api, &alice, &path, "s").await,
    ];
    twins.sort_by_key(|target| target["id"].as_str().expect("an id").to_owned());
    made.extend(twins);
    let all = api.get(&alice, &path).await;
    assert!(!all.headers.contains_key("link"));
    assert_eq!(all.expect(200), json!(made));
    let page = api.get(&alice, &format!("{path}?per_page=2&page=2")).await;
    let next = format!("<{path}?per_page=2&page=3>; rel=\"next\"");
    assert!(page.header("link").contains(&next), "{}", page.header("link"));
    assert_eq!(page.expect(200), json!(made[2..4]));
    for query in ["per_page=0", "per_page=101", "page=0", "page=x"] {
        api.get(&alice, &format!("{path}?{query}"))
            .await
            .refused(400, "bad_request");
    }
}

async fn a_room_has_at_most_a_hundred(api: &Api) {
    let (alice, path) = owner(api).await;
    create(api, &alice, &path, "1").await;
    // Requests for all of them would take long.
    let many = |kind: &str| {
        format!(
            "INSERT INTO streaming_targets SELECT {kind}, t.room_id, t.created_at, t.name, t.kind, t.streaming_endpoint,
             t.streaming_key, t.public_url FROM streaming_targets t, numbers"
        )
    };
    let numbers =
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 98) ";
    let ids = match &api.database.db {
        colloquy::store::Db::Sqlite { .. } => "randomblob(16)",
        colloquy::store::Db::Postgres(_) => "gen_random_uuid()",
    };
    api.database.execute(&format!("{numbers}{}", many(ids))).await;
    // Two at once for the last place.
    let (one, other) = futures_util::future::join(
        api.call(&alice, "POST", &path, target("x")),
        api.call(&alice, "POST", &path, target("y")),
    )
    .await;
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    api.call(&alice, "POST", &path, target("z"))
        .await
        .refused(409, "conflict");
    assert_eq!(
        api.database
            .number("SELECT count(*) FROM streaming_targets")
            .await,
        100
    );
}

async fn delete_removes(api: &Api) {
    let (alice, path) = owner(api).await;
    let (one, other) = (
        create(api, &alice, &path, "1").await,
        create(api, &alice, &path, "2").await,
    );
    let place = at(&path, &one);
    let query = format!("{place}?suppress_email_notification=true");
    assert_eq!(
        api.call(&alice, "DELETE", &query, Value::Null).await.expect(204),
        Value::Null
    );
    for method in ["GET", "DELETE"] {
        api.call(&alice, method, &place, Value::Null)
            .await
            .refused(404, "not_found");
    }
    assert_eq!(api.get(&alice, &path).await.expect(200), json!([other]));
}

async fn targets_belong_to_one_room(api: &Api) {
    let (alice, path) = owner(api).await;
    let made = create(api, &alice, &path, "1").await;
    let elsewhere = format!(
        "/v1/rooms/{}/streaming_targets",
        api.room(&alice, json!({})).await
    );
    let place = at(&elsewhere, &made);
    for (method, body) in [
        ("GET", Value::Null),
        ("PATCH", json!({"name": "x"})),
        ("DELETE", Value::Null),
    ] {
        api.call(&alice, method, &place, body)
            .await
            .refused(404, "not_found");
    }
    assert_eq!(api.get(&alice, &at(&path, &made)).await.expect(200), made);
    assert_eq!(api.get(&alice, &elsewhere).await.expect(200), json!([]));
}

async fn strangers_see_nothing(api: &Api) {
    let (alice, path) = owner(api).await;
    let made = create(api, &alice, &path, "1").await;
    let bob = api.person("bob").await;
    let place = at(&path, &made);
    for (method, path, body) in [
        ("GET", &path, Value::Null),
        ("POST", &path, target("x")),
        ("GET", &place, Value::Null),
        ("PATCH", &place, json!({"name": "x"})),
        ("DELETE", &place, Value::Null),
    ] {
        api.call(&bob, method, path, body).await.refused(404, "not_found");
    }
    assert_eq!(api.get(&alice, &path).await.expect(200), json!([made]));
}

async fn keys_are_the_owners(api: &Api) {
    let (alice, path) = owner(api).await;
    let mut secret = target("1");
    secret["streaming_endpoint"] =
        json!("rtmp://alice:swordfish@live.example.org/app?passphrase=swordfish#swordfish");
    let mut made = api.call(&alice, "POST", &path, secret.clone()).await.expect(201);
    assert_eq!(made["streaming_endpoint"], secret["streaming_endpoint"]);
    let room = path
        .trim_start_matches("/v1/rooms/")
        .trim_end_matches("/streaming_targets");
    let event = api.event_in(room, false).await;
    let place = at(&path, &made);
    made.as_object_mut().expect("an object").remove("streaming_key");
    made["streaming_endpoint"] = json!("rtmp://live.example.org/app");
    for (name, role) in [("bob", "user"), ("carol", "moderator")] {
        let invited = api.invited(event, name, role).await;
        assert_eq!(api.get(&invited, &path).await.expect(200), json!([made]));
        assert_eq!(api.get(&invited, &place).await.expect(200), made);
        let event = api
            .get(&invited, &format!("/v1/events/{event}"))
            .await
            .expect(200);
        assert_eq!(event["streaming_targets"], json!([made]));
        for (method, path, body) in [
            ("POST", &path, target("x")),
            ("PATCH", &place, json!({"name": "x"})),
            ("DELETE", &place, Value::Null),
        ] {
            api.call(&invited, method, path, body)
                .await
                .refused(403, "forbidden");
        }
    }
    let shown = api.get(&alice, &place).await.expect(200);
    assert_eq!(shown["streaming_key"], "geheim");
    assert_eq!(shown["streaming_endpoint"], secret["streaming_endpoint"]);
}

async fn ids_must_parse(api: &Api) {
    let (alice, path) = owner(api).await;
    for place in ["/v1/rooms/1/streaming_targets", &format!("{path}/1")] {
        api.get(&alice, place).await.refused(400, "bad_request");
    }
    for (method, body) in [("PATCH", json!({})), ("DELETE", Value::Null)] {
        api.call(&alice, method, &format!("{path}/x"), body)
            .await
            .refused(400, "bad_request");
    }
}

async fn only_users_ask(api: &Api) {
    let path = format!("/v1/rooms/{UNKNOWN}/streaming_targets");
    for method in ["GET", "POST"] {
        api.needs_a_user(method, &path).await;
    }
    for method in ["GET", "PATCH", "DELETE"] {
        api.needs_a_user(method, &format!("{path}/{UNKNOWN}")).await;
    }
}

async fn the_room_takes_them_along(api: &Api) {
    let (alice, path) = owner(api).await;
    create(api, &alice, &path, "1").await;
    let room = path.trim_end_matches("/streaming_targets");
    api.call(&alice, "DELETE", room, Value::Null).await.expect(204);
    assert_eq!(
        api.database
            .number("SELECT count(*) FROM streaming_targets")
            .await,
        0
    );
}
