//! Users who are invited to the event of a room: coming in, being uninvited, being banned.

use serde_json::{Value, json};

use super::Quiet;
use crate::support::{meeting::Meeting, participant::Participant, rest::Rest, server::Server};

on_both_databases!(Quiet:
    an_uninvited_moderator_stays_but_does_not_come_back, a_demoted_moderator_stays_but_comes_back_as_a_user,
    a_banned_invitee_is_out_with_all_sessions);

/// Alice's meeting, and bob, who is invited to it as a moderator over REST.
struct Scene {
    meeting: Meeting,
    bob: Rest,
    /// Of bob's invitation.
    path: String,
}

impl Scene {
    async fn set(server: &Server) -> Self {
        let meeting = Meeting::create(server, json!({})).await;
        let event = server.plant_event(&meeting.room).await;
        let bob = meeting.anyone.log_in("bob").await;
        let id = bob.get("/v1/users/me").await.expect(200)["id"].take();
        let invites = format!("/v1/events/{event}/invites");
        let body = json!({"invitee": id, "role": "moderator"});
        meeting.alice.post(&invites, body).await.expect(201);
        let path = format!("{invites}/{}", id.as_str().expect("an id"));
        Self { meeting, bob, path }
    }

    /// A session of bob's, and what it was told when it joined.
    async fn joined_bob(&self) -> (Participant, Value) {
        let ticket = self.meeting.started_by(&self.bob, json!({})).await.expect(200);
        let mut bob = self.meeting.connect(&ticket).await;
        let joined = bob.join("Bob").await;
        (bob, joined)
    }
}

async fn an_uninvited_moderator_stays_but_does_not_come_back(server: &Server) {
    let scene = Scene::set(server).await;
    let mut alice = scene.meeting.joined_owner().await;
    let (mut bob, joined) = scene.joined_bob().await;
    assert_eq!(joined["role"], "moderator");
    scene.meeting.alice.delete(&scene.path).await.expect(204);
    for body in [json!({}), json!({"resumption": bob.resumption})] {
        let answer = scene.meeting.started_by(&scene.bob, body).await;
        answer.expect_error(404, "not_found");
    }
    // The session goes on, as a moderator's.
    bob.act("chat", "disable_chat").await;
    alice.expect("chat", "chat_disabled").await;
    bob.leave().await;
    alice.leave().await;
}

async fn a_demoted_moderator_stays_but_comes_back_as_a_user(server: &Server) {
    let scene = Scene::set(server).await;
    let mut alice = scene.meeting.joined_owner().await;
    let (mut bob, _) = scene.joined_bob().await;
    let role = json!({"role": "user"});
    scene.meeting.alice.patch(&scene.path, role).await.expect(204);
    bob.act("chat", "disable_chat").await;
    alice.expect("chat", "chat_disabled").await;
    let body = json!({"resumption": bob.resumption});
    bob.leave().await;
    let ticket = scene.meeting.started_by(&scene.bob, body).await.expect(200);
    let mut back = scene.meeting.connect(&ticket).await;
    assert_eq!(back.join("Bob").await["role"], "user");
    back.leave().await;
    alice.leave().await;
}

async fn a_banned_invitee_is_out_with_all_sessions(server: &Server) {
    let scene = Scene::set(server).await;
    let mut alice = scene.meeting.joined_owner().await;
    let (mut one, _) = scene.joined_bob().await;
    let (mut other, _) = scene.joined_bob().await;
    assert_ne!(one.id, other.id);
    alice.act_on("moderation", "ban", &one.id).await;
    for session in [&mut one, &mut other] {
        session.expect("moderation", "banned").await;
        session.expect_close(1000).await;
    }
    for body in [
        json!({}),
        json!({"resumption": one.resumption}),
        json!({"resumption": other.resumption}),
    ] {
        let answer = scene.meeting.started_by(&scene.bob, body).await;
        answer.expect_error(403, "banned_from_room");
    }
    // Nor by a link, as far as they say who they are.
    let link = scene.meeting.path("/start_invited");
    let body = json!({"invite_code": scene.meeting.invite_code});
    let answer = scene.bob.post(&link, body.clone()).await;
    answer.expect_error(403, "banned_from_room");
    scene.meeting.anyone.post(&link, body).await.expect(200);
    // A new invitation does not lift the ban.
    scene.meeting.alice.delete(&scene.path).await.expect(204);
    let answer = scene.meeting.started_by(&scene.bob, json!({})).await;
    answer.expect_error(404, "not_found");
    alice.leave().await;
}
