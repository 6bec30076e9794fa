//! `/v1/users/me`.

use serde_json::{Value, json};

use super::api::Api;

on_both_databases!(Api:
    the_profile_has_every_field, changes_are_kept, what_can_not_be_seen_is_no_name, nothing_to_change_is_no_content, texts_have_limits,
    languages_are_tags, only_users_have_a_profile);

const ME: &str = "/v1/users/me";

/// What the provider calls her.
const DORA: &str = "Dora Dörfler";

async fn the_profile_has_every_field(api: &Api) {
    let dora = api.person("dora").await;
    let mut me = api.get(&dora, ME).await.expect(200);
    assert!(me["id"].take().as_str().is_some_and(|id| id.len() == 36));
    let expected = json!({
        "id": null,
        "email": "Dora@Example.org",
        "title": "",
        "firstname": "Dora",
        "lastname": "Dörfler",
        "display_name": DORA,
        // md5 of `dora@example.org`.
        "avatar_url": "https://seccdn.libravatar.org/avatar/463d327b725fab4505e546bd35b0bd35",
        "dashboard_theme": "system",
        "conference_theme": "system",
        "language": "en",
        "tariff_status": "default",
        "used_storage": 0,
    });
    assert_eq!(me, expected);
}

async fn changes_are_kept(api: &Api) {
    let alice = api.person("alice").await;
    let change = json!({
        "title": "Dr.", "display_name": " Alice ", "language": "de-AT", "dashboard_theme": "dark",
        "conference_theme": "ü".repeat(128), "email": "ignored@example.org", "unknown": [1],
    });
    let changed = api.call(&alice, "PATCH", ME, change).await.expect(200);
    assert_eq!(api.get(&alice, ME).await.expect(200), changed);
    for (field, value) in [
        ("title", "Dr."),
        ("display_name", "Alice"),
        ("language", "de-AT"),
        ("dashboard_theme", "dark"),
        ("email", "alice@example.org"),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let reset = api
        .call(&alice, "PATCH", ME, json!({"display_name": "", "title": ""}))
        .await
        .expect(200);
    assert_eq!(
        (&reset["display_name"], &reset["title"]),
        (&json!("Alice Adams"), &json!(""))
    );
    assert_eq!(reset["dashboard_theme"], "dark");
}

async fn what_can_not_be_seen_is_no_name(api: &Api) {
    let dora = api.person("dora").await;
    let changed = async |name: &str| {
        let change = json!({"display_name": name});
        api.call(&dora, "PATCH", ME, change).await.expect(200)["display_name"].clone()
    };
    assert_eq!(changed("\u{202e}Do\u{200b}ra\t D.").await, "Dora D.");
    for name in [
        "",
        " \t",
        "\u{200b}",
        "\u{202e}\u{2066} \u{2069}",
        "\u{3164}",
        "\u{301}",
    ] {
        assert_eq!(changed("Chosen").await, "Chosen");
        assert_eq!(changed(name).await, DORA, "{name:?}");
    }
    assert_eq!(api.get(&dora, ME).await.expect(200)["display_name"], DORA);
}

async fn nothing_to_change_is_no_content(api: &Api) {
    let alice = api.person("alice").await;
    for body in [
        json!({}),
        json!({"title": null, "language": null}),
        json!({"unknown": "x"}),
    ] {
        let answer = api.call(&alice, "PATCH", ME, body).await;
        assert_eq!(answer.expect(204), Value::Null);
    }
}

async fn texts_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    for (field, chars_max) in [
        ("title", 255),
        ("display_name", 255),
        ("dashboard_theme", 128),
        ("conference_theme", 128),
    ] {
        let patch = async |text: String| api.call(&alice, "PATCH", ME, json!({field: text})).await;
        patch("ß".repeat(chars_max)).await.expect(200);
        patch("ß".repeat(chars_max + 1))
            .await
            .refused_fields(&[&format!("{field} too_long")]);
        patch("a\0b".to_owned())
            .await
            .refused_fields(&[&format!("{field} invalid_value")]);
        let answer = api.call(&alice, "PATCH", ME, json!({field: 1})).await;
        answer.refused_fields(&[&format!("{field} invalid_value")]);
    }
    let both = json!({"title": "x".repeat(256), "display_name": "\0"});
    let answer = api.call(&alice, "PATCH", ME, both).await;
    answer.refused_fields(&["title too_long", "display_name invalid_value"]);
}

async fn languages_are_tags(api: &Api) {
    let alice = api.person("alice").await;
    let patch = async |tag: &str| api.call(&alice, "PATCH", ME, json!({"language": tag})).await;
    patch("zh-Hant-TW").await.expect(200);
    for wrong in ["", "de_DE", "german, please"] {
        patch(wrong).await.refused_fields(&["language invalid_value"]);
    }
    patch(&"abcdefgh-".repeat(5))
        .await
        .refused_fields(&["language too_long"]);
}

async fn only_users_have_a_profile(api: &Api) {
    api.needs_a_user("GET", ME).await;
    api.needs_a_user("PATCH", ME).await;
    let alice = api.person("alice").await;
    let bearer = format!("Bearer {}", alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PATCH", ME).await;
}
