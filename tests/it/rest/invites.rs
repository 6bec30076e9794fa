//! `/v1/rooms/{room_id}/invites`.

use serde_json::{Value, json};

use super::api::{Api, Person};

on_both_databases!(Api:
    an_invite_has_its_fields, expirations_are_times, put_sets_and_removes_the_end, delete_makes_inactive,
    invites_are_listed_newest_first, invites_belong_to_one_room, strangers_see_no_invites, ids_must_parse,
    only_users_have_invites);

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn owner(api: &Api) -> (Person, String) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    (alice, room)
}

async fn an_invite_has_its_fields(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("/v1/rooms/{room}/invites");
    let invite = api
        .call(&alice, "POST", &path, json!({"unknown": 1}))
        .await
        .expect(201);
    let profile = api.get(&alice, &format!("/v1/rooms/{room}")).await.expect(200)["created_by"].take();
    let expected = json!({
        "invite_code": invite["invite_code"],
        "created": "2027-01-15T08:00:00Z",
        "created_by": profile,
        "updated": "2027-01-15T08:00:00Z",
        "updated_by": profile,
        "room_id": room,
        "room": room,
        "active": true,
        "expiration": null,
    });
    assert_eq!(invite, expected);
    let code = invite["invite_code"].as_str().expect("a code");
    assert_eq!(
        api.get(&alice, &format!("{path}/{code}")).await.expect(200),
        expected
    );
}

async fn expirations_are_times(api: &Api) {
    let (alice, room) = owner(api).await;
    let path = format!("/v1/rooms/{room}/invites");
    let create = async |expiration: Value| {
        api.call(&alice, "POST", &path, json!({"expiration": expiration}))
            .await
    };
    for (given, kept) in [
        (json!("2030-06-01T12:00:00+02:00"), json!("2030-06-01T10:00:00Z")),
        (
            json!("2030-06-01T12:00:00.123456789Z"),
            json!("2030-06-01T12:00:00.123456Z"),
        ),
        (json!("1999-01-01T00:00:00Z"), json!("1999-01-01T00:00:00Z")),
        (Value::Null, Value::Null),
    ] {
        assert_eq!(create(given).await.expect(201)["expiration"], kept);
    }
    for wrong in [
        json!("tomorrow"),
        json!(""),
        json!(5),
        json!("1969-12-31T23:59:59Z"),
        json!("3000-01-01T00:00:00Z"),
    ] {
        create(wrong).await.refused_fields(&["expiration invalid_value"]);
    }
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "POST", &path).await;
}

async fn put_sets_and_removes_the_end(api: &Api) {
    let (alice, room) = owner(api).await;
    let code = api
        .invite(&alice, &room, json!({"expiration": "2030-01-01T00:00:00Z"}))
        .await;
    let path = format!("/v1/rooms/{room}/invites/{code}");
    let before = api.get(&alice, &path).await.expect(200);
    api.clock.advance(60);
    let put = async |body: Value| api.call(&alice, "PUT", &path, body).await;
    assert_eq!(put(json!({})).await.expect(200), before);
    let removed = put(json!({"expiration": null})).await.expect(200);
    assert_eq!(
        (&removed["expiration"], &removed["updated"]),
        (&Value::Null, &json!("2027-01-15T08:01:00Z"))
    );
    assert_eq!(removed["created"], before["created"]);
    let set = put(json!({"expiration": "2031-01-01T00:00:00Z"}))
        .await
        .expect(200);
    assert_eq!(set["expiration"], "2031-01-01T00:00:00Z");
    assert_eq!(api.get(&alice, &path).await.expect(200), set);
    put(json!({"expiration": "never"}))
        .await
        .refused_fields(&["expiration invalid_value"]);
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PUT", &path).await;
}

async fn delete_makes_inactive(api: &Api) {
    let (alice, room) = owner(api).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let path = format!("/v1/rooms/{room}/invites/{code}");
    for _ in 0..2 {
        let answer = api.call(&alice, "DELETE", &path, Value::Null).await;
        assert_eq!(answer.expect(204), Value::Null);
    }
    assert_eq!(api.get(&alice, &path).await.expect(200)["active"], false);
    let put = api
        .call(&alice, "PUT", &path, json!({"expiration": null}))
        .await
        .expect(200);
    assert_eq!(put["active"], false);
    let verify = json!({"invite_code": code});
    api.call_anonymously("POST", "/v1/invite/verify", verify)
        .await
        .refused(404, "not_found");
}

async fn invites_are_listed_newest_first(api: &Api) {
    let (alice, room) = owner(api).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.insert(0, api.invite(&alice, &room, json!({})).await);
        // Later than what counts as the same wish.
        api.clock.advance(10);
    }
    let path = format!("/v1/rooms/{room}/invites");
    let list = async |query: &str| {
        let answer = api.get(&alice, &format!("{path}{query}")).await;
        let link = answer.links();
        let invites = answer.expect(200);
        let code = |invite: &Value| invite["invite_code"].as_str().expect("a code").to_owned();
        (
            invites
                .as_array()
                .expect("a list")
                .iter()
                .map(code)
                .collect::<Vec<_>>(),
            link,
        )
    };
    assert_eq!(list("").await, (codes.clone(), String::new()));
    let (first, link) = list("?per_page=2").await;
    assert_eq!(first, codes[..2]);
    assert!(
        link.contains(&format!("<{path}?per_page=2&page=2>; rel=\"next\"")),
        "{link}"
    );
    assert_eq!(list("?per_page=2&page=2").await.0, codes[2..]);
    api.get(&alice, &format!("{path}?per_page=0"))
        .await
        .refused(400, "bad_request");
}

async fn invites_belong_to_one_room(api: &Api) {
    let (alice, room) = owner(api).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let other = api.room(&alice, json!({})).await;
    for path in [
        format!("/v1/rooms/{other}/invites/{code}"),
        format!("/v1/rooms/{room}/invites/{UNKNOWN}"),
    ] {
        api.get(&alice, &path).await.refused(404, "not_found");
        api.call(&alice, "PUT", &path, json!({}))
            .await
            .refused(404, "not_found");
        api.call(&alice, "PUT", &path, json!({"expiration": null}))
            .await
            .refused(404, "not_found");
        api.call(&alice, "DELETE", &path, Value::Null)
            .await
            .refused(404, "not_found");
    }
    let list = api
        .get(&alice, &format!("/v1/rooms/{other}/invites"))
        .await
        .expect(200);
    assert_eq!(list, json!([]));
}

async fn strangers_see_no_invites(api: &Api) {
    let (alice, room) = owner(api).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let bob = api.person("bob").await;
    for room in [room.as_str(), UNKNOWN] {
        let (list, one) = (
            format!("/v1/rooms/{room}/invites"),
            format!("/v1/rooms/{room}/invites/{code}"),
        );
        for (method, path, body) in [
            ("GET", &list, Value::Null),
            ("POST", &list, json!({})),
            ("GET", &one, Value::Null),
            ("PUT", &one, json!({"expiration": null})),
            ("DELETE", &one, Value::Null),
        ] {
            api.call(&bob, method, path, body).await.refused(404, "not_found");
        }
    }
}

async fn ids_must_parse(api: &Api) {
    let (alice, room) = owner(api).await;
    for (method, path, body) in [
        ("GET", "/v1/rooms/1/invites".to_owned(), Value::Null),
        ("POST", "/v1/rooms/1/invites".to_owned(), json!({})),
        ("GET", format!("/v1/rooms/{room}/invites/1"), Value::Null),
        ("PUT", format!("/v1/rooms/{room}/invites/1"), json!({})),
        ("DELETE", format!("/v1/rooms/1/invites/{UNKNOWN}"), Value::Null),
    ] {
        api.call(&alice, method, &path, body)
            .await
            .refused(400, "bad_request");
    }
}

async fn only_users_have_invites(api: &Api) {
    let list = format!("/v1/rooms/{UNKNOWN}/invites");
    let one = format!("{list}/{UNKNOWN}");
    for (method, path) in [
        ("GET", &list),
        ("POST", &list),
        ("GET", &one),
        ("PUT", &one),
        ("DELETE", &one),
    ] {
        api.needs_a_user(method, path).await;
    }
}
