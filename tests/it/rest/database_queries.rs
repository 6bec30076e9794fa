//! How often requests ask the database, and how well it can answer.

use colloquy::store::Db;
use serde_json::{Value, json};

use super::api::{Api, Person};
use crate::support::{plans, planted, statements::said};

on_both_databases!(Api:
    requests_ask_a_constant_number_of_times, lists_have_an_index_for_their_order, newcomers_find_their_invitations_by_an_index);

/// Rooms and invites that a list is asked for beside an empty one.
const MANY: usize = 40;

/// The statements of a request, which succeeds.
async fn statements(api: &Api, person: &Person, method: &str, path: &str) -> Vec<String> {
    let body = if method == "GET" { Value::Null } else { json!({}) };
    let (answer, statements) = said(api.call(person, method, path, body)).await;
    answer.expect(200);
    // Who calls, at least.
    assert!(!statements.is_empty(), "{method} {path} asks nothing");
    statements
}

async fn requests_ask_a_constant_number_of_times(api: &Api) {
    let alice = api.person("alice").await;
    api.get(&alice, "/v1/users/me").await.expect(200);
    let room = api.room(&alice, json!({})).await;
    let (start, invites) = (
        format!("/v1/rooms/{room}/start"),
        format!("/v1/rooms/{room}/invites"),
    );
    // The first meeting of a day notes that the room is in use.
    api.call(&alice, "POST", &start, json!({})).await.expect(200);
    let plant = async |room: &str| planted::event(&api.database.db, room.parse().expect("an id")).await;
    plant(&room).await;
    // User; user, rows with their number; user, room, facts, event, its folder, streaming targets, groups; user, room, number, rows.
    let asked = [
        ("GET", "/v1/users/me", 1),
        ("GET", "/v1/rooms", 2),
        ("POST", &*start, 7),
        ("GET", &*invites, 4),
    ];
    for (method, path, expected) in asked {
        let few = statements(api, &alice, method, path).await;
        assert_eq!(few.len(), expected, "{method} {path}: {few:#?}");
    }
    let one_event = statements(api, &alice, "GET", "/v1/events").await;
    for _ in 0..MANY {
        let other = api.room(&alice, json!({})).await;
        plant(&other).await;
        api.invite(&alice, &room, json!({})).await;
    }
    let many_events = statements(api, &alice, "GET", "/v1/events").await;
    assert_eq!(many_events.len(), one_event.len(), "{many_events:#?}");
    for (method, path, expected) in asked {
        let many = statements(api, &alice, method, path).await;
        assert_eq!(many.len(), expected, "{method} {path}: {many:#?}");
    }
}

async fn lists_have_an_index_for_their_order(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let event = planted::event(&api.database.db, room.parse().expect("an id")).await;
    // Somebody else in the list of users: what she has in common with alice is asked for.
    api.get(&api.person("dora").await, "/v1/users/me")
        .await
        .expect(200);
    // Whether rows are sorted: own rooms and events come in their order and as many as are shown, those to which the caller is
    // invited are found one by one; no index has the order of both.
    for (path, may_sort) in [
        ("/v1/rooms".to_owned(), true),
        (format!("/v1/rooms/{room}/invites"), false),
        (format!("/v1/rooms/{room}/streaming_targets"), false),
        (format!("/v1/rooms/{room}/assets"), false),
        ("/v1/events".to_owned(), true),
        (format!("/v1/events/{event}/invites"), false),
        ("/v1/users".to_owned(), false),
        ("/v1/users/me/pending_invites".to_owned(), false),
    ] {
        for statement in statements(api, &alice, "GET", &path).await {
            // PostgreSQL can't tell the types of these parameters from the text alone.
            let is_typed = !statement.contains("THEN $9") || matches!(api.database.db, Db::Sqlite { .. });
            if !is_typed {
                continue;
            }
            let plan = plans::plan(&api.database, &statement).await;
            // A list of a tenant's users goes through the tenant, but not once more for each of them.
            let tenants_max = usize::from(path == "/v1/users");
            let is_good = plan.scans.is_empty()
                && (may_sort || plan.sorts.is_empty())
                && plan.tenants.len() <= tenants_max;
            assert!(is_good, "{path}: {statement}: {plan:#?}");
        }
    }
}

async fn newcomers_find_their_invitations_by_an_index(api: &Api) {
    let erin = api.person("dora").await;
    let said = statements(api, &erin, "GET", "/v1/users/me").await;
    let claims = said
        .iter()
        .filter(|sql| sql.starts_with("DELETE FROM event_invites"));
    for sql in claims.clone() {
        let plan = plans::plan(&api.database, sql).await;
        assert!(
            plan.scans.is_empty() && plan.tenants.is_empty(),
            "{sql}: {plan:#?}"
        );
    }
    assert_eq!(claims.count(), 1, "{said:#?}");
}

#[tokio::test]
async fn a_plan_without_an_index_is_noticed() {
    for kind in [crate::databases::Kind::Sqlite, crate::databases::Kind::Postgres] {
        let api = Api::start(kind).await;
        for sql in [
            "SELECT id FROM rooms ORDER BY waiting_room",
            "SELECT id FROM rooms WHERE password = $1",
            "SELECT id FROM rooms WHERE created_by = $1 ORDER BY password",
        ] {
            let plan = plans::plan(&api.database, sql).await;
            let is_bad = !plan.scans.is_empty() || !plan.sorts.is_empty();
            assert!(is_bad, "{kind:?}: {sql}");
        }
        api.finish().await;
    }
}
