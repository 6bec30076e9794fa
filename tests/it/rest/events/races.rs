//! An event that is deleted while others change it: all requests are answered, in whatever order they come.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{Api, WEEKS, event, path, weekly};

on_both_databases!(Api:
    the_end_meets_changes, the_end_meets_invitations, the_end_meets_changes_of_an_occurrence,
    the_end_takes_the_owner_before_the_event);

/// Events that end while they are changed.
const ROUNDS: usize = 8;

async fn the_end_meets_changes(api: &Api) {
    meets(
        api,
        "PATCH",
        "",
        |number| json!({"title": format!("Titel {number}")}),
    )
    .await;
}

async fn the_end_meets_invitations(api: &Api) {
    meets(
        api,
        "POST",
        "/invites",
        |number| json!({"email": format!("a{number}@example.org")}),
    )
    .await;
}

async fn the_end_meets_changes_of_an_occurrence(api: &Api) {
    let instance = format!("/instances/{}", WEEKS[1]);
    meets(
        api,
        "PATCH",
        &instance,
        |number| json!({"title": format!("Titel {number}")}),
    )
    .await;
}

/// The owner deletes an event, and at the same time a request of the owner comes several times.
async fn meets(api: &Api, method: &str, below: &str, body: impl Fn(usize) -> Value) {
    let alice = api.person("alice").await;
    for _ in 0..ROUNDS {
        let created = event(api, &alice, weekly()).await;
        let path = path(&created);
        let changed = format!("{path}{below}");
        let answers = join_all((0..4).map(|number| api.call(&alice, method, &changed, body(number))));
        let end = api.call(&alice, "DELETE", &path, Value::Null);
        let (answers, end) = join(answers, end).await;
        end.expect(204);
        for answer in answers {
            let status = answer.status.as_u16();
            assert!([200, 201, 204, 404].contains(&status), "{answer:?}");
        }
    }
}

/// As everybody does who answers it. Another order would end well by trying again, but after seconds.
async fn the_end_takes_the_owner_before_the_event(api: &Api) {
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let path = path(&created);
    let end = api.call(&alice, "DELETE", &path, Value::Null);
    let ended = api.database.free_while_users_are_taken("events", end).await;
    if let Some((free, end)) = ended {
        end.expect(204);
        assert_eq!(free, 1);
    }
}
