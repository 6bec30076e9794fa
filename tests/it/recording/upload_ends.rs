//! How an upload of a recording ends: in order, by a broken rule, by a vanished recorder, by a stop or the death of the
//! server. What has come is stored all the same.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::{content, listed, query};
use crate::{
    databases::Kind,
    rest::contents::files,
    support::{meeting::Meeting, moto::s3_at, ports, quiet::Quiet, recorder::Upload, server::Server},
};

on_both_databases!(Quiet:
    broken_rules_end_it, a_vanished_recorder_has_recorded, a_stop_keeps_what_has_come, a_killed_server_keeps_what_has_come,
    a_deleted_room_takes_no_recording);

const DEADLINE: Duration = Duration::from_secs(20);

fn spool(server: &Server) -> PathBuf {
    server.data_dir().join("recordings")
}

/// Waits for the only asset of the room; its content.
async fn wait_for_asset(meeting: &Meeting) -> Vec<u8> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let assets = listed(meeting).await;
        match &assets[..] {
            [asset] => return content(&meeting.alice, meeting, asset).await,
            other => assert!(Instant::now() < deadline, "last seen: {other:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the spool is so large, or empty.
async fn wait_for_spool(server: &Server, is_so: impl Fn(Option<u64>) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let first = files(&spool(server)).first().map(|name| spool(server).join(name));
        let size = first
            .and_then(|path| std::fs::metadata(path).ok())
            .map(|file| file.len());
        if is_so(size) {
            return;
        }
        assert!(Instant::now() < deadline, "last seen: {size:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn broken_rules_end_it(server: &Server) {
    let recorder = server.anonymous().log_in("recorder").await;
    for bad in [
        Message::binary(&b"abc"[..]),
        Message::binary(&b"\xff\xff\xff\xffminus one"[..]),
        Message::binary(&b"\0\0\x27\x10ten thousand"[..]),
        Message::text(""),
    ] {
        let meeting = Meeting::create(server, json!({})).await;
        let mut upload = Upload::open(server, &recorder, &query(&meeting))
            .await
            .expect("a socket");
        upload.chunk(0, b"so far").await;
        upload.send(bad).await;
        assert_eq!(upload.closed().await, Some(1008));
        assert_eq!(wait_for_asset(&meeting).await, b"so far");
    }
}

async fn a_vanished_recorder_has_recorded(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, b"so far").await;
    drop(upload);
    assert_eq!(wait_for_asset(&meeting).await, b"so far");
    wait_for_spool(server, |size| size.is_none()).await;
}

async fn a_stop_keeps_what_has_come(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, &[7; 10_000]).await;
    // The first is whole when the second has begun, which may be cut by the stop.
    upload.chunk(1, &[8; 10_000]).await;
    wait_for_spool(server, |size| size > Some(20_000)).await;
    server.signal("TERM");
    assert_eq!(upload.closed().await, Some(1001));
    assert!(server.end().await.success());
    server.restart().await;
    assert_eq!(wait_for_asset(&meeting).await[..10_000], [7; 10_000]);
    wait_for_spool(server, |size| size.is_none()).await;
}

async fn a_killed_server_keeps_what_has_come(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, &[7; 10_000]).await;
    upload.chunk(0, &[8; 10_000]).await;
    // The second is whole when the third has begun, which may be cut by the kill.
    upload.chunk(1, &[9; 10_000]).await;
    wait_for_spool(server, |size| size > Some(30_000)).await;
    server.kill9();
    server.restart().await;
    let kept = wait_for_asset(&meeting).await;
    assert_eq!(kept[..10_000], [8; 10_000]);
    assert!(kept.len() == 10_000 || kept[10_000..] == [9; 10_000]);
    wait_for_spool(server, |size| size.is_none()).await;
    // Once.
    assert!(server.terminate().await.success());
    server.restart().await;
    assert_eq!(listed(&meeting).await.len(), 1);
}

async fn a_deleted_room_takes_no_recording(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, b"for nobody").await;
    meeting.alice.delete(&meeting.path("")).await.expect(204);
    assert_eq!(upload.close().await, Some(1000));
    assert_eq!(files(&spool(server)), Vec::<String>::new());
    assert_eq!(files(&server.data_dir().join("assets")), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_is_gone_leaves_it_in_the_spool() {
    let dead = s3_at(&format!("http://127.0.0.1:{}", ports::free()), "colloquy").s3;
    let endpoint = dead.endpoint.expect("a URL");
    let environment = [
        ("COLLOQUY_ASSETS__STORE", "s3"),
        ("COLLOQUY_ASSETS__S3__ENDPOINT", endpoint.as_str()),
        ("COLLOQUY_ASSETS__S3__BUCKET", "colloquy"),
        ("COLLOQUY_ASSETS__S3__ACCESS_KEY_ID", "key"),
        ("COLLOQUY_ASSETS__S3__SECRET_ACCESS_KEY", "hidden-key-of-s3"),
        ("COLLOQUY_ASSETS__S3__REQUEST_SECS_MAX", "1"),
    ];
    let server = Server::start_with(Kind::Sqlite, &environment).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(&server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, b"kept").await;
    assert_eq!(upload.close().await, Some(1011));
    assert_eq!(listed(&meeting).await, Vec::<Value>::new());
    assert_eq!(files(&spool(&server)).len(), 1);
    assert!(!server.log().contains("hidden-key-of-s3"));
    server.finish().await;
}
