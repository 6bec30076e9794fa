//! `DELETE /v1/rooms/{room_id}` while a meeting is running.

use serde_json::json;

use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Server: everybody_is_told_and_sent_out);

async fn everybody_is_told_and_sent_out(server: &Server) {
    let meeting = Meeting::create(server, json!({"waiting_room": true})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest().await;
    guest.ask_to_join("Gus").await;
    guest.expect("moderation", "in_waiting_room").await;
    meeting.alice.delete(&meeting.path("")).await.expect(204);
    for one in [&mut alice, &mut guest] {
        one.expect("control", "room_deleted").await;
        assert_eq!(one.close_code().await, Some(1000));
    }
    meeting
        .alice
        .post(&meeting.path("/start"), json!({}))
        .await
        .expect_error(404, "not_found");
    meeting.ask_as_guest(None).await.expect_error(404, "not_found");
}
