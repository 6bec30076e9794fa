//! Folders at the storage provider of events that jobs delete.

use std::time::Duration;

use colloquy::{
    config::{self, Outgoing},
    jobs::{self, Job, Report, Tools},
    shared_folders::{ProviderTimeouts, SharedFolders},
    store::{shared_folders, users::User},
};
use uuid::Uuid;

use super::{days_ago, ended, event, now, tools_with};
use crate::{
    store::Store,
    support::nextcloud::{FakeNextcloud, Mood},
};

on_both_databases!(Store:
    a_folder_goes_with_its_event,
    folders_of_a_deleted_user_go,
    a_folder_that_can_not_be_deleted_is_not_forgotten,
    a_silent_provider_does_not_hold_a_job_up,
    without_a_provider_folders_wait,
);

/// What jobs work with beside this provider, which has a moment for each call.
fn tools(store: &Store, settings: &config::SharedFolderSettings) -> Tools {
    let time_limit = ProviderTimeouts {
        call: Duration::from_millis(300),
        ..ProviderTimeouts::default()
    };
    let folders = SharedFolders::with_timeouts(&Outgoing::default(), settings, time_limit);
    let mut tools = tools_with(store, now(), settings);
    tools.deleter.shared_folders = folders.expect("a client");
    tools
}

/// An event that ended long ago, with a folder.
async fn event_with_folder(store: &Store, tools: &Tools, owner: &User) -> Uuid {
    let event = event(store, owner, ended(days_ago(400))).await;
    let folder = tools.deleter.shared_folders.create(event, now()).await;
    let kept = shared_folders::keep(&store.db, event, folder.expect("a folder")).await;
    assert_eq!(kept.expect("a query"), shared_folders::Kept::New);
    event
}

async fn run(tools: &Tools, job: Job) -> Report {
    jobs::run(tools, job, job.defaults(), false).await.expect("a run")
}

async fn assert_rows(store: &Store, [events, folders, discarded]: [i64; 3]) {
    for (table, expected) in [
        ("events", events),
        ("shared_folders", folders),
        ("discarded_folders", discarded),
    ] {
        let rows = store.number(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows, expected, "{table}");
    }
}

async fn a_folder_goes_with_its_event(store: &Store) {
    let cloud = FakeNextcloud::start().await;
    let tools = tools(store, &cloud.settings());
    let ada = store.user("ada").await;
    event_with_folder(store, &tools, &ada).await;
    event(store, &ada, ended(days_ago(400))).await;
    let report = run(&tools, Job::EventCleanup).await;
    assert_eq!((report.deleted, report.kept), (2, 0));
    assert_eq!(cloud.event_folders(), Vec::<String>::new());
    assert_eq!(cloud.links(), []);
    assert_rows(store, [0, 0, 0]).await;
}

async fn folders_of_a_deleted_user_go(store: &Store) {
    let cloud = FakeNextcloud::start().await;
    let tools = tools(store, &cloud.settings());
    let eve = store.user("eve").await;
    event_with_folder(store, &tools, &eve).await;
    let since = days_ago(31).to_rfc3339();
    store
        .execute(&format!("UPDATE users SET disabled_at = '{since}'"))
        .await;
    let report = run(&tools, Job::UserCleanup).await;
    assert_eq!((report.deleted, report.kept), (1, 0));
    assert_eq!(cloud.event_folders(), Vec::<String>::new());
    assert_rows(store, [0, 0, 0]).await;
}

/// The event goes when it is due; its folder is tried again until it is gone.
async fn a_folder_that_can_not_be_deleted_is_not_forgotten(store: &Store) {
    let cloud = FakeNextcloud::start().await;
    let tools = tools(store, &cloud.settings());
    let ada = store.user("ada").await;
    event_with_folder(store, &tools, &ada).await;
    // A page to log in at answers 200 to everything.
    for mood in [Mood::KeepsFolders, Mood::Page] {
        cloud.be(mood);
        run(&tools, Job::EventCleanup).await;
        assert_rows(store, [0, 0, 1]).await;
        let report = run(&tools, Job::SharedFolderCleanup).await;
        assert_eq!((report.deleted, report.kept), (0, 1));
        assert_eq!(cloud.links().len(), 2);
    }
    cloud.be(Mood::Honest);
    let planned = jobs::run(
        &tools,
        Job::SharedFolderCleanup,
        Job::SharedFolderCleanup.defaults(),
        true,
    );
    assert_eq!(planned.await.expect("a dry run").deleted, 1);
    let report = run(&tools, Job::SharedFolderCleanup).await;
    assert_eq!((report.deleted, report.kept), (1, 0));
    assert_eq!(cloud.event_folders(), Vec::<String>::new());
    assert_rows(store, [0, 0, 0]).await;
}

/// Each call takes its whole time; after three the run asks no more.
async fn a_silent_provider_does_not_hold_a_job_up(store: &Store) {
    let cloud = FakeNextcloud::start().await;
    let tools = tools(store, &cloud.settings());
    let ada = store.user("ada").await;
    for _ in 0..8 {
        event_with_folder(store, &tools, &ada).await;
    }
    cloud.be(Mood::Silent);
    let calls = cloud.world().calls.len();
    let report = run(&tools, Job::EventCleanup).await;
    assert_eq!((report.deleted, report.kept), (8, 0));
    assert_eq!(cloud.world().calls.len() - calls, 3);
    assert_rows(store, [0, 0, 8]).await;
    cloud.be(Mood::Honest);
    // The next run of any job of events brings it up, too.
    run(&tools, Job::AdhocEventCleanup).await;
    assert_eq!(cloud.event_folders(), Vec::<String>::new());
    assert_rows(store, [0, 0, 0]).await;
}

async fn without_a_provider_folders_wait(store: &Store) {
    let cloud = FakeNextcloud::start().await;
    let with = tools(store, &cloud.settings());
    let ada = store.user("ada").await;
    event_with_folder(store, &with, &ada).await;
    let without = tools(store, &config::SharedFolderSettings::default());
    run(&without, Job::EventCleanup).await;
    let report = run(&without, Job::SharedFolderCleanup).await;
    assert_eq!((report.deleted, report.kept), (0, 1));
    let report = run(&with, Job::SharedFolderCleanup).await;
    assert_eq!((report.deleted, report.kept), (1, 0));
    assert_rows(store, [0, 0, 0]).await;
}
