//! Section 1: coming back with a resumption token.

use serde_json::json;

use crate::{
    databases::Kind,
    support::{meeting::Meeting, server::Server},
};

on_both_databases!(Server: back_within_the_grace_time_nobody_notices, a_take_over_closes_the_old_socket, others_can_not_use_a_token);

async fn back_within_the_grace_time_nobody_notices(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let body = json!({"invite_code": meeting.invite_code, "password": "secret"});
    let ticket = server
        .anonymous()
        .post(&meeting.path("/start_invited"), body)
        .await
        .expect(200);
    let mut guest = crate::support::participant::Participant::connect(&server.address(), &ticket).await;
    guest.join("Gus").await;
    alice.expect("control", "joined").await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    // The token replaces the room's password.
    let mut guest = meeting.returning_guest(&token).await;
    let joined = guest.join("Gus").await;
    assert_eq!(joined["id"], *id);
    alice.expect_silence().await;
    guest.say("back").await;
    assert_eq!(alice.expect("chat", "message_sent").await["source"], *id);
}

async fn a_take_over_closes_the_old_socket(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut other = meeting.joined_guest("Other").await;
    let mut second = meeting.returning_owner(&alice.resumption.clone()).await;
    assert_eq!(alice.close_code().await, Some(1000));
    let joined = second.join("Alice").await;
    assert_eq!(joined["id"], *alice.id);
    assert_eq!(joined["role"], "moderator");
    other.expect_silence().await;
}

async fn others_can_not_use_a_token(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let alice = meeting.joined_owner().await;
    let mut guest = meeting.returning_guest(&alice.resumption).await;
    let joined = guest.join("Gus").await;
    assert_ne!(joined["id"], *alice.id, "a new participant, and no error");
    assert_eq!(joined["role"], "guest");
    let elsewhere = Meeting::create(server, json!({})).await;
    let joined = elsewhere
        .returning_owner(&alice.resumption)
        .await
        .join("Alice")
        .await;
    assert_ne!(joined["id"], *alice.id);
}

#[tokio::test]
async fn after_the_grace_time_the_others_see_it_go_and_come() {
    let grace = ("COLLOQUY_SIGNALING__RECONNECT_GRACE_SECS", "1");
    let server = Server::start_with(Kind::Sqlite, &[grace]).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let guest = meeting.joined_guest("Gus").await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.vanish();
    let left = alice.expect("control", "left").await;
    assert_eq!(left, json!({"message": "left", "id": id, "reason": "timeout"}));
    let joined = meeting.returning_guest(&token).await.join("Gus").await;
    assert_eq!(joined["id"], *id);
    assert_eq!(alice.expect("control", "joined").await["id"], *id);
    server.finish().await;
}
