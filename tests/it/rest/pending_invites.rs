//! `/v1/users/me/pending_invites`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::api::{Api, Person};

on_both_databases!(Api: pending_invites_are_unanswered_and_to_come);

async fn pending(api: &Api, person: &Person) -> Value {
    api.get(person, "/v1/users/me/pending_invites").await.expect(200)
}

async fn pending_invites_are_unanswered_and_to_come(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    assert_eq!(pending(api, &bob).await, json!({"total_pending_invites": 0}));
    let now = api.state.clock.now();
    let endless = api.event(&alice).await;
    let soon = api.event_until(&alice, now + TimeDelta::seconds(60)).await;
    let over = api.event_until(&alice, now).await;
    for event in [&endless, &soon, &over] {
        api.invite_to(&alice, event, &bob).await;
    }
    assert_eq!(pending(api, &bob).await, json!({"total_pending_invites": 2}));
    assert_eq!(pending(api, &alice).await, json!({"total_pending_invites": 0}));
    api.clock.advance(60);
    assert_eq!(pending(api, &bob).await, json!({"total_pending_invites": 1}));
    let own = format!("/v1/events/{endless}/invite");
    api.call(&bob, "DELETE", &own, Value::Null).await.expect(204);
    assert_eq!(pending(api, &bob).await, json!({"total_pending_invites": 0}));
}
