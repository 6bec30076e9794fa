//! A provider that has got another name, and rows of one person that become one, beside a running server.

use std::{fs, time::Duration};

use chrono::Utc;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::issuer::FakeIssuer;
use crate::{
    databases::Kind,
    support::{rest::Rest, server::Server},
};

on_both_databases!(World:
    people_of_a_provider_with_a_new_name_stay_who_they_are, merged_rows_are_forgotten_by_a_running_server);

/// Five times what a server takes at most to hear of a merge.
const DEADLINE: Duration = Duration::from_secs(50);

/// A server with a file of settings that a test changes.
struct World {
    server: Server,
    issuer: FakeIssuer,
    settings: TempDir,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let (issuer, settings) = (FakeIssuer::start().await, tempfile::tempdir().expect("a folder"));
        let file = settings.path().join("colloquy.toml");
        fs::write(&file, format!("[oidc]\nauthority = '{}'\n", issuer.url)).expect("a file");
        let path = file.to_str().expect("a path").to_owned();
        let server = Server::start_with(kind, &[("COLLOQUY_CONFIG", path.as_str())]).await;
        Self {
            server,
            issuer,
            settings,
        }
    }

    async fn finish(self) {
        self.server.finish().await;
    }

    /// Starts the server again with these settings of the provider.
    async fn restart_with(&self, oidc: &str) {
        assert!(self.server.terminate().await.success());
        let file = self.settings.path().join("colloquy.toml");
        fs::write(file, format!("[oidc]\n{oidc}\n")).expect("a file");
        self.server.restart().await;
    }

    fn bearer(&self, issuer: &str, subject: &str) -> Rest {
        let now = Utc::now().timestamp();
        let token = self.issuer.token(&json!({
            "iss": issuer, "aud": "Frontend", "azp": "Frontend", "sub": subject, "iat": now, "exp": now + 600,
            "email": format!("{subject}@example.org"), "name": subject, "jti": uuid::Uuid::new_v4(),
        }));
        self.server
            .anonymous()
            .with_authorization(&format!("Bearer {token}"))
    }
}

async fn id(person: &Rest) -> Value {
    person.get("/v1/users/me").await.expect(200)["id"].clone()
}

async fn rooms(person: &Rest) -> usize {
    let rooms = person.get("/v1/rooms").await.expect(200);
    rooms.as_array().map_or(0, Vec::len)
}

async fn people_of_a_provider_with_a_new_name_stay_who_they_are(world: &World) {
    let old_name = world.issuer.url.clone();
    let new_name = old_name.replace("127.0.0.1", "localhost");
    let (ada, bob) = (world.bearer(&old_name, "ada"), world.bearer(&old_name, "bob"));
    let ids = (id(&ada).await, id(&bob).await);
    for person in [&ada, &bob] {
        person.post("/v1/rooms", json!({})).await.expect(201);
    }

    world.issuer.answers().discovery["issuer"] = json!(new_name);
    world.restart_with(&format!("authority = '{new_name}'")).await;
    // Without the setting everybody is somebody new. Ada comes before the operator knows of it.
    let ada = world.bearer(&new_name, "ada");
    assert_ne!(id(&ada).await, ids.0);
    ada.post("/v1/rooms", json!({})).await.expect(201);

    world
        .restart_with(&format!(
            "authority = '{new_name}'\nformer_issuers = ['{old_name}']"
        ))
        .await;
    let line = "what belonged to former issuers is the present one's";
    world.server.wait_for_log(line, 1).await;
    let (ada, bob) = (world.bearer(&new_name, "ada"), world.bearer(&new_name, "bob"));
    assert_eq!((id(&ada).await, id(&bob).await), ids);
    assert_eq!((rooms(&ada).await, rooms(&bob).await), (2, 1));
    let log = world.server.log();
    let told = log.lines().find(|told| told.contains(line)).expect("a line");
    assert!(
        told.contains("INFO") && told.contains("moved=1") && told.contains("merged=1"),
        "{told}"
    );
    let stale = world.bearer(&old_name, "bob");
    stale.get("/v1/users/me").await.expect_error(401, "unauthorized");
}

async fn merged_rows_are_forgotten_by_a_running_server(world: &World) {
    let name = &world.issuer.url;
    let (old, new) = (world.bearer(name, "old"), world.bearer(name, "new"));
    let (old_id, new_id) = (id(&old).await, id(&new).await);
    let room = new.post("/v1/rooms", json!({})).await.expect(201);
    let start = format!("/v1/rooms/{}/start", room["id"].as_str().expect("an id"));
    let ticket = new.post(&start, json!({})).await.expect(200);

    let ids = [&old_id, &new_id].map(|id| id.as_str().expect("an id").to_owned());
    let merged = world.server.invoke(&["users", "merge", &ids[0], &ids[1]]);
    assert!(merged.status.success(), "{merged:?}");
    let resumed = json!({"resumption": ticket["resumption"]});
    let deadline = Instant::now() + DEADLINE;
    while world
        .server
        .log()
        .matches("users that are no more are forgotten")
        .count()
        == 0
    {
        assert!(Instant::now() < deadline, "the server does not hear of the merge");
        sleep(Duration::from_millis(50)).await;
    }
    // The living room knows another id: whoever comes back is its owner all the same.
    new.post(&start, resumed).await.expect(200);
    assert_eq!(id(&new).await, old_id);
    assert_eq!(rooms(&new).await, 1);
}
