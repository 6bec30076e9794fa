//! `guest_access` of a room while people are in it.

use serde_json::json;

use super::{Quiet, strangers::Others};
use crate::support::{meeting::Meeting, server::Server};

on_both_databases!(Quiet:
    guests_are_shut_out_of_a_living_room, newcomers_wait_from_now_on, an_event_tells_its_living_room,
    a_meeting_begins_with_what_the_room_says, tokens_that_outlive_a_participation_are_void,
    somebody_who_signed_in_is_a_guest_too);

async fn set(meeting: &Meeting, access: &str) {
    let body = json!({"guest_access": access});
    meeting.alice.patch(&meeting.path(""), body).await.expect(200);
}

async fn guests_are_shut_out_of_a_living_room(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let others = Others::of(server, &meeting).await;
    let (alice, [mut bob, lost]) = meeting.gather(["Bob", "Lou"]).await;
    let (token, mut unjoined) = (lost.resumption.clone(), meeting.guest().await);
    lost.vanish();
    let ticket = meeting.invited(json!({})).await.expect(200);
    bob.events_so_far().await;
    set(&meeting, "disabled").await;
    // Whoever has not joined yet comes back, and is told then.
    unjoined.expect_close(1012).await;
    meeting.connect(&ticket).await.expect_close(1012).await;
    for resumption in [
        None,
        Some(&*token),
        Some(&*bob.resumption),
        Some(&*unjoined.resumption),
    ] {
        let answer = meeting.ask_as_guest(resumption).await;
        answer.expect_error(403, "forbidden");
    }
    bob.say("I stay").await;
    for answer in others.come_in(&meeting).await {
        answer.expect(200);
    }
    let owner = json!({"resumption": alice.resumption});
    meeting.started(owner).await.expect(200);
    set(&meeting, "direct_access").await;
    meeting.joined_guest("Gwen").await.say("Links open again").await;
}

async fn newcomers_wait_from_now_on(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let others = Others::of(server, &meeting).await;
    let (mut alice, [bob]) = meeting.gather(["Bob"]).await;
    set(&meeting, "waiting_room").await;
    let mut gwen = meeting.waiting_guest("Gwen", &mut alice).await;
    // Nobody else waits.
    let [call, _, carol] = others.come_in(&meeting).await;
    for (answer, name) in [(call, "+49301234567"), (carol, "Carol")] {
        meeting.connect(&answer.expect(200)).await.join(name).await;
    }
    // Who was inside comes back as before, by its token.
    let token = bob.resumption.clone();
    bob.leave().await;
    meeting.returning_guest(&token).await.join("Bob").await;
    alice.act_on("moderation", "accept", &gwen.id).await;
    gwen.expect("moderation", "accepted").await;
    gwen.enter_room().await;
    let mut henry = meeting.waiting_guest("Henry", &mut alice).await;
    set(&meeting, "direct_access").await;
    henry.expect("moderation", "accepted").await;
    henry.enter_room().await;
    meeting.joined_guest("Iris").await;
}

async fn an_event_tells_its_living_room(server: &Server) {
    let body = json!({"title": "Kaffee", "description": "", "is_time_independent": true});
    let (meeting, event) = Meeting::of_event(server, body).await;
    let path = format!("/v1/events/{}", event["id"].as_str().expect("an id"));
    let mut alice = meeting.joined_owner().await;
    let set = async |access: &str| {
        let body = json!({"guest_access": access});
        meeting.alice.patch(&path, body).await.expect(200);
    };
    set("waiting_room").await;
    let gwen = meeting.waiting_guest("Gwen", &mut alice).await;
    set("disabled").await;
    meeting
        .ask_as_guest(Some(&gwen.resumption))
        .await
        .expect_error(403, "forbidden");
    set("direct_access").await;
    meeting.joined_guest("Henry").await;
}

async fn a_meeting_begins_with_what_the_room_says(server: &Server) {
    let meeting = Meeting::create(server, json!({"guest_access": "waiting_room"})).await;
    let mut bob = meeting.guest().await;
    bob.ask_to_join("Bob").await;
    bob.expect("moderation", "in_waiting_room").await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["moderation"]["waiting_room_enabled"], false);
    let waiting = alice.expect("moderation", "joined_waiting_room").await;
    alice
        .act_on("moderation", "accept", waiting["id"].as_str().expect("an id"))
        .await;
    bob.expect("moderation", "accepted").await;
    bob.enter_room().await;
}

async fn somebody_who_signed_in_is_a_guest_too(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let bob = meeting.anyone.log_in("bob").await;
    bob.get("/v1/users/me").await.expect(200);
    let guest = meeting.joined_guest("Bob").await;
    let token = json!({"resumption": guest.resumption});
    let started = meeting.started_by(&bob, token).await.expect(200);
    set(&meeting, "disabled").await;
    for token in [&json!(guest.resumption), &started["resumption"]] {
        let answer = meeting.started_by(&bob, json!({"resumption": token})).await;
        answer.expect_error(404, "not_found");
    }
}

async fn tokens_that_outlive_a_participation_are_void(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let guest = meeting.joined_guest("Gus").await;
    let (id, token) = (guest.id.clone(), guest.resumption.clone());
    guest.leave().await;
    set(&meeting, "disabled").await;
    meeting
        .ask_as_guest(Some(&token))
        .await
        .expect_error(403, "forbidden");
    // Also when links open again: whoever comes is somebody new.
    set(&meeting, "direct_access").await;
    let mut back = meeting.returning_guest(&token).await;
    back.join("Gus").await;
    assert_ne!(back.id, id);
}

/// Meetings are dropped soon; tokens live on.
mod short_meetings {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::{Instant, sleep};

    use crate::support::{
        meeting::Meeting,
        quiet::{QuietWith, Settings},
        server::Server,
    };

    on_both_databases!(Hasty: a_token_of_a_dropped_meeting_opens_nothing_where_guests_are_out);

    pub struct ShortGrace;

    impl Settings for ShortGrace {
        const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[("COLLOQUY_ROOMS__GRACE_SECS", "1")];
    }

    type Hasty = QuietWith<ShortGrace>;

    /// For the second until the meeting is dropped, on a busy machine.
    const DEADLINE: Duration = Duration::from_secs(30);

    async fn a_token_of_a_dropped_meeting_opens_nothing_where_guests_are_out(server: &Server) {
        let meeting = Meeting::create(server, json!({})).await;
        let guest = meeting.joined_guest("Gus").await;
        let token = guest.resumption.clone();
        let bob = meeting.anyone.log_in("bob").await;
        bob.get("/v1/users/me").await.expect(200);
        let edit = [
            "tariffs",
            "edit",
            "Default",
            "--disable-feature",
            "guests_allowed",
        ];
        let output = server.invoke(&edit);
        assert!(output.status.success(), "{output:?}");
        guest.leave().await;
        let deadline = Instant::now() + DEADLINE;
        // While the meeting is there, its token is good.
        loop {
            let answer = meeting.ask_as_guest(Some(&token)).await;
            if answer.status == 403 {
                answer.expect_error(403, "forbidden");
                break;
            }
            assert!(
                answer.status == 200 && Instant::now() < deadline,
                "{}",
                answer.status
            );
            sleep(Duration::from_millis(50)).await;
        }
        // Nor for somebody who signed in since.
        let token = json!({"resumption": token});
        meeting
            .started_by(&bob, token)
            .await
            .expect_error(403, "forbidden");
    }
}

/// A server whose operator wants no guests.
mod no_guests {
    use serde_json::json;

    use crate::support::{
        meeting::Meeting,
        quiet::{QuietWith, Settings},
        server::Server,
    };

    on_both_databases!(Closed: no_link_opens_anything);

    pub struct NoGuests;

    impl Settings for NoGuests {
        const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[("COLLOQUY_GUESTS__ALLOWED", "false")];
    }

    type Closed = QuietWith<NoGuests>;

    async fn no_link_opens_anything(server: &Server) {
        let meeting = Meeting::create(server, json!({"guest_access": "direct_access"})).await;
        let mut alice = meeting.joined_owner().await;
        for resumption in [None, Some("x")] {
            let answer = meeting.ask_as_guest(resumption).await;
            answer.expect_error(403, "forbidden");
        }
        let code = json!({"invite_code": meeting.invite_code});
        let answer = meeting.anyone.post("/v1/invite/verify", code).await;
        answer.expect_error(404, "not_found");
        // Users come and go as ever.
        alice.say("Nobody else").await;
        let owner = json!({"resumption": alice.resumption});
        meeting.started(owner).await.expect(200);
    }
}
