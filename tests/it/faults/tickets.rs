//! Tickets that nobody redeems: bounded, and nobody who is inside notices.

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::assert_works;
use crate::{
    databases::Kind,
    support::{meeting::Meeting, rest::Answer, server::Server},
};

const STARTS: usize = 2_500;
/// Starts at the same time.
const AT_ONCE: usize = 32;
/// Most of it is what the allocator keeps for each thread.
const GROWTH_BYTES_MAX: u64 = 96 * 1024 * 1024;

#[tokio::test]
async fn unredeemed_tickets_shut_nobody_out() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut bob = meeting.joined_guest("Bob").await;
    let resident = server.resident_bytes();
    let answers: Vec<Answer> = stream::iter(0..STARTS)
        .map(|_| meeting.ask_as_guest(None))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // Owner and guests come in as ever.
    meeting.owner().await.join("Alice").await;
    let mut gus = meeting.joined_guest("Gus").await;
    assert_works(&meeting, &mut gus).await;
    let grown = server.resident_bytes().saturating_sub(resident);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");

    bob.events_so_far().await;
    alice.say("undisturbed").await;
    assert_eq!(bob.expect("chat", "message_sent").await["content"], "undisturbed");
    // Whoever was here comes back all the same, and other rooms are open.
    let mut again = meeting.returning_guest(&bob.resumption).await;
    again.join("Bob").await;
    assert_eq!(again.id, bob.id);
    let other = Meeting::create(&server, json!({})).await;
    let mut carol = other.joined_guest("Carol").await;
    assert_works(&other, &mut carol).await;
    alice.expect_silence().await;
    server.finish().await;
}
