//! "Accept all" of a full waiting room: clients send one command for each, all at once.

use serde_json::json;

use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

/// As many as a large class, in one write.
const WAITING: usize = 200;

#[tokio::test]
async fn everybody_is_let_in_by_one_click() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guests = Vec::new();
    for number in 0..WAITING {
        guests.push(
            meeting
                .waiting_guest(&format!("Guest {number}"), &mut alice)
                .await,
        );
    }
    for guest in &guests {
        let accept = json!({"action": "accept", "target": guest.id});
        alice.send("moderation", accept).await;
    }
    for guest in &mut guests {
        guest.expect_next("moderation", "accepted").await;
    }
    // No word of too many commands, and the next one is handled too.
    alice.expect_silence().await;
    alice.say("welcome").await;
    server.finish().await;
}
