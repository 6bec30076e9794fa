//! Clients that vanish in the middle of an upload, and servers that die.

use std::{path::PathBuf, time::Duration};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    rest::contents::files,
    support::{meeting::Meeting, quiet::Quiet, rest::receive, server::Server},
};

on_both_databases!(Quiet: a_client_that_vanishes_leaves_nothing, slow_uploads_are_not_cut, a_killed_server_leaves_nothing);

const DEADLINE: Duration = Duration::from_secs(20);

fn folder(server: &Server) -> PathBuf {
    server.data_dir().join("assets")
}

/// Waits until the names of the files in the asset store are so.
async fn wait_for_files(server: &Server, are_so: impl Fn(&[String]) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let names = files(&folder(server));
        if are_so(&names) {
            return;
        }
        assert!(Instant::now() < deadline, "last seen: {names:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// A connection on which an upload of `announced` bytes has begun and `sent` have come.
async fn begin_upload(server: &Server, meeting: &Meeting, announced: usize, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n",
        meeting.path("/assets?kind=recording&file_extension=mkv"),
        meeting.alice.authorization().expect("a token"),
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    stream.write_all(&vec![7; sent]).await.expect("a beginning");
    stream
}

async fn a_client_that_vanishes_leaves_nothing(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let stream = begin_upload(server, &meeting, 5_000_000, 3_000_000).await;
    wait_for_files(server, |names| matches!(names, [one] if one.contains('#'))).await;
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed, json!([]), "nothing partial is listed");
    drop(stream);
    wait_for_files(server, <[String]>::is_empty).await;
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed, json!([]));
}

async fn slow_uploads_are_not_cut(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut stream = begin_upload(server, &meeting, 3_000_000, 2_000_000).await;
    wait_for_files(server, |names| names.len() == 1).await;
    stream.write_all(&vec![7; 1_000_000]).await.expect("the rest");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"size\":3000000"),
        "{answer}"
    );
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    let id = listed[0]["id"].as_str().expect("an id");
    wait_for_files(server, |names| names == [id]).await;
    // Browsers offer to accept compressed answers; a download is as it is stored.
    let request = meeting
        .alice
        .request(Method::GET, &meeting.path(&format!("/assets/{id}")))
        .header("accept-encoding", "gzip");
    let download = receive(request, "a download".to_owned()).await;
    assert!(!download.headers.contains_key("content-encoding"));
    assert_eq!(download.headers["content-length"], "3000000");
    assert!(download.text.len() == 3_000_000 && download.text.bytes().all(|byte| byte == 7));
}

async fn a_killed_server_leaves_nothing(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let _stream = begin_upload(server, &meeting, 5_000_000, 3_000_000).await;
    wait_for_files(server, |names| names.len() == 1).await;
    server.kill9();
    assert_eq!(files(&folder(server)).len(), 1);
    server.restart().await;
    assert_eq!(files(&folder(server)), Vec::<String>::new());
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed, json!([]));
}
