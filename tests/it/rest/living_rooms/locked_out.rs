//! `colloquy users disable` beside a running server: the account is out at once, everywhere, and stays out.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Quiet, strangers::Others};
use crate::support::{
    meeting::Meeting,
    participant::{Participant, protocols},
    rest::{Answer, Rest},
    server::Server,
};

on_both_databases!(Quiet:
    whoever_is_locked_out_is_out_everywhere, rooms_of_somebody_locked_out_take_nobody_new,
    a_restart_forgets_nothing_and_all_is_good_again);

/// Until a running server has followed the command: it promises ten seconds, a loaded machine may need more.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const ALICE: &str = "alice@example.org";

fn command(server: &Server, what: &str) {
    let output = server.invoke(&["users", what, ALICE]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "users {what}: {told}");
}

/// Asks until the status is this one.
async fn until(status: u16, ask: impl AsyncFn() -> Answer) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer.json;
        }
        assert!(
            Instant::now() < deadline,
            "still {} {}",
            answer.status,
            answer.json
        );
        sleep(LOOK_INTERVAL).await;
    }
}

/// A room of Bob's to which Alice is invited as a user, and Bob in it.
struct OthersRoom {
    path: String,
    bob: Rest,
    inside: Participant,
}

impl OthersRoom {
    async fn open(server: &Server, alice: &Rest) -> Self {
        let bob = server.anonymous().log_in("bob").await;
        let room = bob.post("/v1/rooms", json!({})).await.expect(201);
        let id = room["id"].as_str().expect("an id");
        alice.get("/v1/users/me").await.expect(200);
        server.invite_to_room(id, ALICE, "user").await;
        let path = format!("/v1/rooms/{id}/start");
        let mut inside = enter(server, &bob, &path).await;
        inside.join("Bob").await;
        Self { path, bob, inside }
    }
}

/// A connection, not yet joined.
async fn enter(server: &Server, who: &Rest, path: &str) -> Participant {
    let ticket = who.post(path, json!({})).await.expect(200);
    Participant::connect(&server.address(), &ticket).await
}

async fn is_sent_out(participant: &mut Participant) {
    participant.expect_within(DEADLINE, "moderation", "kicked").await;
    participant.expect_close(1000).await;
}

async fn refused(who: &Rest, path: &str, body: Value) {
    who.post(path, body).await.expect_error(403, "forbidden");
}

async fn whoever_is_locked_out_is_out_everywhere(server: &Server) {
    let own = Meeting::create(server, json!({})).await;
    let alice = &own.alice;
    let mut others = OthersRoom::open(server, alice).await;
    let feed = alice
        .post("/v1/users/me/calendar_feed", json!({}))
        .await
        .expect(201);
    let feed = feed["path"].as_str().expect("a path");
    own.anyone.get(feed).await;
    // One session inside, one that waits, one that did not join, and one in a room of her own; a ticket in the hand.
    let mut inside = enter(server, alice, &others.path).await;
    inside.join("Alice").await;
    others.inside.act("moderation", "enable_waiting_room").await;
    let mut waiting = enter(server, alice, &others.path).await;
    waiting.wait_outside("Alice", &mut others.inside).await;
    let mut unjoined = enter(server, alice, &others.path).await;
    let mut at_home = own.joined_owner().await;
    let ticket = alice.post(&others.path, json!({})).await.expect(200);
    others.inside.events_so_far().await;

    command(server, "disable");
    for session in [&mut inside, &mut waiting, &mut unjoined, &mut at_home] {
        is_sent_out(session).await;
    }
    let heard = others.inside.events_so_far().await;
    let mut heard: Vec<_> = heard.iter().map(|frame| &frame["payload"]).collect();
    // In the order of their ids.
    heard.sort_by_key(|payload| payload["message"].to_string().len());
    let expected = json!([
        {"message": "left", "id": inside.id, "reason": "kicked"},
        {"message": "left_waiting_room", "id": waiting.id},
    ]);
    assert_eq!(json!(heard), expected);
    // Her token is valid, and a new one would not help her.
    alice.get("/v1/users/me").await.expect_error(403, "forbidden");
    alice.get("/v1/turn").await.expect_error(403, "forbidden");
    let own_path = own.path("/start");
    for (path, tokens) in [
        (
            &others.path,
            vec![&inside.resumption, &waiting.resumption, &unjoined.resumption],
        ),
        (&own_path, vec![&at_home.resumption]),
    ] {
        refused(alice, path, json!({})).await;
        for token in tokens {
            refused(alice, path, json!({"resumption": token})).await;
        }
    }
    let upgrade = Participant::upgrade(&server.address(), Some(&protocols(&ticket))).await;
    let (status, body) = upgrade.expect_err("a refusal");
    assert_eq!((status, &body["code"]), (401, &json!("invalid_ticket")));
    own.anyone.get(feed).await.expect_error(404, "not_found");
    // The others do not notice anything else.
    others.inside.say("Is she gone?").await;
    let again = json!({"resumption": others.inside.resumption});
    others.bob.post(&others.path, again).await.expect(200);
}

/// Everything that lets somebody new into a room, or says beforehand whether it would.
struct Ways {
    meeting: Meeting,
    others: Others,
    guest: Participant,
}

impl Ways {
    async fn open(server: &Server) -> Self {
        let meeting = Meeting::create(server, json!({})).await;
        Self {
            others: Others::of(server, &meeting).await,
            guest: meeting.joined_guest("Gus").await,
            meeting,
        }
    }

    /// The answers, each with the status that it has while the owner may do what owners do, and while not.
    async fn tried(&self) -> Vec<(Answer, u16, u16)> {
        let (meeting, resumption) = (&self.meeting, &self.guest.resumption);
        let code = meeting.invite_code.clone();
        let guest = meeting.anyone.with_authorization(&format!("InviteCode {code}"));
        let mut tried = vec![
            (meeting.invited(json!({})).await, 200, 403),
            (meeting.ask_as_guest(Some(resumption)).await, 200, 403),
            (guest.get(&meeting.path("/event")).await, 200, 403),
            (guest.get(&meeting.path("/tariff")).await, 200, 403),
            (guest.get("/v1/turn").await, 204, 403),
            (
                meeting
                    .anyone
                    .post("/v1/invite/verify", json!({"invite_code": code}))
                    .await,
                201,
                404,
            ),
        ];
        let others = self.others.come_in(meeting).await;
        tried.extend(others.map(|answer| (answer, 200, 403)));
        tried
    }

    async fn are_open(&self) {
        for (answer, status, _) in self.tried().await {
            answer.expect(status);
        }
    }

    async fn are_shut(&self) {
        for (answer, _, status) in self.tried().await {
            let code = if status == 403 { "forbidden" } else { "not_found" };
            answer.expect_error(status, code);
        }
    }
}

async fn rooms_of_somebody_locked_out_take_nobody_new(server: &Server) {
    let mut ways = Ways::open(server).await;
    ways.are_open().await;
    let mut owner = ways.meeting.joined_owner().await;
    let ticket = ways.meeting.invited(json!({})).await.expect(200);
    ways.guest.events_so_far().await;
    command(server, "disable");
    is_sent_out(&mut owner).await;
    ways.are_shut().await;
    let upgrade = Participant::upgrade(&server.address(), Some(&protocols(&ticket))).await;
    assert_eq!(upgrade.expect_err("a refusal").0, 401);
    // Whoever is inside stays.
    let left = ways.guest.expect_next("control", "left").await;
    assert_eq!(left["payload"]["reason"], "kicked");
    ways.guest.say("Where is our host?").await;
}

async fn a_restart_forgets_nothing_and_all_is_good_again(server: &Server) {
    let ways = Ways::open(server).await;
    let owner = ways.meeting.joined_owner().await;
    let token = json!({"resumption": owner.resumption});
    // The running server hears nothing of it: the next one must know it from its beginning.
    assert!(server.terminate().await.success());
    command(server, "disable");
    server.restart().await;
    ways.are_shut().await;
    let alice = &ways.meeting.alice;
    alice.get("/v1/users/me").await.expect_error(403, "forbidden");
    refused(alice, &ways.meeting.path("/start"), token).await;

    command(server, "enable");
    until(200, || alice.get("/v1/users/me")).await;
    until(200, || ways.meeting.started(json!({}))).await;
    ways.are_open().await;
    ways.meeting.joined_owner().await.say("Here I am again.").await;
}
