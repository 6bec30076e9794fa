//! Assets in a real S3.

use std::path::Path;

use bytes::BytesMut;
use colloquy::{
    assets::{ObjectError, Objects, Writer},
    config::Outgoing,
};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{databases::Kind, rest::api::Api, support::moto::Moto};

/// More than two parts.
const LARGE: usize = 12_000_000;

/// Bytes that differ from part to part.
fn pattern(length: usize) -> Vec<u8> {
    let bytes = (0..251).flat_map(|byte| [byte; 7]);
    bytes.cycle().take(length).collect()
}

async fn write(mut writer: Writer, content: &[u8]) -> Writer {
    for piece in content.chunks(700_000) {
        writer.write(piece).await.expect("room for a piece");
    }
    writer
}

async fn read(objects: &Objects, id: Uuid, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let content = objects.read(id, range).await.expect("a content");
    let bytes: BytesMut = content.stream.try_collect().await.expect("all of it");
    bytes.to_vec()
}

#[tokio::test]
async fn contents_come_back_as_they_went() {
    let moto = Moto::start().await;
    let objects =
        Objects::open(&Outgoing::default(), &moto.settings(), Path::new("/nowhere")).expect("a store");
    let (small, large, empty) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let content = pattern(LARGE);
    for (id, length) in [(small, 10), (large, LARGE), (empty, 0)] {
        let writer = write(objects.writer(id), &content[..length]).await;
        let before = moto.objects().await;
        assert!(!before.iter().any(|name| name.contains(&id.to_string())));
        assert_eq!(writer.finish().await.expect("an object"), length as u64);
        assert!(read(&objects, id, None).await == content[..length], "{length}");
    }
    let middle = 5_000_000..5_500_000;
    let range = read(&objects, large, Some(5_000_000..5_500_000)).await;
    assert!(range == content[middle]);
    let names: Vec<_> = moto.objects().await;
    let key = format!("{:02x}/{small}", small.as_bytes()[0]);
    assert!(names.len() == 3 && names.contains(&key), "{names:?}");
    assert_eq!(moto.unfinished().await, Vec::<String>::new());

    let unknown = Uuid::new_v4();
    let missing = objects.read(unknown, None).await;
    assert!(matches!(missing, Err(ObjectError::Missing)));
    objects
        .remove(&[small, unknown, large, empty])
        .await
        .expect("removals");
    assert_eq!(moto.objects().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_given_up_leaves_no_parts() {
    let moto = Moto::start().await;
    let objects =
        Objects::open(&Outgoing::default(), &moto.settings(), Path::new("/nowhere")).expect("a store");
    let writer = write(objects.writer(Uuid::new_v4()), &pattern(LARGE)).await;
    assert_eq!(moto.unfinished().await.len(), 1);
    writer.abort().await;
    assert_eq!(moto.unfinished().await, Vec::<String>::new());
    assert_eq!(moto.objects().await, Vec::<String>::new());
}

async fn the_api_works_on_it(kind: Kind) {
    let moto = Moto::start().await;
    let api = Api::with(kind, |config| config.assets = moto.settings()).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let query = "kind=recording&file_extension=mkv";
    let content = "0123456789".repeat(600_000);
    let asset = api.upload(&alice, &room, query, &content).await.expect(200);
    let other = api.upload(&alice, &room, query, "short").await.expect(200);
    assert_eq!(moto.objects().await.len(), 2);
    let whole = api.download(&alice, &room, &asset, &[]).await;
    assert!(whole.status == 200 && whole.content == content.as_bytes());
    let part = api
        .download(&alice, &room, &asset, &[("range", "bytes=5999998-")])
        .await;
    assert_eq!((part.status, &*part.content), (206, &b"89"[..]));
    assert_eq!(part.header("content-range"), "bytes 5999998-5999999/6000000");

    let path = format!("/v1/rooms/{room}/assets/{}", asset["id"].as_str().expect("an id"));
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    moto.wait_for_objects(1).await;
    let orphans = api.state.assets.remove_orphans(chrono::Utc::now()).await;
    assert_eq!(orphans.expect("an answer"), colloquy::assets::Orphans::default());
    assert_eq!(api.download(&alice, &room, &other, &[]).await.content, b"short");
    let path = format!("/v1/rooms/{room}");
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    moto.wait_for_objects(0).await;
    api.finish().await;
}

#[tokio::test]
async fn the_api_works_on_it_with_sqlite() {
    the_api_works_on_it(Kind::Sqlite).await;
}

#[tokio::test]
async fn the_api_works_on_it_with_postgres() {
    the_api_works_on_it(Kind::Postgres).await;
}
