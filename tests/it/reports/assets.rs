//! Reports become assets: once for each task, under the owner's quota, whole or not at all.

use std::time::Duration;

use colloquy::{
    config::Quotas,
    reports::{Renderer, Reports},
};
use colloquy_actors::task::Outcome;
use serde_json::json;

use super::{attendance, attendee, event, made, reports, reports_by, task};
use crate::rest::api::Api;

on_both_databases!(Api:
    the_same_task_twice_makes_one,
    tasks_of_one_second_have_names_of_their_own,
    storage_may_be_exhausted,
    what_can_not_be_made_leaves_nothing,
    what_can_not_be_stored_leaves_nothing);

async fn the_same_task_twice_makes_one(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Jour fixe", "").await;
    let (reports, id) = (reports(api), task());
    let make = || reports.make(id, attendance(&room, vec![attendee("Bob")]));
    // At the same time, and once more after a restart.
    let (one, other) = tokio::join!(make(), make());
    assert!(matches!(one, Outcome::Stored { .. }));
    assert_eq!(one, other);
    assert_eq!(
        super::reports(api).make(id, attendance(&room, Vec::new())).await,
        one
    );
    let listed = api
        .get(&alice, &format!("/v1/rooms/{room}/assets"))
        .await
        .expect(200);
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["id"], json!(id));
    assert_eq!(listed[0]["namespace"], "meeting_report");
    assert_eq!(listed[0]["kind"], "meeting_report");
    assert_eq!(api.contents(), [id.to_string()]);
    let me = api.get(&alice, "/v1/users/me").await.expect(200);
    assert_eq!(me["used_storage"], listed[0]["size"]);
}

async fn tasks_of_one_second_have_names_of_their_own(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, &"ü".repeat(255), "").await;
    let (first, _) = made(api, &alice, attendance(&room, Vec::new())).await;
    let (second, _) = made(api, &alice, attendance(&room, Vec::new())).await;
    assert_eq!((first.chars().count(), second.chars().count()), (100, 100));
    assert!(first.ends_with("ü_meeting_report_2026-12-01_11-00-00-UTC.pdf"));
    assert!(second.ends_with("ü_meeting_report_2026-12-01_11-00-00-UTC_2.pdf"));
}

async fn storage_may_be_exhausted(api: &Api) {
    api.database
        .execute("UPDATE tariffs SET quotas = '{\"max_storage\": 1000}'")
        .await;
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Jour fixe", "").await;
    let report = || attendance(&room, vec![attendee("Bob")]);
    // The quota is soft: the one that exceeds it is still taken.
    made(api, &alice, report()).await;
    assert_eq!(
        reports(api).make(task(), report()).await,
        Outcome::StorageExceeded
    );
    let quotas = Quotas {
        assets_max: 1,
        ..Quotas::NONE
    };
    api.database.execute("UPDATE tariffs SET quotas = '{}'").await;
    let (db, assets) = (api.database.db.clone(), api.state.assets.clone());
    let renderer = Renderer::new(env!("CARGO_BIN_EXE_colloquy").into(), ["render"]);
    let counted = Reports::new(db, assets, quotas, renderer);
    assert_eq!(counted.make(task(), report()).await, Outcome::StorageExceeded);
    assert_eq!(api.contents().len(), 1);
}

async fn what_can_not_be_made_leaves_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Jour fixe", "").await;
    let shell = |script: &str| Renderer::new("/bin/sh".into(), ["-c", script]);
    for renderer in [
        shell("printf '%%PDF-1.7 half'; exit 1"),
        shell("printf '%%PDF-1.7 half'; exec sleep 600").within(Duration::from_millis(300)),
        Renderer::new("/no/such/program".into(), ["render"]),
    ] {
        let outcome = reports_by(api, renderer)
            .make(task(), attendance(&room, Vec::new()))
            .await;
        assert_eq!(outcome, Outcome::NotMade);
    }
    assert!(api.contents().is_empty());
    assert_eq!(api.database.number("SELECT count(*) FROM assets").await, 0);
}

async fn what_can_not_be_stored_leaves_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let room = event(api, &alice, "Jour fixe", "").await;
    // A file lies where the store wants a folder.
    let folder = api.database.folder.path().join("assets");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, "in the way").expect("a file");
    let outcome = reports(api).make(task(), attendance(&room, Vec::new())).await;
    assert_eq!(outcome, Outcome::NotStored);
    assert_eq!(api.database.number("SELECT count(*) FROM assets").await, 0);
    std::fs::remove_file(&folder).expect("a file");
    // The room is gone meanwhile.
    let gone = uuid::Uuid::new_v4().to_string();
    let outcome = reports(api).make(task(), attendance(&gone, Vec::new())).await;
    assert_eq!(outcome, Outcome::NotStored);
}
