//! What REST does at one node is heard in rooms of another.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::support::{meeting::Meeting, nodes::Nodes};

#[tokio::test]
async fn a_room_is_deleted_at_whatever_node() {
    let nodes = Nodes::start(2).await;
    let meeting = Meeting::create(&nodes.all[0], json!({"waiting_room": false})).await;
    let mut alice = meeting.joined_owner().await;
    let there = meeting.at(&nodes.all[1]);
    let mut guest = there.joined_guest("Guest").await;
    there.alice.delete(&there.path("")).await.expect(204);
    for who in [&mut alice, &mut guest] {
        who.expect("control", "room_deleted").await;
        assert_eq!(who.close_code().await, Some(1000));
    }
    meeting.started(json!({})).await.expect_error(404, "not_found");
    there.started(json!({})).await.expect_error(404, "not_found");
}

#[tokio::test]
async fn guests_of_a_withdrawn_invite_do_not_come_back() {
    let nodes = Nodes::start(2).await;
    let meeting = Meeting::create(&nodes.all[0], json!({"waiting_room": false})).await;
    let mut alice = meeting.joined_owner().await;
    let there = meeting.at(&nodes.all[1]);
    let guest = there.joined_guest("Guest").await;
    let resumption = guest.resumption.clone();
    guest.vanish();
    there.alice.delete(&there.invite_path()).await.expect(204);
    // The room's owner hears of it a moment later than whoever asked.
    let mut asked = meeting.ask_as_guest(Some(&resumption)).await;
    for _ in 0..100 {
        if asked.status >= 400 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
        asked = meeting.ask_as_guest(Some(&resumption)).await;
    }
    assert!(asked.status >= 400, "{asked:?}");
    alice.expect("control", "left").await;
}

/// Waiting rooms, moderators and tickets work across nodes.
#[tokio::test]
async fn moderators_and_guests_of_different_nodes() {
    let nodes = Nodes::start(2).await;
    let meeting = Meeting::create(&nodes.all[0], json!({"waiting_room": true})).await;
    let there = meeting.at(&nodes.all[1]);
    let mut alice = meeting.joined_owner().await;
    let mut guest = there.waiting_guest("Guest", &mut alice).await;
    let id = guest.id.clone();
    alice.act_on("moderation", "accept", &id).await;
    guest.expect("moderation", "accepted").await;
    guest.enter_room().await;
    alice.expect("control", "joined").await;
    guest.say("from the other node").await;
    assert_eq!(
        alice.expect("chat", "message_sent").await["content"],
        "from the other node"
    );
    alice.act_on("moderation", "kick", &id).await;
    guest.expect("moderation", "kicked").await;
    guest.expect_close(1000).await;
    // A ticket is redeemed at another node than that which gave it, and once.
    let ticket = meeting.invited(json!({})).await.expect(200);
    let mut again = there.connect(&ticket).await;
    again.ask_to_join("Again").await;
    again.expect("moderation", "in_waiting_room").await;
    let used = crate::support::participant::protocols(&ticket);
    let refused =
        crate::support::participant::Participant::upgrade(&nodes.all[0].address(), Some(&used)).await;
    assert_eq!(refused.err().map(|(status, _)| status), Some(401));
}
