//! An SQLite file that another process keeps locked.

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::timeout;

use super::assert_works;
use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

/// The server promises an answer within 5 s. This guards against hanging on a loaded machine.
const GUARD: Duration = Duration::from_secs(25);
const WRITERS: usize = 8;

#[tokio::test]
async fn writers_are_refused_in_time_readers_are_served_and_it_heals() {
    let server = Server::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let (mut alice, [mut bob]) = meeting.gather(["Bob"]).await;
    let file = server.data_dir().join("colloquy.sqlite");
    let other = SqliteConnectOptions::new().filename(file);
    let mut other = SqliteConnection::connect_with(&other)
        .await
        .expect("a connection");
    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut other)
        .await
        .expect("a lock");

    let writers = (0..WRITERS).map(|_| {
        let alice = meeting.alice.clone();
        tokio::spawn(async move {
            let answer = timeout(GUARD, alice.post("/v1/rooms", json!({}))).await;
            answer
                .expect("an answer in time")
                .expect_error(503, "service_unavailable");
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a refusal");
    }
    meeting.alice.get("/v1/rooms").await.expect(200);
    alice.say("still there?").await;
    while bob.expect("chat", "message_sent").await["content"] != "still there?" {}

    sqlx::raw_sql("ROLLBACK")
        .execute(&mut other)
        .await
        .expect("an end");
    other.close().await.expect("an end");
    meeting.alice.post("/v1/rooms", json!({})).await.expect(201);
    assert_works(&meeting, &mut bob).await;
    server.finish().await;
}
