//! Messages that are begun and not ended, or announced and not sent: they end the connection before they cost anything.

use colloquy_actors::protocol::limits::MESSAGE_FRAGMENTS_MAX;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::{DEADLINE, assert_works};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant, server::Server},
};

/// Sockets at the same time: each took 1.4 MiB once.
const SOCKETS: usize = 100;
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Pieces of a message, one more than is taken: what comes after the end could take the answer away.
const PIECES: usize = MESSAGE_FRAGMENTS_MAX + 1;
/// A whole KiB below what a message may have before the join.
const BEFORE_JOIN_BYTES: usize = 15 * 1024;

/// The code of a close frame (RFC 6455, section 5.5.1) with which an answer ends.
async fn code_after(guest: Participant, bytes: &[u8]) -> u16 {
    let mut stream = guest.into_stream();
    stream.write_all(bytes).await.expect("a connection");
    let mut answer = Vec::new();
    // The server may end the connection harder than by its close frame.
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .expect("an end");
    let close = answer.windows(4).rfind(|bytes| bytes[0] == 0x88 && bytes[1] >= 2);
    let close = close.unwrap_or_else(|| panic!("no close frame in {answer:?}"));
    u16::from_be_bytes([close[2], close[3]])
}

/// The head of a text frame that says how many bytes come, masked with zeros.
fn head(bytes: u64) -> Vec<u8> {
    [&[0x81, 0xff][..], &bytes.to_be_bytes(), &[0; 4]].concat()
}

/// A part of a text message, not the last.
fn piece(bytes: usize, first: bool) -> Message {
    let data = if first { Data::Text } else { Data::Continue };
    Message::Frame(Frame::message(vec![b' '; bytes], OpCode::Data(data), false))
}

#[tokio::test]
async fn what_is_too_large_is_refused_when_it_is_announced() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    for bytes in [16 * 1024 + 1, 1 << 20, 1 << 40, u64::MAX >> 1] {
        let code = code_after(meeting.guest().await, &head(bytes)).await;
        assert_eq!(code, 1009, "{bytes} bytes before the join");
    }
    // A ping has 125 bytes at most, and who reads more of it keeps that.
    let ping = [&head(1 << 20)[..]].concat();
    let ping = [&[0x89][..], &ping[1..]].concat();
    assert_eq!(code_after(meeting.guest().await, &ping).await, 1009);
    let code = code_after(meeting.joined_guest("Gus").await, &head((1 << 20) + 1)).await;
    assert_eq!(code, 1009, "after it");
    server.finish().await;
}

/// Who is still sending when the server has had enough hears why: a connection that is closed with something unread is reset.
#[tokio::test]
async fn what_comes_behind_the_end_is_swallowed() {
    const BYTES: usize = 8 << 20;
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    for _ in 0..5 {
        let message = [head(BYTES as u64), vec![b' '; BYTES]].concat();
        let code = code_after(meeting.joined_guest("Gus").await, &message).await;
        assert_eq!(code, 1009);
    }
    server.finish().await;
}

#[tokio::test]
async fn begun_messages_cost_what_came_of_them() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let before = server.resident_bytes();
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let mut guest = meeting.guest().await;
        guest.send_message(piece(BEFORE_JOIN_BYTES, true)).await;
        sockets.push(guest);
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
    // With the next piece it is too large.
    let mut guest = sockets.pop().expect("a socket");
    guest.send_message(piece(2 * 1024, false)).await;
    assert_eq!(guest.close_code().await, Some(1009));
    // A message of very many pieces ends as well, however small they are.
    let mut guest = meeting.joined_guest("Gus").await;
    for index in 0..PIECES {
        guest.send_message(piece(0, index == 0)).await;
    }
    assert_eq!(guest.close_code().await, Some(1008));
    assert_works(&meeting, &mut alice).await;
    server.finish().await;
}
