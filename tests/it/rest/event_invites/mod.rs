//! `/v1/events/{event_id}/invites` and below, and `/v1/events/{event_id}/invite`.

mod addresses;
mod answers;
mod changes;
mod codes;
mod directory;
mod limits;
mod mails;
mod owners;
mod races;
mod telephone;
mod unverified;
mod waiting;

use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
};

on_both_databases!(Api:
    invitees_have_their_fields, invitees_are_listed_in_order, statuses_filter_in_both_notations,
    either_a_user_or_an_address, roles_fit_their_invitees, invited_twice_is_invited_once, the_creator_needs_no_invitation,
    only_users_of_the_tenant_are_invited, only_the_creator_invites, an_event_has_a_thousand_invitees,
    only_users_have_invitations);

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Alice's event, with bob as its only invitee.
struct Scene {
    alice: Person,
    bob: Person,
    event: String,
    path: String,
}

impl Scene {
    async fn set(api: &Api) -> Self {
        let (alice, bob) = (api.person("alice").await, api.person("bob").await);
        let event = api.event(&alice).await;
        api.invite_to(&alice, &event, &bob).await;
        api.clock.advance(1);
        let path = format!("/v1/events/{event}/invites");
        Self {
            alice,
            bob,
            event,
            path,
        }
    }

    /// Each invitation is a second younger than the one before.
    async fn post(&self, api: &Api, body: Value) -> Answer {
        let answer = api.call(&self.alice, "POST", &self.path, body).await;
        api.clock.advance(1);
        answer
    }

    async fn list(&self, api: &Api, query: &str) -> Value {
        api.get(&self.alice, &format!("{}{query}", self.path))
            .await
            .expect(200)
    }

    /// The profile of whoever is listed last.
    async fn last(&self, api: &Api) -> Value {
        let invitees = self.list(api, "").await;
        let last = invitees.as_array().and_then(|list| list.last());
        last.expect("an invitee")["profile"].clone()
    }

    /// Addresses of the listed invitees.
    async fn emails(&self, api: &Api, query: &str) -> Vec<String> {
        let list = self.list(api, query).await;
        let email = |invitee: &Value| {
            invitee["profile"]["email"]
                .as_str()
                .expect("an address")
                .to_owned()
        };
        list.as_array().expect("a list").iter().map(email).collect()
    }
}

async fn invitees_have_their_fields(api: &Api) {
    let scene = Scene::set(api).await;
    scene
        .post(
            api,
            json!({"email": "Guest@Example.org", "role": "moderator", "unknown": 1}),
        )
        .await
        .expect(201);
    let bob = api.get(&scene.bob, "/v1/users/me").await.expect(200);
    let expected = json!([
        {
            "profile": {
                "kind": "registered",
                "id": bob["id"],
                "email": bob["email"],
                "title": bob["title"],
                "firstname": bob["firstname"],
                "lastname": bob["lastname"],
                "display_name": bob["display_name"],
                "avatar_url": bob["avatar_url"],
                "role": "user",
            },
            "status": "pending",
        },
        {
            "profile": {
                "kind": "email",
                "email": "guest@example.org",
                // md5 of the address.
                "avatar_url": "https://seccdn.libravatar.org/avatar/cde48bd0bea0bbc6bc6bb02a461d946e",
            },
            "status": "pending",
        },
    ]);
    assert_eq!(scene.list(api, "").await, expected);
    // Invitees see the list as well.
    let path = &scene.path;
    let seen = api.get(&scene.bob, path).await.expect(200);
    assert_eq!(seen.as_array().map(Vec::len), Some(2));
}

async fn invitees_are_listed_in_order(api: &Api) {
    let scene = Scene::set(api).await;
    let mut expected = vec!["bob@example.org".to_owned()];
    for number in 0..4 {
        let email = format!("g{number}@example.org");
        scene.post(api, json!({"email": email})).await.expect(201);
        expected.push(email);
    }
    expected[0] = scene.emails(api, "?per_page=1").await.remove(0);
    assert_eq!(scene.emails(api, "").await, expected);
    assert_eq!(scene.emails(api, "?per_page=2&page=2").await, expected[2..4]);
    let answer = api
        .get(
            &scene.alice,
            &format!("{}?per_page=2&status=pending,accepted", scene.path),
        )
        .await;
    let next = format!(
        "<{}?per_page=2&page=2&status=pending%2Caccepted>; rel=\"next\"",
        scene.path
    );
    assert!(answer.header("link").contains(&next), "{}", answer.header("link"));
    for query in [
        "?per_page=0",
        "?per_page=101",
        "?page=0",
        "?status=maybe",
        "?status=pending,x",
    ] {
        api.get(&scene.alice, &format!("{}{query}", scene.path))
            .await
            .refused(400, "bad_request");
    }
}

async fn statuses_filter_in_both_notations(api: &Api) {
    let scene = Scene::set(api).await;
    let (carol, dora) = (api.person("carol").await, api.person("dora").await);
    api.invite_to(&scene.alice, &scene.event, &carol).await;
    api.invite_to(&scene.alice, &scene.event, &dora).await;
    let own = format!("/v1/events/{}/invite", scene.event);
    api.call(&carol, "PATCH", &own, Value::Null).await.expect(204);
    api.call(&dora, "DELETE", &own, Value::Null).await.expect(204);
    for (query, number) in [
        ("", 3),
        ("?status=", 3),
        ("?status=pending", 1),
        ("?status=accepted", 1),
        ("?status=declined", 1),
        ("?status=tentative", 0),
        ("?status=accepted,declined", 2),
        ("?status=accepted&status=declined", 2),
        ("?status=accepted&status=declined,pending", 3),
        ("?status=pending,pending", 1),
    ] {
        assert_eq!(scene.emails(api, query).await.len(), number, "{query}");
    }
    let accepted = scene.list(api, "?status=accepted").await;
    assert_eq!(
        (&accepted[0]["status"], &accepted[0]["profile"]["id"]),
        (&json!("accepted"), &json!(api.id_of(&carol).await))
    );
}

async fn either_a_user_or_an_address(api: &Api) {
    let scene = Scene::set(api).await;
    let bob = api.id_of(&scene.bob).await;
    for (body, refused) in [
        (json!({}), "invitee value_required"),
        (json!({"invitee": null, "email": null}), "invitee value_required"),
        (json!({"role": "user"}), "invitee value_required"),
        (
            json!({"invitee": bob, "email": "a@example.org"}),
            "email ignored_value",
        ),
        (json!({"invitee": "bob"}), "invitee invalid_value"),
        (json!({"email": 1}), "email invalid_value"),
        (json!({"email": "no address"}), "email invalid_email"),
        (
            json!({"email": "a@example.org\r\nBcc: b@example.org"}),
            "email invalid_email",
        ),
        (json!({"email": "a\u{0}@example.org"}), "email invalid_email"),
        (
            json!({"email": format!("a@{}.org", "x".repeat(250))}),
            "email too_long",
        ),
        (
            json!({"email": "a@example.org", "role": "king"}),
            "role invalid_value",
        ),
    ] {
        scene.post(api, body).await.refused_fields(&[refused]);
    }
    let bearer = format!("Bearer {}", scene.alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "POST", &scene.path).await;
    assert_eq!(scene.emails(api, "").await.len(), 1);
}

async fn roles_fit_their_invitees(api: &Api) {
    let scene = Scene::set(api).await;
    let (carol, dora) = (api.person("carol").await, api.person("dora").await);
    let (carol, dora) = (api.id_of(&carol).await, api.id_of(&dora).await);
    for (body, status) in [
        (json!({"invitee": carol, "role": "guest"}), 422),
        (json!({"invitee": carol, "role": "moderator"}), 201),
        (json!({"invitee": dora, "role": null}), 201),
        (json!({"email": "a@example.org", "role": "user"}), 422),
        (json!({"email": "a@example.org", "role": "guest"}), 201),
        (json!({"email": "b@example.org", "role": "moderator"}), 201),
    ] {
        let answer = scene.post(api, body).await;
        if status == 422 {
            answer.refused_fields(&["role invalid_value"]);
        } else {
            assert_eq!(answer.expect(status), Value::Null);
        }
    }
    let list = scene.list(api, "").await;
    let role_of = |id: &str| {
        let list = list.as_array().expect("a list");
        let found = list.iter().find(|invitee| invitee["profile"]["id"] == id);
        found.expect("an invitee")["profile"]["role"].clone()
    };
    assert_eq!(
        (role_of(&carol), role_of(&dora)),
        (json!("moderator"), json!("user"))
    );
}

async fn invited_twice_is_invited_once(api: &Api) {
    let scene = Scene::set(api).await;
    let bob = api.id_of(&scene.bob).await;
    let again = scene
        .post(api, json!({"invitee": bob, "role": "moderator"}))
        .await;
    assert_eq!(again.expect(204), Value::Null);
    assert_eq!(scene.list(api, "").await[0]["profile"]["role"], "user");
    scene
        .post(api, json!({"email": "a@example.org"}))
        .await
        .expect(201);
    scene
        .post(api, json!({"email": "A@EXAMPLE.org"}))
        .await
        .expect(204);
    assert_eq!(scene.emails(api, "").await.len(), 2);
}

async fn the_creator_needs_no_invitation(api: &Api) {
    let scene = Scene::set(api).await;
    let alice = api.get(&scene.alice, "/v1/users/me").await.expect(200);
    scene.post(api, json!({"invitee": alice["id"]})).await.expect(204);
    scene
        .post(api, json!({"email": alice["email"]}))
        .await
        .expect(204);
    assert_eq!(scene.emails(api, "").await.len(), 1);
}

async fn only_users_of_the_tenant_are_invited(api: &Api) {
    let scene = Scene::set(api).await;
    let carol = api.person("carol").await;
    let profile = api.get(&carol, "/v1/users/me").await.expect(200);
    api.move_to_another_tenant(&carol).await;
    let refused = scene.post(api, json!({"invitee": profile["id"]})).await;
    refused.refused(404, "not_found");
    scene
        .post(api, json!({"invitee": NOBODY}))
        .await
        .refused(404, "not_found");
    // Its address is as good as any other that no user of the tenant has.
    scene
        .post(api, json!({"email": profile["email"]}))
        .await
        .expect(201);
    assert_eq!(scene.list(api, "").await[1]["profile"]["kind"], "email");
    api.get(&carol, &scene.path).await.refused(404, "not_found");
}

async fn only_the_creator_invites(api: &Api) {
    let scene = Scene::set(api).await;
    let carol = api.person("carol").await;
    let bob = api.id_of(&scene.bob).await;
    api.call(
        &scene.alice,
        "PATCH",
        &format!("{}/{bob}", scene.path),
        json!({"role": "moderator"}),
    )
    .await
    .expect(204);
    let body = || json!({"email": "a@example.org"});
    let by_invitee = api.call(&scene.bob, "POST", &scene.path, body()).await;
    by_invitee.refused(403, "forbidden");
    let by_stranger = api.call(&carol, "POST", &scene.path, body()).await;
    by_stranger.refused(404, "not_found");
    api.get(&carol, &scene.path).await.refused(404, "not_found");
    let nowhere = format!("/v1/events/{NOBODY}/invites");
    api.call(&scene.alice, "POST", &nowhere, body())
        .await
        .refused(404, "not_found");
    api.get(&scene.alice, &nowhere).await.refused(404, "not_found");
    api.get(&scene.alice, "/v1/events/1/invites")
        .await
        .refused(400, "bad_request");
    api.call(&scene.alice, "POST", "/v1/events/1/invites", body())
        .await
        .refused(400, "bad_request");
    let query = format!("{}?suppress_email_notification=perhaps", scene.path);
    api.call(&scene.alice, "POST", &query, body())
        .await
        .refused(400, "bad_request");
    let query = format!("{}?suppress_email_notification=true", scene.path);
    api.call(&scene.alice, "POST", &query, body()).await.expect(201);
}

async fn an_event_has_a_thousand_invitees(api: &Api) {
    let scene = Scene::set(api).await;
    let alice = api
        .database
        .literal(api.id_of(&scene.alice).await.parse().expect("an id"));
    let event = api.database.literal(scene.event.parse().expect("an id"));
    let at = "'2027-01-15 08:00:00+00:00'";
    let rows: Vec<_> = (0..998)
        .map(|number| {
            let id = api.database.literal(uuid::Uuid::new_v4());
            format!("({id}, {event}, 'g{number}@example.org', 'guest', 'pending', {alice}, {at}, {at})")
        })
        .collect();
    let columns = "id, event_id, email, role, status, created_by, created_at, updated_at";
    api.database
        .execute(&format!(
            "INSERT INTO event_invites ({columns}) VALUES {}",
            rows.join(", ")
        ))
        .await;
    let (first, second) = (
        json!({"email": "x@example.org"}),
        json!({"email": "y@example.org"}),
    );
    scene.post(api, first.clone()).await.expect(201);
    scene.post(api, second.clone()).await.refused(409, "conflict");
    scene.post(api, first.clone()).await.expect(204);
    let path = format!("{}/email", scene.path);
    api.call(&scene.alice, "DELETE", &path, first).await.expect(204);
    scene.post(api, second).await.expect(201);
}

async fn only_users_have_invitations(api: &Api) {
    let event = format!("/v1/events/{NOBODY}");
    for (method, path) in [
        ("GET", format!("{event}/invites")),
        ("POST", format!("{event}/invites")),
        ("PATCH", format!("{event}/invites/{NOBODY}")),
        ("DELETE", format!("{event}/invites/{NOBODY}")),
        ("PATCH", format!("{event}/invites/email")),
        ("DELETE", format!("{event}/invites/email")),
        ("PATCH", format!("{event}/invite")),
        ("DELETE", format!("{event}/invite")),
        ("GET", "/v1/users/me/pending_invites".to_owned()),
        ("PUT", format!("/v1/users/me/event_favorites/{NOBODY}")),
        ("DELETE", format!("/v1/users/me/event_favorites/{NOBODY}")),
    ] {
        api.needs_a_user(method, &path).await;
    }
}
