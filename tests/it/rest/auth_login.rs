//! `/v1/auth/login`.

use colloquy::store::{groups, users};
use serde_json::{Value, json};

use super::api::{Api, ISSUER, request};

on_both_databases!(Api:
    the_provider_is_named, a_login_creates_and_updates, any_authorization_is_ignored, only_id_tokens_log_in,
    bad_bodies_are_refused, disabled_users_are_forbidden);

const PATH: &str = "/v1/auth/login";

async fn the_provider_is_named(api: &Api) {
    let body = api.call_anonymously("GET", PATH, Value::Null).await.expect(200);
    assert_eq!(body, json!({"oidc": {"name": "Colloquy", "url": ISSUER}}));
}

async fn a_login_creates_and_updates(api: &Api) {
    let dora = api.person("dora").await;
    for _ in 0..2 {
        let body = api
            .call_anonymously("POST", PATH, json!({"id_token": dora.id_token, "unknown": 1}))
            .await;
        assert_eq!(body.expect(200), json!({"permissions": []}));
    }
    assert_eq!(api.database.number("SELECT count(*) FROM users").await, 1);
    let me = api.get(&dora, "/v1/users/me").await.expect(200);
    let user = users::by_id(
        &api.database.db,
        me["id"].as_str().expect("an id").parse().expect("a UUID"),
    )
    .await;
    let user = user.expect("a query").expect("a user");
    assert_eq!(user.issuer, ISSUER);
    let groups = groups::of_user(&api.database.db, user.profile.id)
        .await
        .expect("groups");
    assert_eq!(
        groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
        ["chess"]
    );
}

async fn any_authorization_is_ignored(api: &Api) {
    let dora = api.person("dora").await;
    for authorization in ["Bearer expired", "InviteCode nonsense", "nonsense"] {
        let request = request(
            "POST",
            PATH,
            Some(authorization),
            &json!({"id_token": dora.id_token}),
        );
        api.send(request).await.expect(200);
    }
}

async fn only_id_tokens_log_in(api: &Api) {
    let dora = api.person("dora").await;
    for token in [dora.access_token.as_str(), "", "a.b.c"] {
        let answer = api
            .call_anonymously("POST", PATH, json!({"id_token": token}))
            .await;
        answer.refused(401, "unauthorized");
        assert!(
            answer
                .header("www-authenticate")
                .starts_with("Bearer error=\"invalid_token\", error_description=\"")
        );
    }
    api.clock.advance(24 * 3_600);
    let answer = api
        .call_anonymously("POST", PATH, json!({"id_token": dora.id_token}))
        .await;
    answer.refused(401, "unauthorized");
    assert_eq!(api.database.number("SELECT count(*) FROM users").await, 0);
}

async fn bad_bodies_are_refused(api: &Api) {
    api.refuses_bad_bodies(None, "POST", PATH).await;
    api.call_anonymously("POST", PATH, json!({}))
        .await
        .refused_fields(&["id_token value_required"]);
    api.call_anonymously("POST", PATH, json!({"id_token": null}))
        .await
        .refused_fields(&["id_token invalid_value"]);
}

async fn disabled_users_are_forbidden(api: &Api) {
    let dora = api.person("dora").await;
    api.get(&dora, "/v1/users/me").await.expect(200);
    api.database
        .execute("UPDATE users SET disabled_at = created_at")
        .await;
    api.call_anonymously("POST", PATH, json!({"id_token": dora.id_token}))
        .await
        .refused(403, "forbidden");
    api.get(&dora, "/v1/users/me").await.refused(403, "forbidden");
}
