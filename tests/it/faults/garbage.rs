//! Random bytes, as HTTP and inside of `WebSocket` frames: the server answers everybody else.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

use super::{DEADLINE, Unlimited, assert_works, wait_until};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant},
};

const CONNECTIONS: u64 = 200;
const BYTES_MAX: u64 = 4_096;
/// Descriptors that come and go by themselves: idle connections of this test, of the database.
const OPEN_FILES_SLACK: usize = 10;

/// Numbers that look random (splitmix64); the seed stands in the message of a failed test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let count = self.next() % BYTES_MAX + 1;
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Sends bytes on a new connection, ends its sending side and reads until the server ends it too.
async fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // The server may have ended the connection before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .expect("an end");
    answer
}

#[tokio::test]
async fn garbage_hurts_nobody() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    meeting.ask_as_guest(None).await.expect(200);
    let baseline = server.open_files();
    let seed = Uuid::new_v4().as_u64_pair().0;
    eprintln!("seed {seed}");
    let mut random = Random(seed);

    for index in 0..CONNECTIONS {
        let mut bytes = random.bytes();
        if index % 2 == 0 {
            // Something that begins like a request gets further.
            bytes.splice(..0, *b"POST /v1/auth/login HTTP/1.1\r\nContent-Length: 900\r\n");
        }
        let answer = send(&server.address(), &bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{:?}",
            answer.escape_ascii().to_string()
        );
    }
    for index in 0..CONNECTIONS {
        let mut guest = meeting.guest().await;
        if index % 2 == 0 {
            guest.join("Garbage").await;
        }
        let mut stream = guest.into_stream();
        let _ = stream.write_all(&random.bytes()).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut rest))
            .await
            .expect("an end");
    }

    let sees_only_people = alice.events_so_far().await;
    assert!(
        sees_only_people
            .iter()
            .all(|frame| frame["namespace"] == "control"),
        "{sees_only_people:?}"
    );
    assert_works(&meeting, &mut alice).await;
    let mut again: Participant = meeting.returning_owner(&alice.resumption).await;
    again.join("Alice").await;
    assert_eq!(again.id, alice.id);
    drop(alice);
    wait_until("all connections end", async || {
        let open = server.open_files();
        if open <= baseline + OPEN_FILES_SLACK {
            Ok(())
        } else {
            Err((open, baseline))
        }
    })
    .await;
    server.finish().await;
}
