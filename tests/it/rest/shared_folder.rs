//! `/v1/events/{event_id}/shared_folder`, with a small real NextCloud.

use std::time::Duration;

use colloquy::{
    config,
    deletion::Swept,
    shared_folders::{ProviderTimeouts, SharedFolders, StorageError},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::Answer,
    api::{Api, Person},
};
use crate::{
    databases::Kind,
    support::nextcloud::{FakeNextcloud, Link, Mood},
};

on_both_databases!(Scene:
    a_folder_has_two_links, only_the_creator_may_write, put_makes_one_folder, put_at_once_makes_one_folder,
    delete_takes_folder_and_links, a_provider_that_fails_leaves_nothing, nobody_hears_the_provider_s_words,
    a_dead_provider_is_told, a_deletion_that_fails_can_be_repeated, force_forgets_what_can_not_be_deleted,
    an_event_goes_by_force_before_its_folder,
    ids_and_parameters_must_parse, only_users_have_folders, an_event_brings_its_folder_and_takes_it_along,
    an_event_whose_folder_fails_is_not_made);

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Alice's event, and the storage provider.
struct Scene {
    api: Api,
    cloud: FakeNextcloud,
    alice: Person,
    event: String,
    path: String,
}

impl Scene {
    async fn start(kind: Kind) -> Self {
        let cloud = FakeNextcloud::start().await;
        let settings = cloud.settings();
        let api = Api::with(kind, |config| config.shared_folder = settings).await;
        let alice = api.person("alice").await;
        let event = api.event(&alice).await;
        let path = format!("/v1/events/{event}/shared_folder");
        Self {
            api,
            cloud,
            alice,
            event,
            path,
        }
    }

    async fn finish(self) {
        self.api.finish().await;
    }

    async fn call(&self, method: &str, query: &str) -> Answer {
        let path = format!("{}{query}", self.path);
        self.api.call(&self.alice, method, &path, Value::Null).await
    }

    /// The provider has nothing of the event, and neither has the event.
    async fn has_no_trace(&self) {
        assert_eq!(self.cloud.event_folders(), Vec::<String>::new());
        assert_eq!(self.cloud.links(), []);
        self.call("GET", "").await.refused(404, "not_found");
    }
}

async fn a_folder_has_two_links(scene: &Scene) {
    let folder = scene.call("PUT", "").await.expect(201);
    let [write, read] = &scene.cloud.links()[..] else {
        panic!("not two links: {:?}", scene.cloud.links());
    };
    let expected = json!({
        "read": {"url": "https://cloud.example.org/s/2", "password": read.password},
        "read_write": {"url": "https://cloud.example.org/s/1", "password": write.password},
    });
    assert_eq!(folder, expected);
    assert_eq!(scene.call("GET", "").await.expect(200), expected);
    let folders = scene.cloud.event_folders();
    let [path] = &folders[..] else {
        panic!("not one folder: {folders:?}");
    };
    assert!(
        path.starts_with(&format!("of colloquy/meetings/{}-", scene.event)),
        "{path}"
    );
    let link = |permissions: &str, password: &str| Link {
        path: format!("/{path}"),
        permissions: permissions.to_owned(),
        password: password.to_owned(),
        expires: Some("2027-02-14".to_owned()),
    };
    assert_eq!(*write, link("15", &write.password));
    assert_eq!(*read, link("1", &read.password));
    assert_ne!(write.password, read.password);
}

fn with_folder() -> Value {
    json!({"title": "With papers", "description": "", "is_time_independent": true, "has_shared_folder": true})
}

async fn an_event_brings_its_folder_and_takes_it_along(scene: &Scene) {
    let (api, alice) = (&scene.api, &scene.alice);
    let event = api
        .call(alice, "POST", "/v1/events", with_folder())
        .await
        .expect(201);
    assert!(event["shared_folder"]["read_write"]["url"].is_string(), "{event}");
    assert_eq!(scene.cloud.event_folders().len(), 1);
    assert_eq!(scene.cloud.links().len(), 2);
    let path = format!("/v1/events/{}", event["id"].as_str().expect("an id"));
    let without = json!({"has_shared_folder": false});
    let event = api.call(alice, "PATCH", &path, without).await.expect(200);
    assert!(event.get("shared_folder").is_none(), "{event}");
    scene.has_no_trace().await;
    let with = json!({"has_shared_folder": true});
    let event = api.call(alice, "PATCH", &path, with).await.expect(200);
    assert!(event["shared_folder"]["read"]["url"].is_string(), "{event}");
    assert_eq!(scene.cloud.event_folders().len(), 1);
    api.call(alice, "DELETE", &path, Value::Null).await.expect(204);
    scene.has_no_trace().await;
}

async fn an_event_whose_folder_fails_is_not_made(scene: &Scene) {
    let (api, alice) = (&scene.api, &scene.alice);
    scene.cloud.be(Mood::RefusesSecondShare);
    api.call(alice, "POST", "/v1/events", with_folder())
        .await
        .refused(502, "storage_provider_unavailable");
    scene.has_no_trace().await;
    let titles = api.get(alice, "/v1/events").await.expect(200);
    let made = titles
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| event["title"] == "With papers");
    assert_eq!(made.count(), 0);
}

async fn only_the_creator_may_write(scene: &Scene) {
    let (bob, carol) = (scene.api.person("bob").await, scene.api.person("carol").await);
    scene.api.invite_to(&scene.alice, &scene.event, &bob).await;
    scene.api.get(&bob, &scene.path).await.refused(404, "not_found");
    let whole = scene.call("PUT", "").await.expect(201);
    let seen = scene.api.get(&bob, &scene.path).await.expect(200);
    assert_eq!(seen, json!({"read": whole["read"]}));
    for method in ["PUT", "DELETE"] {
        let answer = scene.api.call(&bob, method, &scene.path, Value::Null).await;
        answer.refused(403, "forbidden");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let answer = scene.api.call(&carol, method, &scene.path, Value::Null).await;
        answer.refused(404, "not_found");
        let nowhere = format!("/v1/events/{NOBODY}/shared_folder");
        let answer = scene.api.call(&scene.alice, method, &nowhere, Value::Null).await;
        answer.refused(404, "not_found");
    }
    assert_eq!(scene.call("GET", "").await.expect(200), whole);
}

async fn put_makes_one_folder(scene: &Scene) {
    let query = "?suppress_email_notification=true";
    let folder = scene.call("PUT", query).await.expect(201);
    assert_eq!(scene.call("PUT", "").await.expect(200), folder);
    // Another event does without making the folders above.
    let other = scene.api.event(&scene.alice).await;
    let path = format!("/v1/events/{other}/shared_folder");
    let other = scene.api.call(&scene.alice, "PUT", &path, Value::Null).await;
    assert_ne!(other.expect(201)["read"], folder["read"]);
    assert_eq!(scene.cloud.event_folders().len(), 2);
    assert_eq!(scene.cloud.world().folders.len(), 4);
}

async fn put_at_once_makes_one_folder(scene: &Scene) {
    let answers = join_all((0..5).map(|_| scene.call("PUT", ""))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 201]);
    let kept = scene.call("GET", "").await.expect(200);
    assert!(answers.into_iter().all(|answer| answer.body == kept));
    assert_eq!(scene.cloud.event_folders().len(), 1);
    assert_eq!(scene.cloud.links().len(), 2);
}

async fn delete_takes_folder_and_links(scene: &Scene) {
    scene.call("DELETE", "").await.refused(404, "not_found");
    let first = scene.call("PUT", "").await.expect(201);
    let answer = scene.call("DELETE", "?suppress_email_notification=true").await;
    assert_eq!(answer.expect(204), Value::Null);
    scene.has_no_trace().await;
    scene.call("DELETE", "").await.refused(404, "not_found");
    let second = scene.call("PUT", "").await.expect(201);
    assert_ne!(first["read"]["password"], second["read"]["password"]);
}

async fn a_provider_that_fails_leaves_nothing(scene: &Scene) {
    for mood in [Mood::RefusesSecondShare, Mood::Full, Mood::Page] {
        scene.cloud.be(mood);
        let refused = scene.call("PUT", "").await;
        refused.refused(502, "storage_provider_unavailable");
        scene.cloud.be(Mood::Honest);
        scene.has_no_trace().await;
    }
    scene.call("PUT", "").await.expect(201);
}

async fn nobody_hears_the_provider_s_words(scene: &Scene) {
    scene.cloud.be(Mood::RefusesSecondShare);
    let refused = scene.call("PUT", "").await;
    assert_eq!(refused.body["message"], "The storage provider refuses");
    scene.cloud.be(Mood::Full);
    let refused = scene.call("PUT", "").await;
    assert_eq!(refused.body["message"], "The storage provider has no space left");
}

async fn a_dead_provider_is_told(scene: &Scene) {
    scene.cloud.die().await;
    let refused = scene.call("PUT", "").await;
    refused.refused(502, "storage_provider_unavailable");
    assert_eq!(refused.body["message"], "The storage provider does not answer");
    scene.call("GET", "").await.refused(404, "not_found");
}

async fn a_deletion_that_fails_can_be_repeated(scene: &Scene) {
    let folder = scene.call("PUT", "").await.expect(201);
    scene.cloud.be(Mood::KeepsFolders);
    for query in [
        "",
        "?force_delete_reference_if_shared_folder_deletion_fails=false",
    ] {
        let refused = scene.call("DELETE", query).await;
        refused.refused(502, "storage_provider_unavailable");
        assert_eq!(scene.call("GET", "").await.expect(200), folder);
    }
    assert_eq!(scene.cloud.links().len(), 2);
    scene.cloud.be(Mood::Honest);
    // What somebody else has deleted meanwhile is gone as well.
    scene.cloud.world().links.clear();
    scene.call("DELETE", "").await.expect(204);
    scene.has_no_trace().await;
}

async fn force_forgets_what_can_not_be_deleted(scene: &Scene) {
    let force = "?force_delete_reference_if_shared_folder_deletion_fails=true";
    scene.call("PUT", "").await.expect(201);
    scene.call("DELETE", force).await.expect(204);
    scene.has_no_trace().await;
    scene.call("PUT", "").await.expect(201);
    // What stays behind is tried again by a job.
    scene.cloud.be(Mood::KeepsFolders);
    scene.call("DELETE", force).await.expect(204);
    scene.call("GET", "").await.refused(404, "not_found");
    let sweep = async || scene.api.state.deleter().sweep_folders().await.expect("a query");
    assert_eq!(sweep().await, Swept { deleted: 0, kept: 1 });
    scene.cloud.be(Mood::Honest);
    assert_eq!(sweep().await, Swept { deleted: 1, kept: 0 });
    scene.has_no_trace().await;
    scene.call("PUT", "").await.expect(201);
    scene.cloud.die().await;
    scene.call("DELETE", force).await.expect(204);
    scene.call("GET", "").await.refused(404, "not_found");
}

/// The same with the event: it goes, and its folder when it can be deleted.
async fn an_event_goes_by_force_before_its_folder(scene: &Scene) {
    scene.call("PUT", "").await.expect(201);
    let event = format!("/v1/events/{}", scene.event);
    let delete = async |query: &str| {
        let path = format!("{event}{query}");
        scene.api.call(&scene.alice, "DELETE", &path, Value::Null).await
    };
    // A page to log in at, which answers 200 to everything, has deleted nothing either.
    for mood in [Mood::KeepsFolders, Mood::Page] {
        scene.cloud.be(mood);
        delete("").await.refused(502, "storage_provider_unavailable");
        scene.api.get(&scene.alice, &event).await.expect(200);
    }
    delete("?force_delete_reference_if_external_services_fail=true")
        .await
        .expect(204);
    scene
        .api
        .get(&scene.alice, &event)
        .await
        .refused(404, "not_found");
    assert_eq!(scene.cloud.links().len(), 2);
    scene.cloud.be(Mood::Honest);
    let swept = scene.api.state.deleter().sweep_folders().await;
    assert_eq!(swept.expect("a query"), Swept { deleted: 1, kept: 0 });
    assert_eq!(scene.cloud.links(), []);
}

async fn ids_and_parameters_must_parse(scene: &Scene) {
    for method in ["GET", "PUT", "DELETE"] {
        let answer = scene
            .api
            .call(&scene.alice, method, "/v1/events/1/shared_folder", Value::Null)
            .await;
        answer.refused(400, "bad_request");
    }
    for (method, query) in [
        ("PUT", "?suppress_email_notification=1x"),
        (
            "DELETE",
            "?force_delete_reference_if_shared_folder_deletion_fails=perhaps",
        ),
    ] {
        scene.call(method, query).await.refused(400, "bad_request");
    }
}

async fn only_users_have_folders(scene: &Scene) {
    for method in ["GET", "PUT", "DELETE"] {
        scene.api.needs_a_user(method, &scene.path).await;
    }
}

/// Without a provider there are no new folders; those of former times are still shown, and can be forgotten.
async fn server_without_provider(kind: Kind) {
    let mut scene = Scene::start(kind).await;
    let folder = scene.call("PUT", "").await.expect(201);
    scene
        .api
        .reconfigure(|config| config.shared_folder = config::SharedFolderSettings::default());
    assert_eq!(scene.call("GET", "").await.expect(200), folder);
    assert_eq!(scene.call("PUT", "").await.expect(200), folder);
    let (api, alice, event) = (&scene.api, &scene.alice, format!("/v1/events/{}", scene.event));
    let patch = async |body: Value| api.call(alice, "PATCH", &event, body).await;
    // A web client sends its whole form: what the event has already is nothing to do.
    patch(json!({"has_shared_folder": true, "title": "One"}))
        .await
        .expect(200);
    let without = patch(json!({"has_shared_folder": false, "title": "Two"})).await;
    without.refused(400, "bad_request");
    assert_eq!(api.get(alice, &event).await.expect(200)["title"], "One");
    scene.call("DELETE", "").await.refused(400, "bad_request");
    let force = "?force_delete_reference_if_shared_folder_deletion_fails=true";
    scene.call("DELETE", force).await.expect(204);
    for (method, query) in [("PUT", ""), ("DELETE", ""), ("DELETE", force)] {
        scene.call(method, query).await.refused(400, "bad_request");
    }
    scene.call("GET", "").await.refused(404, "not_found");
    let with = patch(json!({"has_shared_folder": true, "title": "Three"})).await;
    with.refused(400, "bad_request");
    patch(json!({"has_shared_folder": false, "title": "Four"}))
        .await
        .expect(200);
    assert_eq!(api.get(alice, &event).await.expect(200)["title"], "Four");
    let made = api.call(alice, "POST", "/v1/events", with_folder()).await;
    made.refused(400, "bad_request");
    assert_eq!(scene.api.database.number("SELECT count(*) FROM events").await, 1);
    // Others are told that it is not theirs, or nothing.
    let bob = api.person("bob").await;
    api.call(&bob, "PUT", &scene.path, Value::Null)
        .await
        .refused(404, "not_found");
    scene.finish().await;
}

#[tokio::test]
async fn sqlite_without_provider() {
    server_without_provider(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres_without_provider() {
    server_without_provider(Kind::Postgres).await;
}

/// Long enough for a call on a busy machine, short enough to wait for its end.
const IMPATIENT: ProviderTimeouts = ProviderTimeouts {
    connect: Duration::from_secs(1),
    call: Duration::from_secs(1),
    creation: Duration::from_secs(10),
};

#[tokio::test]
async fn a_provider_that_falls_silent_midway_is_cleaned_up() {
    let cloud = FakeNextcloud::start().await;
    let folders = SharedFolders::with_timeouts(&config::Outgoing::default(), &cloud.settings(), IMPATIENT)
        .expect("a client");
    cloud.be(Mood::SilentAtSecondShare);
    let created = folders.create(Uuid::new_v4(), chrono::Utc::now()).await;
    assert_eq!(created, Err(StorageError::TimedOut));
    assert_eq!(cloud.event_folders(), Vec::<String>::new());
    assert_eq!(cloud.links(), []);
}

#[tokio::test]
async fn the_whole_creation_has_a_limit_too() {
    let cloud = FakeNextcloud::start().await;
    let time_limit = ProviderTimeouts {
        call: Duration::from_mins(1),
        creation: Duration::from_secs(1),
        ..IMPATIENT
    };
    let folders = SharedFolders::with_timeouts(&config::Outgoing::default(), &cloud.settings(), time_limit)
        .expect("a client");
    cloud.be(Mood::SilentAtSecondShare);
    let created = folders.create(Uuid::new_v4(), chrono::Utc::now()).await;
    assert_eq!(created, Err(StorageError::TimedOut));
    assert_eq!(cloud.event_folders(), Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_account_is_refused_and_not_told() {
    let cloud = FakeNextcloud::start().await;
    let settings = config::SharedFolderSettings {
        password: Some(colloquy::secrets::Secret::new("old-app-password")),
        ..cloud.settings()
    };
    assert!(!format!("{settings:?}").contains("old-app-password"));
    let folders = SharedFolders::new(&config::Outgoing::default(), &settings).expect("a client");
    assert!(!format!("{folders:?}").contains("old-app-password"));
    let created = folders.create(Uuid::new_v4(), chrono::Utc::now()).await;
    assert_eq!(created, Err(StorageError::Account));
    assert_eq!(cloud.world().calls, Vec::<String>::new());
}

#[tokio::test]
async fn refusals_keep_their_words_for_the_log() {
    let cloud = FakeNextcloud::start().await;
    let folders = SharedFolders::new(&config::Outgoing::default(), &cloud.settings()).expect("a client");
    let event = Uuid::new_v4();
    cloud.be(Mood::RefusesSecondShare);
    let error = folders
        .create(event, chrono::Utc::now())
        .await
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the storage provider refuses: 403 Forbidden Public upload disabled by the administrator"
    );
    cloud.be(Mood::Honest);
    let folder = folders.create(event, chrono::Utc::now()).await.expect("a folder");
    cloud.be(Mood::KeepsFolders);
    let error = folders.delete(&(&folder).into()).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the storage provider refuses: 423 Locked It is locked"
    );
}
