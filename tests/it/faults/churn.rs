//! Coming and going in a room that never empties leaves nothing behind.

use serde_json::json;

use super::{UNLIMITED, assert_works};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant, server::Server},
};

/// People who come back again and again, beside each other.
const GUESTS: usize = 4;
/// Returns of each until what is kept for all of them is there: rings, buffers, pages of the allocator.
const WARM_UP: usize = 200;
/// Stretches that are measured, and the returns of each guest in one. The allocator takes pages and gives them back as it
/// likes; what is lost with each return is lost in every stretch.
const STRETCHES: usize = 6;
const RETURNS: usize = 400;
/// What one return may leave behind: it was 5.3 KiB once.
const RETURN_BYTES_MAX: u64 = 2_048;

/// Comes back so many times, each time on a new connection while the last one is there. The owner hears it.
async fn churn(
    (server, meeting): (&Server, &Meeting),
    alice: &mut Participant,
    tokens: &mut [String],
    times: usize,
) -> u64 {
    for _ in 0..times {
        let returns = tokens.iter().map(async |token| {
            let mut back = meeting.returning_guest(token).await;
            back.join("Comes and goes").await;
            let token = back.resumption.clone();
            back.vanish();
            token
        });
        let new = futures_util::future::join_all(returns).await;
        tokens.clone_from_slice(&new);
        alice.events_so_far().await;
    }
    server.resident_bytes()
}

#[tokio::test]
async fn memory_does_not_grow_with_returns() {
    let server = Server::start_with(Kind::Sqlite, &UNLIMITED).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut tokens = Vec::new();
    for _ in 0..GUESTS {
        let guest = meeting.joined_guest("Comes and goes").await;
        tokens.push(guest.resumption.clone());
        guest.vanish();
    }
    let mut resident = vec![churn((&server, &meeting), &mut alice, &mut tokens, WARM_UP).await];
    for _ in 0..STRETCHES {
        resident.push(churn((&server, &meeting), &mut alice, &mut tokens, RETURNS).await);
    }
    let grown = resident.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let each = grown.min().unwrap_or_default() / (GUESTS * RETURNS) as u64;
    assert!(each < RETURN_BYTES_MAX, "{each} bytes a return: {resident:?}");
    assert_works(&meeting, &mut alice).await;
    server.finish().await;
}
