//! Section 11: formal votes, and their reports as the room's assets.

use serde_json::{Value, json};

use super::Quiet;
use crate::{
    recording::{content, listed},
    support::{meeting::Meeting, server::Server},
};

on_both_databases!(Quiet: a_secret_vote_and_its_report, guests_have_nothing_of_votes);

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
    let started = alice.expect("legal_vote", "started").await["payload"].take();
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
    let asset = alice.expect("legal_vote", "pdf_asset").await["payload"].take();
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
        refused["payload"],
        json!({"message": "error", "error": "allowlist_contains_guests", "guests": [guest["id"]]})
    );
    alice.send("legal_vote", start(&[])).await;
    alice.expect_error("control", "invalid_json").await;
    alice.send("legal_vote", start(&[&owner["id"]])).await;
    alice.expect("legal_vote", "started").await;
    gus.expect_silence().await;
}
