//! What outlives the process.

use serde_json::json;

use crate::support::server::Server;

on_both_databases!(Server: rooms_and_tokens_survive_a_kill);

async fn rooms_and_tokens_survive_a_kill(server: &Server) {
    let alice = server.anonymous().log_in("alice").await;
    let room = alice.post("/v1/rooms", json!({})).await.expect(201);
    server.kill9();
    server.restart().await;
    let rooms = alice.get("/v1/rooms").await.expect(200);
    assert_eq!(rooms, json!([room]));
}
