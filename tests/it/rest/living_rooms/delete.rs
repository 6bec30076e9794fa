//! `DELETE /v1/rooms/{room_id}` while a meeting is running.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Quiet;
use crate::support::{
    meeting::Meeting,
    participant::{Participant, protocols},
    server::Server,
};

on_both_databases!(Quiet:
    everybody_is_told_and_sent_out, nobody_comes_back, the_journal_goes_with_the_room, other_meetings_go_on,
    an_event_takes_its_meeting_along);

async fn everybody_is_told_and_sent_out(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut inside = meeting.joined_guest("Ida").await;
    alice.act("moderation", "enable_waiting_room").await;
    alice.expect("moderation", "waiting_room_enabled").await;
    inside.expect("moderation", "waiting_room_enabled").await;
    let mut waiting = meeting.waiting_guest("Will", &mut alice).await;
    inside.expect_next("moderation", "joined_waiting_room").await;
    let mut accepted = meeting.waiting_guest("Ann", &mut alice).await;
    inside.expect_next("moderation", "joined_waiting_room").await;
    alice.act_on("moderation", "accept", &accepted.id).await;
    accepted.expect_next("moderation", "accepted").await;
    let mut not_joined = meeting.guest().await;
    not_joined.expect_nothing().await;

    meeting.alice.delete(&meeting.path("")).await.expect(204);

    for one in [&mut alice, &mut inside, &mut waiting, &mut accepted] {
        let told = one.expect_next("control", "room_deleted").await;
        assert_eq!(told["payload"], json!({"message": "room_deleted"}));
        one.expect_close(1000).await;
    }
    // Who never joined is no participant, and an event before the join would be unexpected: its client asks `start`
    // again, which tells it.
    not_joined.expect_close(1012).await;
}

async fn nobody_comes_back(server: &Server) {
    let meeting = Meeting::create(server, json!({"password": "secret"})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.guest_with(json!({"password": "secret"})).await;
    guest.join("Gus").await;
    let unredeemed = meeting.started(json!({})).await.expect(200);

    meeting.alice.delete(&meeting.path("")).await.expect(204);

    alice.expect("control", "room_deleted").await;
    for resumption in [None, Some(&alice.resumption)] {
        let refused = meeting.started(json!({"resumption": resumption})).await;
        refused.expect_error(404, "not_found");
    }
    for resumption in [None, Some(&guest.resumption)] {
        let body = json!({"password": "secret", "resumption": resumption});
        meeting.invited(body).await.expect_error(404, "not_found");
    }
    let refused = Participant::upgrade(&server.address(), Some(&protocols(&unredeemed))).await;
    let (status, body) = refused.expect_err("refused");
    assert_eq!((status, &body["code"]), (401, &json!("invalid_ticket")));
}

async fn the_journal_goes_with_the_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    alice.say("on the record").await;
    let journals = || {
        let folder = server.data_dir().join("journal");
        let names = std::fs::read_dir(folder)
            .expect("the folder of the journals")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            });
        names
            .filter(|name| name.contains(&meeting.room) || name.contains(&meeting.room.replace('-', "")))
            .collect::<Vec<_>>()
    };
    assert!(!journals().is_empty(), "the meeting has a journal");

    meeting.alice.delete(&meeting.path("")).await.expect(204);

    let deadline = Instant::now() + Duration::from_secs(20);
    while !journals().is_empty() {
        assert!(Instant::now() < deadline, "still there: {:?}", journals());
        sleep(Duration::from_millis(10)).await;
    }
}

async fn other_meetings_go_on(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let other = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut alice_elsewhere = other.joined_owner().await;
    meeting.alice.delete(&meeting.path("")).await.expect(204);
    alice.expect("control", "room_deleted").await;
    alice_elsewhere.say("undisturbed").await;
    other.joined_guest("Gus").await;
}

async fn an_event_takes_its_meeting_along(server: &Server) {
    let event = json!({
        "title": "Treffen", "description": "", "is_time_independent": true, "show_meeting_details": true,
    });
    let (meeting, event) = Meeting::of_event(server, event).await;
    let mut owner = meeting.owner().await;
    let joined = owner.join("Alice").await;
    assert_eq!(joined["event_info"]["title"], "Treffen");
    assert!(joined["event_info"]["meeting_details"]["invite_code_id"].is_string());
    let mut guest = meeting.guest().await;
    guest.join("Gus").await;
    owner.expect("control", "joined").await;

    let path = format!("/v1/events/{}", event["id"].as_str().expect("an id"));
    meeting.alice.delete(&path).await.expect(204);

    for one in [&mut owner, &mut guest] {
        one.expect_next("control", "room_deleted").await;
        one.expect_close(1000).await;
    }
    meeting.started(json!({})).await.expect_error(404, "not_found");
}
