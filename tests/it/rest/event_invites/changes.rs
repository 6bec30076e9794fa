//! `/v1/events/{event_id}/invites/{user_id}`: roles, and the end of an invitation.

use serde_json::{Value, json};

use super::{NOBODY, Scene};
use crate::rest::api::Api;

on_both_databases!(Api:
    the_creator_changes_roles, only_the_creator_changes_others, invitees_withdraw_themselves,
    a_deleted_invitation_takes_access_and_favourite, invitations_can_begin_anew);

async fn the_creator_changes_roles(api: &Api) {
    let scene = Scene::set(api).await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    let change = async |body: Value| api.call(&scene.alice, "PATCH", &path, body).await;
    for (body, role) in [
        (json!({"role": "moderator"}), "moderator"),
        (json!({}), "moderator"),
        (json!({"role": null}), "moderator"),
        (json!({"role": "user"}), "user"),
    ] {
        assert_eq!(change(body).await.expect(204), Value::Null);
        assert_eq!(scene.list(api, "").await[0]["profile"]["role"], role);
    }
    for wrong in [
        json!({"role": "guest"}),
        json!({"role": "king"}),
        json!({"role": 1}),
    ] {
        change(wrong).await.refused_fields(&["role invalid_value"]);
    }
    let bearer = format!("Bearer {}", scene.alice.access_token);
    api.refuses_bad_bodies(Some(&bearer), "PATCH", &path).await;
}

async fn only_the_creator_changes_others(api: &Api) {
    let scene = Scene::set(api).await;
    let (carol, dora) = (api.person("carol").await, api.person("dora").await);
    api.invite_to(&scene.alice, &scene.event, &carol).await;
    let (bob, carol_id) = (api.id_of(&scene.bob).await, api.id_of(&carol).await);
    let path = format!("{}/{carol_id}", scene.path);
    let role = || json!({"role": "moderator"});
    api.call(&scene.bob, "PATCH", &path, role())
        .await
        .refused(403, "forbidden");
    api.call(&scene.bob, "DELETE", &path, Value::Null)
        .await
        .refused(403, "forbidden");
    // Nobody gives itself a role.
    let own = format!("{}/{bob}", scene.path);
    api.call(&scene.bob, "PATCH", &own, role())
        .await
        .refused(403, "forbidden");
    api.call(&dora, "PATCH", &path, role())
        .await
        .refused(404, "not_found");
    api.call(&dora, "DELETE", &path, Value::Null)
        .await
        .refused(404, "not_found");
    for (path, status, code) in [
        (format!("{}/{NOBODY}", scene.path), 404, "not_found"),
        (format!("{}/1", scene.path), 400, "bad_request"),
        (format!("/v1/events/{NOBODY}/invites/{bob}"), 404, "not_found"),
    ] {
        api.call(&scene.alice, "PATCH", &path, role())
            .await
            .refused(status, code);
        api.call(&scene.alice, "DELETE", &path, Value::Null)
            .await
            .refused(status, code);
    }
    assert_eq!(scene.emails(api, "").await.len(), 2);
}

async fn invitees_withdraw_themselves(api: &Api) {
    let scene = Scene::set(api).await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    api.call(&scene.bob, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    api.call(&scene.bob, "DELETE", &path, Value::Null)
        .await
        .refused(404, "not_found");
    assert_eq!(scene.emails(api, "").await.len(), 0);
    let own = format!("{}/{}", scene.path, api.id_of(&scene.alice).await);
    api.call(&scene.alice, "DELETE", &own, Value::Null)
        .await
        .refused(404, "not_found");
}

async fn a_deleted_invitation_takes_access_and_favourite(api: &Api) {
    let scene = Scene::set(api).await;
    let carol = api.person("carol").await;
    api.invite_to(&scene.alice, &scene.event, &carol).await;
    let favorite = format!("/v1/users/me/event_favorites/{}", scene.event);
    for person in [&scene.alice, &scene.bob, &carol] {
        api.call(person, "PUT", &favorite, Value::Null).await.expect(201);
    }
    let path = format!(
        "{}/{}?suppress_email_notification=true",
        scene.path,
        api.id_of(&scene.bob).await
    );
    api.call(&scene.alice, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    api.get(&scene.bob, &scene.path).await.refused(404, "not_found");
    api.call(&scene.bob, "PUT", &favorite, Value::Null)
        .await
        .refused(404, "not_found");
    // The others' favourites stay.
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_favorites").await,
        2
    );
    for person in [&scene.alice, &carol] {
        api.call(person, "PUT", &favorite, Value::Null).await.expect(204);
    }
}

async fn invitations_can_begin_anew(api: &Api) {
    let scene = Scene::set(api).await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    let own = format!("/v1/events/{}/invite", scene.event);
    api.call(&scene.bob, "PATCH", &own, Value::Null).await.expect(204);
    api.call(&scene.alice, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    api.invite_to(&scene.alice, &scene.event, &scene.bob).await;
    assert_eq!(scene.list(api, "").await[0]["status"], "pending");
}
