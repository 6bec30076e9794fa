//! Clients that go away at the worst moment leave nothing behind.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Unlimited, assert_works, wait_until};
use crate::{
    databases::Kind,
    support::{
        meeting::Meeting,
        participant::{Participant, protocols},
    },
};

const CLIENTS: usize = 500;
/// Descriptors that come and go by themselves: idle connections of this test, of the database.
const OPEN_FILES_SLACK: usize = 10;

/// When a client goes away.
#[derive(Debug, Clone, Copy)]
enum Vanishing {
    InTheMiddleOfTheRequest,
    AfterTheRequest,
    AfterTheAnswer,
    AfterAsking,
    AfterJoining,
}

use Vanishing::{AfterAsking, AfterJoining, AfterTheAnswer, AfterTheRequest, InTheMiddleOfTheRequest};

const WAYS: [Vanishing; 5] = [
    InTheMiddleOfTheRequest,
    AfterTheRequest,
    AfterTheAnswer,
    AfterAsking,
    AfterJoining,
];

async fn vanish(server: &Unlimited, meeting: &Meeting, way: Vanishing) {
    let ticket = meeting.ask_as_guest(None).await.expect(200);
    match way {
        InTheMiddleOfTheRequest => {
            let request = request(&ticket);
            drop(open(server, &request[..request.len() / 2]).await);
        }
        AfterTheRequest => drop(open(server, &request(&ticket)).await),
        AfterTheAnswer => {
            let mut stream = open(server, &request(&ticket)).await;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, b"HTTP/1.1 101");
            // What was not read makes the system reset the connection.
        }
        AfterAsking => {
            let mut guest = Participant::connect(&server.address(), &ticket).await;
            guest.ask_to_join("Ghost").await;
            guest.vanish();
        }
        AfterJoining => {
            let mut guest = Participant::connect(&server.address(), &ticket).await;
            guest.join("Ghost").await;
            guest.vanish();
        }
    }
}

fn request(ticket: &Value) -> String {
    format!(
        "GET /signaling HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {}\r\n\r\n",
        protocols(ticket)
    )
}

async fn open(server: &Unlimited, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream
        .write_all(text.as_bytes())
        .await
        .expect("a written request");
    stream
}

#[tokio::test]
async fn clients_that_vanish_leave_nothing_behind() {
    let settings = [("COLLOQUY_SIGNALING__RECONNECT_GRACE_SECS", "1")];
    let server = Unlimited::start_with(Kind::Sqlite, &settings).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    // Connections that REST keeps open belong to the baseline.
    meeting.ask_as_guest(None).await.expect(200);
    let baseline = server.open_files();
    for index in 0..CLIENTS {
        vanish(&server, &meeting, WAYS[index % WAYS.len()]).await;
    }
    wait_until("all connections end", async || {
        let open = server.open_files();
        if open <= baseline + OPEN_FILES_SLACK {
            Ok(())
        } else {
            Err((open, baseline))
        }
    })
    .await;
    // Everybody who had come has left.
    wait_until("all ghosts leave", async || {
        let mut alice_again = meeting.returning_owner(&alice.resumption).await;
        let joined = alice_again.join("Alice").await;
        alice = alice_again;
        let people = joined["participants"].as_array().expect("a list");
        let ghosts = people.len();
        let present = people
            .iter()
            .filter(|person| person["control"]["left_at"].is_null())
            .count();
        match (ghosts >= CLIENTS / WAYS.len(), present) {
            (true, 0) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert_works(&meeting, &mut alice).await;
    server.finish().await;
}
