//! Requests about one invitation at the same time.

use colloquy::{
    identity::{ProfileClaims, VerifiedToken},
    store::users::{NewUserDefaults, upsert_from_claims},
};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::Scene;
use crate::rest::api::Api;

on_both_databases!(Api:
    invited_at_once_is_invited_once, accepting_meets_the_end_of_the_invitation, a_favourite_meets_the_end_of_the_invitation,
    an_invitation_meets_the_first_login, the_end_of_an_invitation_meets_the_first_login);

async fn invited_at_once_is_invited_once(api: &Api) {
    let scene = Scene::set(api).await;
    let carol = api.person("carol").await;
    for body in [
        json!({"invitee": api.id_of(&carol).await}),
        json!({"email": "a@example.org"}),
    ] {
        let answers = join_all((0..10).map(|_| scene.post(api, body.clone()))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(
            statuses.iter().filter(|status| **status == 201).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|status| **status == 204).count(),
            9,
            "{statuses:?}"
        );
    }
    assert_eq!(scene.emails(api, "").await.len(), 3);
}

async fn accepting_meets_the_end_of_the_invitation(api: &Api) {
    let scene = Scene::set(api).await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    let own = format!("/v1/events/{}/invite", scene.event);
    for _ in 0..10 {
        let accepting = join_all((0..3).map(|_| api.call(&scene.bob, "PATCH", &own, Value::Null)));
        let deleting = join_all((0..2).map(|_| api.call(&scene.alice, "DELETE", &path, Value::Null)));
        let (answers, ends) = join(accepting, deleting).await;
        for answer in &answers {
            assert!([204, 404].contains(&answer.status.as_u16()), "{answer:?}");
        }
        let mut statuses: Vec<u16> = ends.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404]);
        assert_eq!(scene.emails(api, "").await.len(), 0);
        api.invite_to(&scene.alice, &scene.event, &scene.bob).await;
    }
}

async fn a_favourite_meets_the_end_of_the_invitation(api: &Api) {
    let scene = Scene::set(api).await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    let favorite = format!("/v1/users/me/event_favorites/{}", scene.event);
    for _ in 0..10 {
        let marks = join_all((0..3).map(|_| api.call(&scene.bob, "PUT", &favorite, Value::Null)));
        let (_, deleted) = join(marks, api.call(&scene.alice, "DELETE", &path, Value::Null)).await;
        deleted.expect(204);
        assert_eq!(
            api.database.number("SELECT count(*) FROM event_favorites").await,
            0
        );
        api.invite_to(&scene.alice, &scene.event, &scene.bob).await;
    }
}

async fn an_invitation_meets_the_first_login(api: &Api) {
    let scene = Scene::set(api).await;
    for number in 0..10 {
        let email = format!("g{number}@example.org");
        let login = logged_in(api, &email);
        let (invited, ()) = join(scene.post(api, json!({"email": email})), login).await;
        invited.expect(201);
    }
    let list = scene.list(api, "").await;
    let of_users = list.as_array().expect("a list").iter();
    assert_eq!(
        of_users
            .filter(|invitee| invitee["profile"]["kind"] == "registered")
            .count(),
        11,
        "{list}"
    );
}

async fn the_end_of_an_invitation_meets_the_first_login(api: &Api) {
    let scene = Scene::set(api).await;
    let path = format!("{}/email", scene.path);
    for number in 0..10 {
        let email = format!("g{number}@example.org");
        let body = json!({"email": email});
        scene.post(api, body.clone()).await.expect(201);
        let end = api.call(&scene.alice, "DELETE", &path, body);
        let (ended, ()) = join(end, logged_in(api, &email)).await;
        ended.expect(204);
        assert_eq!(scene.emails(api, "").await.len(), 1);
    }
}

/// Somebody new logs in with this address.
async fn logged_in(api: &Api, email: &str) {
    let token = VerifiedToken {
        issuer: "https://issuer.example".to_owned(),
        subject: email.to_owned(),
        client: "Frontend".to_owned(),
        session: None,
        issued_at: 0,
        expires_at: chrono::DateTime::UNIX_EPOCH,
        roles: Vec::new(),
        profile: ProfileClaims {
            email: Some(email.to_owned()),
            email_verified: Some(true),
            ..ProfileClaims::default()
        },
    };
    let defaults = NewUserDefaults::default();
    upsert_from_claims(&api.database.db, &token, &defaults, api.state.clock.now())
        .await
        .expect("a user");
}
