//! An event that is deleted while others change it: all requests are answered, in whatever order they come.

use std::time::Duration;

use colloquy::store::Db;
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
        let changes = join_all((0..4).map(|number| api.call(&alice, method, &changed, body(number))));
        let end = api.call(&alice, "DELETE", &path, Value::Null);
        let (changes, end) = join(changes, end).await;
        end.expect(204);
        for answer in changes {
            let status = answer.status.as_u16();
            assert!([200, 201, 204, 404].contains(&status), "{answer:?}");
        }
    }
}

/// As everybody does who changes it. What would else end in deadlocks ends well by trying again, but takes seconds.
async fn the_end_takes_the_owner_before_the_event(api: &Api) {
    // SQLite has one writer.
    let Db::Postgres(pool) = &api.database.db else {
        return;
    };
    let alice = api.person("alice").await;
    let created = event(api, &alice, weekly()).await;
    let path = path(&created);
    let mut holder = pool.begin().await.expect("a transaction");
    let holds = "UPDATE users SET updated_at = updated_at RETURNING pg_backend_pid()";
    let backend: i32 = sqlx::query_scalar(holds)
        .fetch_one(&mut *holder)
        .await
        .expect("the owner");
    let end = api.call(&alice, "DELETE", &path, Value::Null);
    let look = async {
        let waiting =
            format!("SELECT count(*) FROM pg_stat_activity WHERE {backend} = ANY(pg_blocking_pids(pid))");
        while api.database.number(&waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let free = "SELECT count(*) FROM (SELECT id FROM events FOR UPDATE SKIP LOCKED) free";
        assert_eq!(api.database.number(free).await, 1);
        holder.rollback().await.expect("a rollback");
    };
    let (end, ()) = join(end, look).await;
    end.expect(204);
}
