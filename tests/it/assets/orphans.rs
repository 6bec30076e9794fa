//! Contents without rows, and rows without contents.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use colloquy::assets::{ORPHAN_AGE, Orphans};
use serde_json::json;
use uuid::Uuid;

use crate::rest::api::Api;

on_both_databases!(Api:
    old_contents_without_a_row_are_removed, contents_of_another_database_are_left_alone, rows_without_a_content_are_found, many_rows_are_looked_at);

fn content(api: &Api, id: Uuid) {
    let folder = api.database.folder.path().join("assets");
    let folder = folder.join(format!("{:02x}", id.as_bytes()[0]));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(id.to_string()), "lost").expect("a file");
}

async fn old_contents_without_a_row_are_removed(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let kept = api
        .upload(&alice, &room, "kind=x&file_extension=x", "kept")
        .await
        .expect(200);
    let mut lost = [Uuid::new_v4(), Uuid::from_u128(7), Uuid::max()];
    for id in lost {
        content(api, id);
    }
    let foreign = api.database.folder.path().join("assets/00/readme");
    std::fs::write(&foreign, "not ours").expect("a file");

    // Young ones may still get their row.
    let found = api
        .state
        .assets
        .remove_orphans(Utc::now())
        .await
        .expect("an answer");
    assert_eq!(found, Orphans::default());
    assert_eq!(api.contents().len(), 5);

    let later = Utc::now() + ORPHAN_AGE + TimeDelta::seconds(5);
    let mut found = api.state.assets.find_orphans(later).await.expect("an answer");
    // Those that begin alike lie in one folder, which has no order.
    lost.sort_unstable();
    found.contents.sort_unstable();
    assert_eq!(found.contents, lost);
    assert!(found.rows.is_empty(), "{found:?}");
    assert_eq!(api.contents().len(), 5, "finding removes nothing");
    let mut removed = api.state.assets.remove_orphans(later).await.expect("an answer");
    removed.contents.sort_unstable();
    assert_eq!(removed, found);
    let mut left = vec![
        kept["id"].as_str().expect("an id").to_owned(),
        "readme".to_owned(),
    ];
    left.sort();
    assert_eq!(api.contents(), left);
    let again = api.state.assets.remove_orphans(later).await.expect("an answer");
    assert_eq!(again, Orphans::default());
}

/// As after a start with the wrong database: it knows none of the contents.
async fn contents_of_another_database_are_left_alone(api: &Api) {
    let lost = Uuid::from_u128(7);
    content(api, lost);
    let later = Utc::now() + ORPHAN_AGE + TimeDelta::seconds(5);
    let of = api.database.folder.path().join("assets/database");
    std::fs::write(&of, "another's").expect("a file");
    let remove = async || api.state.assets.remove_orphans(later).await.expect("an answer");
    assert_eq!(remove().await, Orphans::default());
    assert_eq!(api.contents(), [lost.to_string()]);
    std::fs::remove_file(&of).expect("no file");
    assert_eq!(remove().await.contents, [lost]);
    assert_eq!(api.contents(), Vec::<String>::new());
}

async fn rows_without_a_content_are_found(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let upload = async |content: &str| {
        let asset = api
            .upload(&alice, &room, "kind=x&file_extension=x", content)
            .await
            .expect(200);
        asset["id"]
            .as_str()
            .expect("an id")
            .parse::<Uuid>()
            .expect("a UUID")
    };
    let (whole, lost) = (upload("whole").await, upload("lost").await);
    let file = format!("assets/{:02x}/{lost}", lost.as_bytes()[0]);
    std::fs::remove_file(api.database.folder.path().join(file)).expect("a file");
    let found = api
        .state
        .assets
        .remove_orphans(Utc::now())
        .await
        .expect("an answer");
    assert_eq!((found.contents, found.rows), (Vec::new(), vec![lost]));
    // They are for somebody to look at.
    assert_eq!(api.database.number("SELECT count(*) FROM assets").await, 2);
    let download = api
        .download(&alice, &room, &json!({"id": lost.to_string()}), &[])
        .await;
    assert_eq!(download.status, 404);
    let download = api
        .download(&alice, &room, &json!({"id": whole.to_string()}), &[])
        .await;
    assert_eq!(download.content, b"whole");
}

/// More than one query brings, all in one shard.
async fn many_rows_are_looked_at(api: &Api) {
    let alice = api.person("alice").await;
    api.room(&alice, json!({})).await;
    let id = match &api.database.db {
        colloquy::store::Db::Sqlite { .. } => "unhex(printf('%032x', i))",
        colloquy::store::Db::Postgres(_) => "lpad(to_hex(i), 32, '0')::uuid",
    };
    let insert = format!(
        "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 1203)
         INSERT INTO assets (id, room_id, created_at, namespace, kind, filename, size)
         SELECT {id}, rooms.id, created_at, 'core', 'x', 'x', 3 FROM rooms, numbers"
    );
    api.database.execute(&insert).await;
    for number in [1, 500, 501, 1203] {
        content(api, Uuid::from_u128(number));
    }
    let found = api
        .state
        .assets
        .find_orphans(Utc::now())
        .await
        .expect("an answer");
    let there = [1, 500, 501, 1203].map(Uuid::from_u128);
    let lost: BTreeSet<_> = (1..=1203)
        .map(Uuid::from_u128)
        .filter(|id| !there.contains(id))
        .collect();
    assert_eq!(found.contents.len(), 0);
    assert_eq!(found.rows.into_iter().collect::<BTreeSet<_>>(), lost);
}
