//! A disk that is full for a moment: meetings go on in memory, and have their files again when there is room.

use serde_json::json;

use super::{contents, wait_until};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

/// What `/health/ready` says.
async fn ready(server: &Server) -> u16 {
    server.anonymous().get("/health/ready").await.status
}

#[tokio::test]
async fn a_moment_of_a_full_disk_is_over_when_it_is_over() {
    let server = Server::start_on_a_small_disk(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut bob = meeting.joined_guest("Bob").await;
    alice.say("before").await;
    server.limit_files(true);
    alice.say("while it is full").await;
    wait_until("nothing can be written", async || {
        let answer = server.anonymous().get("/health/ready").await;
        let parts = &answer.json["not_ready"];
        let is_told = parts["database"] == "can't be written" && parts["journals"].is_string();
        if is_told { Ok(()) } else { Err(answer) }
    })
    .await;
    bob.events_so_far().await;
    bob.say("nobody notices").await;
    alice.expect("chat", "message_sent").await;
    let file = server.data_dir().join(format!("journal/{}.log", meeting.room));
    assert!(!file.exists(), "a file that does not tell all is deleted");

    server.limit_files(false);
    wait_until("ready", async || match ready(&server).await {
        200 => Ok(()),
        other => Err(other),
    })
    .await;
    wait_until("the meeting has a file", async || {
        file.exists().then_some(()).ok_or("none")
    })
    .await;
    alice.say("after").await;
    server.kill9();
    server.restart().await;
    let mut again = meeting.returning_owner(&alice.resumption).await;
    let joined = again.join("Alice").await;
    assert_eq!(again.id, alice.id);
    let history = meeting.history(&mut again, &joined).await;
    let expected = ["before", "while it is full", "nobody notices", "after"];
    assert_eq!(contents(&history), expected);
    server.finish().await;
}
