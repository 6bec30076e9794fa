//! `/v1/users/me/event_favorites/{event_id}`.

use serde_json::Value;

use super::api::Api;

on_both_databases!(Api: favourites_come_and_go, favourites_are_for_those_who_see_the_event);

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn favourites_come_and_go(api: &Api) {
    let alice = api.person("alice").await;
    let event = api.event(&alice).await;
    let path = format!("/v1/users/me/event_favorites/{event}");
    for (method, status) in [
        ("DELETE", 204),
        ("PUT", 201),
        ("PUT", 204),
        ("DELETE", 204),
        ("DELETE", 204),
        ("PUT", 201),
    ] {
        let answer = api.call(&alice, method, &path, Value::Null).await;
        assert_eq!(answer.expect(status), Value::Null);
    }
    assert_eq!(
        api.database.number("SELECT count(*) FROM event_favorites").await,
        1
    );
}

async fn favourites_are_for_those_who_see_the_event(api: &Api) {
    let (alice, bob, carol) = (
        api.person("alice").await,
        api.person("bob").await,
        api.person("carol").await,
    );
    let event = api.event(&alice).await;
    api.invite_to(&alice, &event, &bob).await;
    let path = format!("/v1/users/me/event_favorites/{event}");
    api.call(&bob, "PUT", &path, Value::Null).await.expect(201);
    // Each user has favourites of its own.
    api.call(&alice, "PUT", &path, Value::Null).await.expect(201);
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.call(&bob, "PUT", &path, Value::Null).await.expect(204);
    for method in ["PUT", "DELETE"] {
        api.call(&carol, method, &path, Value::Null)
            .await
            .refused(404, "not_found");
        let nowhere = format!("/v1/users/me/event_favorites/{NOBODY}");
        api.call(&alice, method, &nowhere, Value::Null)
            .await
            .refused(404, "not_found");
        api.call(&alice, method, "/v1/users/me/event_favorites/1", Value::Null)
            .await
            .refused(400, "bad_request");
    }
}
