//! Section 11: formal votes, and their reports as the room's assets.

use std::time::Duration;

use colloquy::store::Db;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Quiet;
use crate::{
    recording::{content, listed},
    support::{meeting::Meeting, server::Server},
};

on_both_databases!(Quiet: a_secret_vote_and_its_report, guests_have_nothing_of_votes, what_is_written_down_of_votes);

fn start(allowed: &[&Value]) -> Value {
    json!({
        "action": "start", "kind": "pseudonymous", "name": "Šéf für 2027 <b>", "allowed_participants": allowed,
        "enable_abstain": true, "auto_close": true, "create_pdf": true, "timezone": "Europe/Berlin",
    })
}

async fn a_secret_vote_and_its_report(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["legal_vote"], json!({"votes": []}));
    alice.send("legal_vote", start(&[&joined["id"]])).await;
    let started = alice.expect("legal_vote", "started").await;
    assert_eq!(started["max_votes"], 1);
    let vote = |token: &Value, option: &str| {
        json!({
            "action": "vote", "legal_vote_id": started["legal_vote_id"], "option": option, "token": token,
        })
    };
    alice.send("legal_vote", vote(&json!("11111111111"), "yes")).await;
    let voted = alice.expect_next("legal_vote", "voted").await;
    assert_eq!(voted["payload"]["reason"], "ineligible");
    alice.send("legal_vote", vote(&started["token"], "abstain")).await;
    let voted = alice.expect_next("legal_vote", "voted").await;
    assert_eq!(voted["payload"]["vote_option"], "abstain");
    let stopped = alice.expect_next("legal_vote", "stopped").await["payload"].take();
    let token = started["token"].as_str().expect("a token");
    assert_eq!(
        (&stopped["kind"], &stopped["abstain"], &stopped["voting_record"]),
        (&json!("auto"), &json!(1), &json!({token: "abstain"}))
    );
    let asset = alice.expect("legal_vote", "pdf_asset").await;
    let assets = listed(&meeting).await;
    assert_eq!(
        (
            &assets[0]["id"],
            &assets[0]["filename"],
            &assets[0]["kind"],
            &assets[0]["namespace"]
        ),
        (
            &asset["asset_id"],
            &asset["filename"],
            &json!("vote_protocol"),
            &json!("legal_vote")
        )
    );
    let content = content(&meeting.alice, &meeting, &assets[0]).await;
    assert!(content.starts_with(b"%PDF-"), "{} bytes", content.len());
}

/// All that is written down of votes: who began each, and the minutes.
async fn minutes(server: &Server) -> Vec<(Option<Uuid>, Value)> {
    const SELECT: &str = "SELECT initiator, minutes FROM vote_minutes ORDER BY ended_at";
    let db = Db::connect(&server.database(), &server.data_dir()).await;
    let rows: Result<Vec<(Option<Uuid>, String)>, _> = match db.expect("a database") {
        Db::Sqlite { read, .. } => sqlx::query_as(SELECT).fetch_all(&*read).await,
        Db::Postgres(pool) => sqlx::query_as(SELECT).fetch_all(&*pool).await,
    };
    let rows = rows.expect("rows").into_iter();
    rows.map(|(user, text)| (user, serde_json::from_str(&text).expect("JSON")))
        .collect()
}

async fn minutes_of(server: &Server, count: usize) -> Vec<(Option<Uuid>, Value)> {
    let waiting = async {
        loop {
            let all = minutes(server).await;
            if all.len() == count {
                return all;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.expect("minutes")
}

async fn what_is_written_down_of_votes(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    let me = meeting.alice.get("/v1/users/me").await.expect(200)["id"].clone();
    let me: Uuid = me.as_str().expect("an id").parse().expect("a UUID");
    for kind in ["roll_call", "pseudonymous"] {
        let mut start = start(&[&joined["id"]]);
        (start["kind"], start["create_pdf"]) = (json!(kind), json!(false));
        alice.send("legal_vote", start).await;
        let started = alice.expect("legal_vote", "started").await;
        let vote = json!({
            "action": "vote", "legal_vote_id": started["legal_vote_id"], "option": "no", "token": started["token"],
        });
        alice.send("legal_vote", vote).await;
        alice.expect("legal_vote", "stopped").await;
    }
    let [open, secret] = &minutes_of(server, 2).await[..] else {
        panic!("two votes");
    };
    for ((initiator, minutes), name) in [(open, Some("Alice")), (secret, None)] {
        assert_eq!((*initiator, &minutes["version"]), (Some(me), &json!(1)));
        let entries = minutes["entries"].as_array().expect("entries");
        let events: Vec<_> = entries.iter().map(|entry| &entry["event"]["event"]).collect();
        assert_eq!(events, ["start", "vote", "stop", "final_results"], "{minutes}");
        let vote = &entries[1];
        assert_eq!(vote["event"]["option"], "no");
        // Of a secret vote neither who nor when.
        assert_eq!(vote["event"]["name"].as_str(), name, "{minutes}");
        assert_eq!(vote.get("timestamp").is_some(), name.is_some(), "{minutes}");
        assert_eq!(entries[3]["event"]["no"], 1);
    }
    alice.leave().await;
    meeting.alice.delete(&meeting.path("")).await.expect(204);
    assert_eq!(minutes(server).await, []);
}

async fn guests_have_nothing_of_votes(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, mut gus) = (meeting.owner().await, meeting.guest().await);
    let (owner, guest) = (alice.join("Alice").await, gus.join("Gus").await);
    assert_eq!(guest.get("legal_vote"), None);
    assert_eq!(guest["tariff"]["modules"].get("legal_vote"), None);
    assert_eq!(owner["tariff"]["modules"]["legal_vote"], json!({"features": []}));
    gus.act("legal_vote", "stop").await;
    gus.expect_error("control", "invalid_namespace").await;
    alice
        .send("legal_vote", start(&[&owner["id"], &guest["id"]]))
        .await;
    let refused = alice.expect("legal_vote", "error").await;
    assert_eq!(
        refused,
        json!({"message": "error", "error": "allowlist_contains_guests", "guests": [guest["id"]]})
    );
    alice.send("legal_vote", start(&[])).await;
    alice.expect_error("control", "invalid_json").await;
    alice.send("legal_vote", start(&[&owner["id"]])).await;
    alice.expect("legal_vote", "started").await;
    gus.expect_silence().await;
}
