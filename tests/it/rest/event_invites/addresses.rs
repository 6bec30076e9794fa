//! Invitations of e-mail addresses, and the users that turn out to have them.

use colloquy::{
    identity::{ProfileClaims, VerifiedToken},
    store::users::{NewUserDefaults, User, upsert_from_claims},
};
use serde_json::{Value, json};

use super::Scene;
use crate::rest::api::Api;

on_both_databases!(Api:
    the_address_of_a_user_invites_the_user, the_first_login_takes_the_invitations_of_the_address,
    an_unverified_address_takes_nothing, an_unverified_address_is_not_invited_as_its_user,
    two_invitations_of_one_person_become_one, other_tenants_take_nothing, the_creator_takes_nothing_from_itself,
    addresses_are_changed_and_withdrawn, an_address_stands_for_its_user);

/// Somebody logs in with this address.
pub(super) async fn logged_in(api: &Api, subject: &str, email: &str, verified: Option<bool>) -> User {
    logged_in_to(api, subject, email, verified, None).await
}

async fn logged_in_to(
    api: &Api,
    subject: &str,
    email: &str,
    email_verified: Option<bool>,
    tenant: Option<&str>,
) -> User {
    let token = VerifiedToken {
        issuer: "https://issuer.example".to_owned(),
        subject: subject.to_owned(),
        client: "Frontend".to_owned(),
        session: None,
        issued_at: 0,
        expires_at: chrono::DateTime::UNIX_EPOCH,
        roles: Vec::new(),
        profile: ProfileClaims {
            email: Some(email.to_owned()),
            email_verified,
            tenant_id: tenant.map(str::to_owned),
            ..ProfileClaims::default()
        },
    };
    let defaults = NewUserDefaults::default();
    let user = upsert_from_claims(&api.database.db, &token, &defaults, api.state.clock.now()).await;
    user.expect("a user")
}

async fn the_address_of_a_user_invites_the_user(api: &Api) {
    let scene = Scene::set(api).await;
    let eve = logged_in(api, "eve", "Eve@Example.org", Some(true)).await;
    scene
        .post(api, json!({"email": "eVe@example.ORG", "role": "guest"}))
        .await
        .expect(201);
    let profile = &scene.list(api, "").await[1]["profile"];
    assert_eq!(
        (&profile["kind"], &profile["id"], &profile["role"]),
        (&json!("registered"), &json!(eve.profile.id), &json!("user"))
    );
    scene
        .post(api, json!({"invitee": eve.profile.id}))
        .await
        .expect(204);
}

async fn the_first_login_takes_the_invitations_of_the_address(api: &Api) {
    let scene = Scene::set(api).await;
    let other = api.event(&scene.alice).await;
    let other = format!("/v1/events/{other}/invites");
    for (path, role) in [(&scene.path, "moderator"), (&other, "guest")] {
        let body = json!({"email": "eve@example.org", "role": role});
        api.call(&scene.alice, "POST", path, body).await.expect(201);
        api.clock.advance(1);
    }
    api.clock.advance(1);
    scene
        .post(api, json!({"email": "else@example.org"}))
        .await
        .expect(201);
    let eve = logged_in(api, "eve", "EVE@example.org", Some(true)).await;
    for (path, place, role) in [(&scene.path, 1, "moderator"), (&other, 0, "user")] {
        let list = api.get(&scene.alice, path).await.expect(200);
        let invitee = &list[place];
        assert_eq!(invitee["status"], "pending");
        assert_eq!(invitee["profile"]["id"], json!(eve.profile.id), "{list}");
        assert_eq!(invitee["profile"]["role"], role);
    }
    assert_eq!(scene.list(api, "").await[2]["profile"]["kind"], "email");
    // Once is enough.
    logged_in(api, "eve", "eve@example.org", Some(true)).await;
    assert_eq!(scene.emails(api, "").await.len(), 3);
}

async fn an_unverified_address_takes_nothing(api: &Api) {
    let scene = Scene::set(api).await;
    scene
        .post(api, json!({"email": "eve@example.org"}))
        .await
        .expect(201);
    logged_in(api, "mallory", "eve@example.org", Some(false)).await;
    assert_eq!(scene.list(api, "").await[1]["profile"]["kind"], "email");
    // Who proves it later gets it then.
    let eve = logged_in(api, "mallory", "eve@example.org", Some(true)).await;
    assert_eq!(
        scene.list(api, "").await[1]["profile"]["id"],
        json!(eve.profile.id)
    );
}

async fn an_unverified_address_is_not_invited_as_its_user(api: &Api) {
    let scene = Scene::set(api).await;
    logged_in(api, "mallory", "eve@example.org", Some(false)).await;
    scene
        .post(api, json!({"email": "eve@example.org"}))
        .await
        .expect(201);
    assert_eq!(scene.list(api, "").await[1]["profile"]["kind"], "email");
}

async fn two_invitations_of_one_person_become_one(api: &Api) {
    let scene = Scene::set(api).await;
    let eve = logged_in(api, "eve", "eve@example.org", Some(true)).await;
    let path = format!("/v1/events/{}/invites", scene.event);
    api.call(&scene.alice, "POST", &path, json!({"invitee": eve.profile.id}))
        .await
        .expect(201);
    for (email, role, expected) in [
        ("eve@work.example", "moderator", "moderator"),
        ("eve@home.example", "guest", "moderator"),
    ] {
        scene
            .post(api, json!({"email": email, "role": role}))
            .await
            .expect(201);
        // The issuer knows a new address of hers.
        logged_in(api, "eve", email, Some(true)).await;
        let list = scene.list(api, "").await;
        assert_eq!(list.as_array().map(Vec::len), Some(2), "{list}");
        assert_eq!(list[1]["profile"]["role"], expected);
    }
}

async fn other_tenants_take_nothing(api: &Api) {
    let scene = Scene::set(api).await;
    scene
        .post(api, json!({"email": "eve@example.org"}))
        .await
        .expect(201);
    logged_in_to(api, "eve", "eve@example.org", Some(true), Some("other")).await;
    assert_eq!(scene.list(api, "").await[1]["profile"]["kind"], "email");
}

async fn the_creator_takes_nothing_from_itself(api: &Api) {
    let scene = Scene::set(api).await;
    scene
        .post(api, json!({"email": "new@example.org"}))
        .await
        .expect(201);
    let alice = colloquy::store::users::by_id(
        &api.database.db,
        api.id_of(&scene.alice).await.parse().expect("an id"),
    );
    let alice = alice.await.expect("a query").expect("a user");
    let token = VerifiedToken {
        issuer: alice.issuer,
        subject: alice.subject,
        client: "Frontend".to_owned(),
        session: None,
        // No older than what is known of her.
        issued_at: api.clock.seconds(),
        expires_at: chrono::DateTime::UNIX_EPOCH,
        roles: Vec::new(),
        profile: ProfileClaims {
            email: Some("new@example.org".to_owned()),
            email_verified: Some(true),
            ..ProfileClaims::default()
        },
    };
    let defaults = NewUserDefaults::default();
    upsert_from_claims(&api.database.db, &token, &defaults, api.state.clock.now())
        .await
        .expect("a user");
    assert_eq!(scene.emails(api, "").await.len(), 1);
}

async fn addresses_are_changed_and_withdrawn(api: &Api) {
    let scene = Scene::set(api).await;
    scene
        .post(api, json!({"email": "a@example.org"}))
        .await
        .expect(201);
    let path = format!("{}/email", scene.path);
    let call = async |method: &str, body: Value| api.call(&scene.alice, method, &path, body).await;
    for body in [
        json!({"email": "A@example.org"}),
        json!({"email": "a@example.org", "role": null}),
        json!({"email": "a@example.org", "role": "moderator"}),
        json!({"email": "a@example.org", "role": "guest"}),
    ] {
        assert_eq!(call("PATCH", body).await.expect(204), Value::Null);
    }
    call("PATCH", json!({"email": "a@example.org", "role": "user"}))
        .await
        .refused_fields(&["role invalid_value"]);
    for method in ["PATCH", "DELETE"] {
        call(method, json!({}))
            .await
            .refused_fields(&["email value_required"]);
        call(method, json!({"email": "a"}))
            .await
            .refused_fields(&["email invalid_email"]);
        call(method, json!({"email": "b@example.org"}))
            .await
            .refused(404, "not_found");
        let body = json!({"email": "a@example.org"});
        let by_bob = api.call(&scene.bob, method, &path, body.clone()).await;
        by_bob.refused(403, "forbidden");
        let carol = api.person("carol").await;
        let by_carol = api.call(&carol, method, &path, body).await;
        by_carol.refused(404, "not_found");
        let bearer = format!("Bearer {}", scene.alice.access_token);
        api.refuses_bad_bodies(Some(&bearer), method, &path).await;
    }
    call("DELETE", json!({"email": "A@example.org"}))
        .await
        .expect(204);
    call("DELETE", json!({"email": "a@example.org"}))
        .await
        .refused(404, "not_found");
    assert_eq!(scene.emails(api, "").await.len(), 1);
}

async fn an_address_stands_for_its_user(api: &Api) {
    let scene = Scene::set(api).await;
    let email = scene.emails(api, "").await.remove(0);
    let path = format!("{}/email", scene.path);
    let body = json!({"email": email, "role": "moderator"});
    api.call(&scene.alice, "PATCH", &path, body).await.expect(204);
    assert_eq!(scene.list(api, "").await[0]["profile"]["role"], "moderator");
    let body = json!({"email": email, "role": "guest"});
    api.call(&scene.alice, "PATCH", &path, body).await.expect(204);
    assert_eq!(scene.list(api, "").await[0]["profile"]["role"], "user");
    let body = json!({"email": email});
    api.call(&scene.alice, "DELETE", &path, body).await.expect(204);
    api.get(&scene.bob, &scene.path).await.refused(404, "not_found");
}
