//! Somebody loses access while the meeting does not listen: between commit and word to the room the process dies, or a start has
//! read its rows already.

use colloquy::store::Db;
use serde_json::json;

use super::{Unlimited, wait_until};
use crate::{databases::Kind, support::meeting::Meeting};

on_both_databases!(Unlimited:
    who_lost_access_unheard_does_not_come_back, who_was_locked_out_unheard_is_no_guest_of_before, guests_who_were_shut_out_unheard_stay_out, who_lost_nothing_comes_back);

async fn who_lost_access_unheard_does_not_come_back(server: &Unlimited) {
    let meeting = Meeting::create(server, json!({})).await;
    let bob = server.anonymous().log_in("bob").await;
    bob.get("/v1/users/me").await.expect(200);
    server
        .invite_to_room(&meeting.room, "bob@example.org", "moderator")
        .await;
    let mut alice = meeting.joined_owner().await;
    let mut moderator = meeting
        .connect(&meeting.started_by(&bob, json!({})).await.expect(200))
        .await;
    assert_eq!(moderator.join("Bob").await["role"], "moderator");
    let guest = meeting.joined_guest("Gina").await;
    alice.events_so_far().await;
    server.kill9();
    server.withdraw_unheard().await;
    server.restart().await;

    let answer = meeting.ask_as_guest(Some(&guest.resumption)).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let body = json!({"resumption": moderator.resumption});
    let ticket = meeting.started_by(&bob, body).await.expect(200);
    assert_eq!(meeting.connect(&ticket).await.join("Bob").await["role"], "user");
    // Whoever kept what she had comes back as the same.
    let mut again = meeting.returning_owner(&alice.resumption).await;
    again.join("Alice").await;
    assert_eq!(again.id, alice.id);
}

async fn who_lost_nothing_comes_back(server: &Unlimited) {
    let (mut meeting, event) = Meeting::of_event(
        server,
        json!({"title": "Talk", "description": "", "is_time_independent": true}),
    )
    .await;
    let invites = format!("/v1/events/{}/invites", event["id"].as_str().expect("an id"));
    let bob = server.anonymous().log_in("bob").await;
    let me = bob.get("/v1/users/me").await.expect(200);
    let invitation = json!({"invitee": me["id"], "role": "moderator"});
    meeting.alice.post(&invites, invitation).await.expect(201);
    let carol = json!({"email": "carol@example.org"});
    meeting.alice.post(&invites, carol).await.expect(201);
    let _alice = meeting.joined_owner().await;
    // By the code of an address that becomes a user's.
    meeting.invite_code = server.code_of_an_address().await;
    let guest = meeting.joined_guest("Gina").await;
    let carol = server.anonymous().log_in("carol").await;
    carol.get("/v1/users/me").await.expect(200);
    // In a tab that was opened after the role was taken away, beside one of before.
    let mut old_tab = meeting
        .connect(&meeting.started_by(&bob, json!({})).await.expect(200))
        .await;
    assert_eq!(old_tab.join("Bob").await["role"], "moderator");
    let invitation = format!("{invites}/{}", me["id"].as_str().expect("an id"));
    let demoted = meeting.alice.patch(&invitation, json!({"role": "user"})).await;
    demoted.expect(204);
    let mut new_tab = meeting
        .connect(&meeting.started_by(&bob, json!({})).await.expect(200))
        .await;
    new_tab.join("Bob").await;
    server.kill9();
    server.restart().await;

    let mut again = meeting.returning_guest(&guest.resumption).await;
    again.join("Gina").await;
    assert_eq!(again.id, guest.id);
    let body = json!({"resumption": new_tab.resumption});
    let ticket = meeting.started_by(&bob, body).await.expect(200);
    let mut again = meeting.connect(&ticket).await;
    assert_eq!(again.join("Bob").await["role"], "user");
    assert_eq!(again.id, new_tab.id);
}

/// Bob came by the link as himself: his token is void, and though the link is good, he waits as a stranger does who was locked out.
async fn who_was_locked_out_unheard_is_no_guest_of_before(server: &Unlimited) {
    let meeting = Meeting::create(server, json!({})).await;
    let _alice = meeting.joined_owner().await;
    let bob = server.anonymous().log_in("bob").await;
    bob.get("/v1/users/me").await.expect(200);
    let mut guest = meeting.connect(&meeting.invited_as(&bob).await).await;
    guest.join("Bob").await;
    server.kill9();
    server.operate(&["users", "disable", "bob@example.org"]);
    server.restart().await;
    let ticket = meeting.ask_as_guest(Some(&guest.resumption)).await.expect(200);
    let mut again = meeting.connect(&ticket).await;
    again
        .send("control", json!({"action": "join", "display_name": "Bob"}))
        .await;
    again.expect("moderation", "in_waiting_room").await;
}

async fn guests_who_were_shut_out_unheard_stay_out(server: &Unlimited) {
    let meeting = Meeting::create(server, json!({})).await;
    let (_alice, [guest]) = meeting.gather(["Gina"]).await;
    assert!(server.terminate().await.success());
    server.shut_guests_out_unheard().await;
    server.restart().await;
    let answer = meeting.ask_as_guest(Some(&guest.resumption)).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}

/// Only PostgreSQL lets somebody be held between two reads.
#[tokio::test]
async fn a_start_that_has_read_an_invite_does_not_come_in_by_it_when_it_is_withdrawn() {
    let server = Unlimited::start(Kind::Postgres).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let db = Db::connect(&server.database(), &server.data_dir()).await;
    let Ok(Db::Postgres(pool)) = db else {
        panic!("no PostgreSQL")
    };
    for is_running in [false, true] {
        // The invite is read without this table, the facts of the meeting with it.
        let mut holding = pool.begin().await.expect("a transaction");
        let lock = sqlx::query("LOCK TABLE sip_configs IN ACCESS EXCLUSIVE MODE");
        lock.execute(&mut *holding).await.expect("the lock");
        let starting = meeting.invited(json!({}));
        let withdrawing = async {
            wait_until("a start that reads the facts", async || {
                let waiting: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sip_configs'::regclass",
                )
                .fetch_one(&*pool)
                .await
                .expect("a number");
                if waiting > 0 { Ok(()) } else { Err(waiting) }
            })
            .await;
            meeting.alice.delete(&meeting.invite_path()).await.expect(204);
            holding.rollback().await.expect("an end");
        };
        let (answer, ()) = tokio::join!(starting, withdrawing);
        assert_eq!(answer.status, 404, "running: {is_running}: {answer:?}");
        server.renew_invites().await;
        drop(meeting.joined_owner().await);
    }
    pool.close().await;
    server.finish().await;
}
