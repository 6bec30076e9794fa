//! Requests that are answered before their body was read: the answer arrives, and the connection is good or says that it is not.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::DEADLINE;
use crate::{databases::Kind, support::server::Server};

/// Answers on one connection.
const REQUESTS: usize = 20;

fn head(path: &str, bytes: usize, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more}Content-Length: {bytes}\r\n\r\n"
    )
}

/// Reads an answer with its body.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut byte = [0];
        let some = timeout(DEADLINE, stream.read(&mut byte))
            .await
            .expect("an answer");
        assert_eq!(some.expect("an answer"), 1, "the connection ended: {read:?}");
        read.push(byte[0]);
        if let Some(head) = read.strip_suffix(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(head).to_lowercase();
            let length = head.split("content-length: ").nth(1).expect("a length");
            let length = length
                .split("\r\n")
                .next()
                .expect("a line")
                .parse()
                .expect("a number");
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.expect("a body");
            return head;
        }
    }
}

#[tokio::test]
async fn a_connection_is_good_behind_a_refusal() {
    let server = Server::start(Kind::Sqlite).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    for request in 0..REQUESTS {
        let bytes = [18, 1_000, 60_000][request % 3];
        stream
            .write_all(head("/v1/rooms", bytes, "").as_bytes())
            .await
            .expect("a head");
        tokio::task::yield_now().await;
        stream.write_all(&vec![b' '; bytes]).await.expect("a body");
        let head = answer(&mut stream).await;
        assert!(
            head.contains(" 401 ") && !head.contains("connection: close"),
            "{head}"
        );
    }
    server.finish().await;
}

/// The client is still sending, and hears why it should not.
#[tokio::test]
async fn who_sends_very_much_hears_the_answer() {
    const BYTES: usize = 20 << 20;
    let server = Server::start(Kind::Sqlite).await;
    for _ in 0..5 {
        let stream = TcpStream::connect(server.address()).await.expect("a connection");
        let (mut from, mut to) = stream.into_split();
        let path = "/v1/rooms/00000000-0000-4000-8000-000000000000/assets?kind=a&file_extension=b";
        let sending = tokio::spawn(async move {
            let _ = to.write_all(head(path, BYTES, "").as_bytes()).await;
            let _ = to.write_all(&vec![7; BYTES]).await;
            to
        });
        let mut read = Vec::new();
        let all = timeout(DEADLINE, from.read_to_end(&mut read))
            .await
            .expect("an end");
        all.expect("no reset");
        let read = String::from_utf8_lossy(&read).to_lowercase();
        assert!(
            read.contains(" 401 ") && read.contains("connection: close"),
            "{read}"
        );
        drop(sending.await.expect("a half"));
    }
    server.finish().await;
}

/// Who waits for leave to send is refused at once, and sends nothing.
#[tokio::test]
async fn who_waits_for_leave_is_refused_at_once() {
    let server = Server::start(Kind::Sqlite).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    let waits = head("/v1/rooms", 1_000, "Expect: 100-continue\r\n");
    stream.write_all(waits.as_bytes()).await.expect("a head");
    let head = answer(&mut stream).await;
    assert!(
        head.contains(" 401 ") && head.contains("connection: close"),
        "{head}"
    );
    server.finish().await;
}
