//! Asset stores that do not answer, or not as they should.

use colloquy::config::AssetSettings;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    databases::Kind,
    rest::api::{Api, Person},
    support::{
        moto::{Moto, s3_at},
        ports,
    },
};

const QUERY: &str = "kind=recording&file_extension=mkv";

/// An API whose asset store is this one, a room, and an asset whose content is not there.
async fn world(kind: Kind, settings: AssetSettings) -> (Api, Person, String) {
    let api = Api::with(kind, |config| {
        config.assets = settings;
        config.assets.s3.request_secs_max = 1;
    })
    .await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.database
        .execute(
            "INSERT INTO assets (id, room_id, created_at, namespace, kind, filename, size)
             SELECT id, id, created_at, 'core', 'x', 'x', 3 FROM rooms",
        )
        .await;
    (api, alice, room)
}

/// Uploads, small and large, and downloads fail in the same way; what needs no content works.
async fn assert_fails(api: &Api, alice: &Person, room: &str, (status, code): (u16, &str)) {
    let there = json!({"id": room});
    for content in ["short".to_owned(), "0123456789".repeat(700_000)] {
        let answer = api.upload(alice, room, QUERY, &content).await;
        answer.refused(status, code);
    }
    let path = format!("/v1/rooms/{room}/assets");
    let listed = api.get(alice, &path).await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let me = api.get(alice, "/v1/users/me").await.expect(200);
    assert_eq!(me["used_storage"], 0);
    let download = api.download(alice, room, &there, &[]).await;
    let body: Value = serde_json::from_slice(&download.content).expect("JSON");
    assert_eq!((download.status, &body["code"]), (status, &json!(code)));
    // Deleting does not wait for the store.
    api.call(alice, "DELETE", &format!("{path}/{room}"), Value::Null)
        .await
        .expect(204);
    assert!(api.state.assets.find_orphans(chrono::Utc::now()).await.is_err());
}

async fn a_dead_store(kind: Kind) {
    let url = format!("http://127.0.0.1:{}", ports::free());
    let (api, alice, room) = world(kind, s3_at(&url, "colloquy")).await;
    assert_fails(&api, &alice, &room, (503, "service_unavailable")).await;
    api.finish().await;
}

#[tokio::test]
async fn a_dead_store_is_unavailable_on_sqlite() {
    a_dead_store(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_dead_store_is_unavailable_on_postgres() {
    a_dead_store(Kind::Postgres).await;
}

#[tokio::test]
async fn a_store_that_never_answers_is_unavailable() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let taking = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            taken.push(stream);
        }
    });
    let (api, alice, room) = world(Kind::Sqlite, s3_at(&url, "colloquy")).await;
    assert_fails(&api, &alice, &room, (503, "service_unavailable")).await;
    api.finish().await;
    taking.abort();
}

#[tokio::test]
async fn a_store_without_the_bucket_refuses() {
    let moto = Moto::start().await;
    let mut settings = moto.settings();
    settings.s3.bucket = Some("elsewhere".to_owned());
    let (api, alice, room) = world(Kind::Sqlite, settings).await;
    for content in ["short".to_owned(), "0123456789".repeat(700_000)] {
        let answer = api.upload(&alice, &room, QUERY, &content).await;
        answer.refused(502, "storage_provider_unavailable");
    }
    // Whoever looks for one content can't tell.
    let download = api.download(&alice, &room, &json!({"id": room}), &[]).await;
    assert_eq!(download.status, 404);
    api.finish().await;
}
