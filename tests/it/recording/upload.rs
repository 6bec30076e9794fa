//! `GET /v1/services/recording/upload`: what becomes of chunks, and who may send them.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::{content, listed, query};
use crate::{
    rest::contents::files,
    support::{meeting::Meeting, quiet::Quiet, recorder::Upload, rest::receive, server::Server},
};

on_both_databases!(Quiet:
    chunks_become_an_asset, chunks_are_ordered_and_replaced, messages_come_in_all_forms, nothing_makes_no_asset,
    everything_is_checked_before_the_upgrade);

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn chunks_become_an_asset(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    let long = vec![7; 3_000_000];
    upload.chunk(0, b"one").await;
    upload.chunk(1, &long).await;
    assert_eq!(
        listed(&meeting).await,
        Vec::<Value>::new(),
        "nothing partial is listed"
    );
    // The answer to the close frame says that it is stored.
    assert_eq!(upload.close().await, Some(1000));
    let assets = listed(&meeting).await;
    let [asset] = &assets[..] else {
        panic!("one asset: {assets:?}")
    };
    assert_eq!(
        (&asset["kind"], &asset["namespace"], &asset["size"]),
        (&json!("recording"), &json!("recording"), &json!(3_000_003))
    );
    assert_eq!(asset["filename"], "recording_2025-01-31_14-05-09-UTC.mkv");
    let stored = content(&meeting.alice, &meeting, asset).await;
    assert!(stored == [b"one", &long[..]].concat());
    let me = meeting.alice.get("/v1/users/me").await.expect(200);
    assert_eq!(me["used_storage"], 3_000_003);
    assert_eq!(files(&server.data_dir().join("recordings")), Vec::<String>::new());
}

async fn chunks_are_ordered_and_replaced(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    for (number, data) in [
        (3, "three "),
        (0, "header? "),
        (9_999, "end"),
        (1, ""),
        (2, "two, much longer than needed "),
        (0, "header! "),
        (2, "two "),
    ] {
        upload.chunk(number, data.as_bytes()).await;
    }
    assert_eq!(upload.close().await, Some(1000));
    let assets = listed(&meeting).await;
    let stored = content(&meeting.alice, &meeting, &assets[0]).await;
    assert_eq!(String::from_utf8_lossy(&stored), "header! two three end");
    assert_eq!(assets[0]["size"], stored.len());
}

async fn messages_come_in_all_forms(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.send(Message::text("\0\0\0\u{1}text ")).await;
    upload.send(Message::Ping(Vec::new().into())).await;
    // In fragments, one of them in the middle of the number.
    for (bytes, code, last) in [
        (&b"\0\0"[..], Data::Binary, false),
        (b"\0\x02frag", Data::Continue, false),
        (b"ments", Data::Continue, true),
    ] {
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(code), last);
        upload.send(Message::Frame(frame)).await;
    }
    assert_eq!(upload.close().await, Some(1000));
    let assets = listed(&meeting).await;
    let stored = content(&meeting.alice, &meeting, &assets[0]).await;
    assert_eq!(String::from_utf8_lossy(&stored), "text fragments");
}

async fn nothing_makes_no_asset(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    assert_eq!(upload.close().await, Some(1000));
    let mut upload = Upload::open(server, &recorder, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, b"").await;
    assert_eq!(upload.close().await, Some(1000));
    assert_eq!(listed(&meeting).await, Vec::<Value>::new());
    assert_eq!(files(&server.data_dir().join("recordings")), Vec::<String>::new());
}

async fn everything_is_checked_before_the_upgrade(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let recorder = server.anonymous().log_in("recorder").await;
    let gateway = server.anonymous().log_in("call-in").await;
    let anyone = server.anonymous();
    let good = query(&meeting);
    let with = |room: &str, extension: &str, timestamp: &str| {
        format!("room_id={room}&file_extension={extension}&timestamp={timestamp}")
    };
    let (room, time) = (meeting.room.as_str(), "2025-01-31T14:05:09Z");
    let refused = async |who, query: &str| Upload::open(server, who, query).await.err();
    let check = |refusal: Option<(u16, Value)>, status: u16, code: &str| {
        let (found, body) = refusal.expect("a refusal");
        assert_eq!((found, &body["code"]), (status, &json!(code)), "{body}");
    };
    check(refused(&anyone, &good).await, 401, "unauthorized");
    check(refused(&meeting.alice, &good).await, 403, "forbidden");
    check(refused(&gateway, &good).await, 403, "forbidden");
    check(
        refused(&recorder, &with(UNKNOWN, "mkv", time)).await,
        404,
        "not_found",
    );
    for query in [
        String::new(),
        format!("room_id={room}&file_extension=mkv"),
        with("x", "mkv", time),
        with(room, "m.v", time),
        with(room, "12345678901", time),
        with(room, "mkv", "yesterday"),
        with(room, "mkv", "3000-01-01T00:00:00Z"),
    ] {
        check(refused(&recorder, &query).await, 400, "bad_request");
    }
    // Not a WebSocket at all.
    let path = format!("/v1/services/recording/upload?{good}");
    recorder.get(&path).await.expect_error(400, "bad_request");

    server.set_quotas(&json!({"max_storage": 3})).await;
    let first = meeting
        .alice
        .request(
            reqwest::Method::POST,
            &meeting.path("/assets?kind=x&file_extension=x"),
        )
        .body("0123");
    receive(first, "an upload".to_owned()).await.expect(200);
    check(refused(&recorder, &good).await, 403, "storage_exceeded");
    assert_eq!(files(&server.data_dir().join("recordings")), Vec::<String>::new());
    // An empty extension, and an offset that is not escaped, are good.
    server.set_quotas(&json!({})).await;
    let query = with(room, "", "2025-01-31T15:05:09+01:00");
    let mut upload = Upload::open(server, &recorder, &query).await.expect("a socket");
    upload.chunk(0, b"x").await;
    assert_eq!(upload.close().await, Some(1000));
    let newest = &listed(&meeting).await[0];
    assert_eq!(newest["filename"], "recording_2025-01-31_14-05-09-UTC");
}
