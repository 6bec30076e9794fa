//! `GET /v1/events/{event_id}`.

use serde_json::{Value, json};

use super::{Api, UNKNOWN, event, has, invite, path, text, timeless, weekly, with};

on_both_databases!(Api:
    invitees_see_an_event, strangers_do_not, invitees_are_cut, keys_are_for_the_owner, ids_must_parse, only_users_see_events);

async fn invitees_see_an_event(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let created = event(api, &alice, with(weekly(), &json!({"password": "geheim"}))).await;
    invite(api, &alice, &created, &bob, "user").await;
    let seen = api.get(&bob, &path(&created)).await.expect(200);
    assert_eq!(
        (&seen["can_edit"], &seen["invite_status"]),
        (&json!(false), &json!("pending"))
    );
    assert_eq!(seen["room"]["password"], "geheim");
    let favorite = format!("/v1/users/me/event_favorites/{}", text(&created["id"]));
    api.call(&bob, "PUT", &favorite, Value::Null).await.expect(201);
    api.call(&bob, "PATCH", &format!("{}/invite", path(&created)), json!({}))
        .await
        .expect(204);
    let seen = api.get(&bob, &path(&created)).await.expect(200);
    assert_eq!(
        (&seen["is_favorite"], &seen["invite_status"]),
        (&json!(true), &json!("accepted"))
    );
    assert_eq!(
        api.get(&alice, &path(&created)).await.expect(200)["is_favorite"],
        false
    );
}

async fn strangers_do_not(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let created = event(api, &alice, timeless()).await;
    for path in [path(&created).as_str(), UNKNOWN] {
        api.get(&bob, path).await.refused(404, "not_found");
        api.call(&bob, "PATCH", path, json!({"title": "x"}))
            .await
            .refused(404, "not_found");
        api.call(&bob, "PATCH", path, json!({}))
            .await
            .refused(404, "not_found");
        api.call(&bob, "DELETE", path, Value::Null)
            .await
            .refused(404, "not_found");
        api.get(&bob, &format!("{path}/instances"))
            .await
            .refused(404, "not_found");
    }
    assert_eq!(api.get(&alice, &path(&created)).await.expect(200), created);
}

async fn invitees_are_cut(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let created = event(api, &alice, timeless()).await;
    invite(api, &alice, &created, &bob, "moderator").await;
    api.clock.advance(1);
    let by_mail = json!({"email": "Guest@Example.com"});
    api.call(&alice, "POST", &format!("{}/invites", path(&created)), by_mail)
        .await
        .expect(201);
    let asked = async |query: &str| {
        let seen = api
            .get(&alice, &format!("{}{query}", path(&created)))
            .await
            .expect(200);
        let number = seen["invitees"].as_array().expect("a list").len();
        (number, seen["invitees_truncated"].clone())
    };
    assert_eq!(asked("").await, (0, json!(true)));
    assert_eq!(asked("?invitees_max=0").await, (0, json!(true)));
    assert_eq!(asked("?invitees_max=1").await, (1, json!(true)));
    assert_eq!(asked("?invitees_max=2").await, (2, json!(false)));
    assert_eq!(asked("?invitees_max=4294967295").await, (2, json!(false)));
    let seen = api
        .get(&alice, &format!("{}?invitees_max=9", path(&created)))
        .await
        .expect(200);
    let [user, guest] = seen["invitees"].as_array().expect("a list").as_slice() else {
        panic!("two invitees: {seen}");
    };
    assert_eq!(
        (&user["profile"]["kind"], &user["profile"]["role"]),
        (&json!("registered"), &json!("moderator"))
    );
    assert_eq!(
        (&guest["profile"]["kind"], &guest["status"]),
        (&json!("email"), &json!("pending"))
    );
    assert!(!has(&guest["profile"], "role"));
    for bad in ["-1", "x", "", "4294967296"] {
        api.get(&alice, &format!("{}?invitees_max={bad}", path(&created)))
            .await
            .refused(400, "bad_request");
    }
}

async fn keys_are_for_the_owner(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let target = json!({
        "name": "n", "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "geheim",
        "public_url": "https://example.org",
    });
    let created = event(
        api,
        &alice,
        with(timeless(), &json!({"streaming_targets": [target]})),
    )
    .await;
    invite(api, &alice, &created, &bob, "moderator").await;
    assert_eq!(created["streaming_targets"][0]["streaming_key"], "geheim");
    let seen = api.get(&bob, &path(&created)).await.expect(200);
    assert_eq!(seen["streaming_targets"][0]["name"], "n");
    assert!(!has(&seen["streaming_targets"][0], "streaming_key"));
}

async fn ids_must_parse(api: &Api) {
    let alice = api.person("alice").await;
    for id in ["1", "%00", "00000000-0000-4000-8000-00000000000g"] {
        for method in ["GET", "DELETE"] {
            api.call(&alice, method, &format!("/v1/events/{id}"), Value::Null)
                .await
                .refused(400, "bad_request");
        }
        api.call(&alice, "PATCH", &format!("/v1/events/{id}"), json!({}))
            .await
            .refused(400, "bad_request");
    }
}

async fn only_users_see_events(api: &Api) {
    for method in ["GET", "PATCH", "DELETE"] {
        api.needs_a_user(method, UNKNOWN).await;
    }
}
