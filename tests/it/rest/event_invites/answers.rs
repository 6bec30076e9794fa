//! `/v1/events/{event_id}/invite`: what invitees answer.

use serde_json::{Value, json};

use super::{NOBODY, Scene};
use crate::rest::api::Api;

on_both_databases!(Api:
    invitees_answer_and_change_their_mind, whoever_is_not_invited_has_nothing_to_answer, declining_keeps_access);

async fn invitees_answer_and_change_their_mind(api: &Api) {
    let scene = Scene::set(api).await;
    let own = format!("/v1/events/{}/invite", scene.event);
    for (method, status) in [
        ("PATCH", "accepted"),
        ("PATCH", "accepted"),
        ("DELETE", "declined"),
        ("DELETE", "declined"),
        ("PATCH", "accepted"),
    ] {
        let answer = api.call(&scene.bob, method, &own, Value::Null).await;
        assert_eq!(answer.expect(204), Value::Null);
        assert_eq!(scene.list(api, "").await[0]["status"], status);
    }
    // A body says nothing.
    api.call(&scene.bob, "PATCH", &own, json!({"status": "declined"}))
        .await
        .expect(204);
    assert_eq!(scene.list(api, "").await[0]["status"], "accepted");
}

async fn whoever_is_not_invited_has_nothing_to_answer(api: &Api) {
    let scene = Scene::set(api).await;
    let carol = api.person("carol").await;
    for method in ["PATCH", "DELETE"] {
        for (who, event) in [
            (&carol, scene.event.as_str()),
            (&scene.alice, scene.event.as_str()),
            (&scene.bob, NOBODY),
        ] {
            let path = format!("/v1/events/{event}/invite");
            api.call(who, method, &path, Value::Null)
                .await
                .refused(404, "not_found");
        }
        api.call(&scene.bob, method, "/v1/events/1/invite", Value::Null)
            .await
            .refused(400, "bad_request");
    }
}

async fn declining_keeps_access(api: &Api) {
    let scene = Scene::set(api).await;
    let own = format!("/v1/events/{}/invite", scene.event);
    api.call(&scene.bob, "DELETE", &own, Value::Null)
        .await
        .expect(204);
    api.get(&scene.bob, &scene.path).await.expect(200);
}
