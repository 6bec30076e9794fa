//! Texts that can be written in several ways: what is stored, compared and found.

use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
};

on_both_databases!(Api:
    texts_are_stored_composed, texts_are_as_long_as_they_are_stored, passwords_are_the_same_however_they_are_typed, people_are_found_however_they_are_written,
    a_mailbox_is_invited_once, addresses_without_a_domain_are_refused, file_names_keep_letters_with_their_marks);

/// A name as some keyboards and providers write it, and as it is stored.
const APART: &str = "Bjo\u{308}rn";
const COMPOSED: &str = "Bj\u{f6}rn";

async fn event(api: &Api, who: &Person, title: &str) -> Value {
    let body = json!({"title": title, "description": title, "is_time_independent": true});
    api.call(who, "POST", "/v1/events", body).await.expect(201)
}

async fn texts_are_stored_composed(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, APART).await;
    assert_eq!(
        (&created["title"], &created["description"]),
        (&json!(COMPOSED), &json!(COMPOSED))
    );
    let path = format!("/v1/events/{}", created["id"].as_str().expect("an id"));
    let changed = api
        .call(&alice, "PATCH", &path, json!({"title": format!("{APART} 2")}))
        .await;
    assert_eq!(changed.expect(200)["title"], format!("{COMPOSED} 2"));
    let me = json!({"display_name": APART, "title": APART});
    let me = api.call(&alice, "PATCH", "/v1/users/me", me).await.expect(200);
    assert_eq!(
        (&me["display_name"], &me["title"]),
        (&json!(COMPOSED), &json!(COMPOSED))
    );
    let target = json!({
        "name": APART, "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "k",
        "public_url": "https://example.org",
    });
    let room = api.room(&alice, json!({})).await;
    let targets = format!("/v1/rooms/{room}/streaming_targets");
    let target = api.call(&alice, "POST", &targets, target).await.expect(201);
    assert_eq!(target["name"], COMPOSED);
}

/// Some letters are longer then.
async fn texts_are_as_long_as_they_are_stored(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let targets = format!("/v1/rooms/{room}/streaming_targets");
    let target = |name: &str| {
        json!({
            "name": name, "kind": "custom", "streaming_endpoint": "rtmp://example.org", "streaming_key": "k",
            "public_url": "https://example.org",
        })
    };
    let made = api
        .call(&alice, "POST", &targets, target("short"))
        .await
        .expect(201);
    let made = format!("{targets}/{}", made["id"].as_str().expect("an id"));
    let long = "\u{fb2c}".repeat(255);
    for (method, path, body) in [
        ("POST", &*targets, target(&long)),
        ("PATCH", &made, json!({"name": long})),
        ("PATCH", "/v1/users/me", json!({"title": long})),
        (
            "POST",
            "/v1/events",
            json!({"title": long, "description": "", "is_time_independent": true}),
        ),
        ("PATCH", &format!("/v1/rooms/{room}"), json!({"password": long})),
    ] {
        let refused = api.call(&alice, method, path, body).await;
        assert_eq!(refused.status, 422, "{method} {path}");
    }
}

async fn passwords_are_the_same_however_they_are_typed(api: &Api) {
    let alice = api.person("alice").await;
    for (set, typed) in [(APART, COMPOSED), (COMPOSED, APART), (APART, APART)] {
        let room = api.room(&alice, json!({"password": set})).await;
        let code = api.invite(&alice, &room, json!({})).await;
        let start = async |password: &str| {
            let body = json!({"invite_code": code, "password": password});
            api.call_anonymously("POST", &format!("/v1/rooms/{room}/start_invited"), body)
                .await
        };
        start("Bjorn").await.refused(401, "wrong_room_password");
        start(typed).await.expect(200);
    }
    // One that an earlier version has stored.
    let room = api.room(&alice, json!({"password": "x"})).await;
    let code = api.invite(&alice, &room, json!({})).await;
    api.database
        .execute(&format!(
            "UPDATE rooms SET password = '{APART}' WHERE password = 'x'"
        ))
        .await;
    let body = json!({"invite_code": code, "password": COMPOSED});
    api.call_anonymously("POST", &format!("/v1/rooms/{room}/start_invited"), body)
        .await
        .expect(200);
}

async fn people_are_found_however_they_are_written(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    api.get(&alice, "/v1/users/me").await.expect(200);
    for (name, asked) in [
        (APART, &[COMPOSED, APART, "BJÖRN", "bjorn"][..]),
        ("Größe", &["GRÖSSE", "größe", "grosse"]),
        ("İbrahim", &["ibrahim", "İBRAHIM", "IBRAHIM"]),
        ("Ｗｉｄｅ", &["wide"]),
    ] {
        let name = json!({"display_name": format!("{name} Xyz")});
        api.call(&bob, "PATCH", "/v1/users/me", name).await.expect(200);
        for asked in asked {
            let asked: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
            let found = api.get(&alice, &format!("/v1/users/find?q={asked}%20xyz")).await;
            assert_eq!(found.expect(200).as_array().map(Vec::len), Some(1), "{asked}");
        }
    }
}

async fn invite(api: &Api, who: &Person, event: &Value, email: &str) -> Answer {
    let path = format!("/v1/events/{}/invites", event["id"].as_str().expect("an id"));
    api.call(who, "POST", &path, json!({"email": email})).await
}

async fn a_mailbox_is_invited_once(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, "Planning").await;
    invite(api, &alice, &created, "idn@bücher.example")
        .await
        .expect(201);
    for again in [
        "idn@xn--bcher-kva.example",
        "IDN@BÜCHER.example",
        "idn@bu\u{308}cher.example",
    ] {
        invite(api, &alice, &created, again).await.expect(204);
    }
    let kept = "SELECT count(*) FROM event_invites WHERE email = 'idn@xn--bcher-kva.example'";
    assert_eq!(api.database.number(kept).await, 1);
}

async fn addresses_without_a_domain_are_refused(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, "Planning").await;
    for email in ["user@[127.0.0.1]", "user@[IPv6:::1]", "user@xn--a"] {
        invite(api, &alice, &created, email)
            .await
            .refused_fields(&["email invalid_email"]);
    }
}

async fn file_names_keep_letters_with_their_marks(api: &Api) {
    let alice = api.person("alice").await;
    for (title, shown) in [(APART, COMPOSED), ("हिन्दी", "हिन्दी"), ("ไทยที่", "ไทยที่")]
    {
        let created = event(api, &alice, title).await;
        let room = created["room"]["id"].as_str().expect("an id");
        let asset = api
            .upload(&alice, room, "kind=rec&file_extension=mkv", "x")
            .await
            .expect(200);
        assert_eq!(asset["filename"], format!("{shown}_rec_{}.mkv", api.file_time()));
    }
}
