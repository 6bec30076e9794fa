//! Coming, staying and going: join storm, idle, churn.

use serde_json::json;

use super::{
    mock::{Fault, Mock},
    run::{Run, drive},
};

async fn run(fault: Fault, options: &[&str]) -> Run {
    let mock = Mock::start(fault).await;
    let run = drive(&mock, &[options, &["--timeout", "2"]].concat()).await;
    assert_eq!(mock.seen(|seen| (seen.rooms.len(), seen.tickets.len())), (0, 0));
    run
}

const STORM: &[&str] = &[
    "--scenario",
    "join-storm",
    "--rooms",
    "3",
    "--participants",
    "6",
    "--spread",
    "0",
];

#[tokio::test(flavor = "multi_thread")]
async fn everyone_joins_in_a_storm_and_learns_of_everyone() {
    let run = run(Fault::None, STORM).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 18);
    assert!(run.figure("/joins/p50_ms") <= run.figure("/joins/p90_ms"));
    assert!(run.figure("/joins/p99_ms") <= run.figure("/joins/max_ms"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_is_not_announced_is_noticed() {
    let run = run(Fault::HideJoin, STORM).await;
    let expected = json!({"the announcement of somebody's join did not come": 1});
    assert_eq!(run.assert_failed(), &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_join_does_not_hold_up_the_storm() {
    let run = run(Fault::RefuseOne, STORM).await;
    let expected = json!({"POST start_invited: 403 Forbidden banned_from_room": 1});
    assert_eq!(run.assert_failed(), &expected);
    assert_eq!(run.report["joins"]["count"], 17);
}

const IDLE: &[&str] = &["--scenario", "idle", "--rooms", "2", "--duration", "1"];

#[tokio::test(flavor = "multi_thread")]
async fn idle_participants_have_a_heartbeat() {
    let run = run(Fault::None, IDLE).await;
    run.assert_passed();
    // Rooms of five; the second beat would come after twelve seconds.
    assert_eq!(run.report["joins"]["count"], 10);
    assert_eq!(run.report["flows"]["heartbeats"]["count"], 10);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_told_per_participant() {
    let pid = std::process::id().to_string();
    let run = run(Fault::None, &[IDLE, &["--server-pid", &pid]].concat()).await;
    run.assert_passed();
    let growth = run.figure("/server/rss_bytes_after") - run.figure("/server/rss_bytes_before");
    let share = run.figure("/server/rss_bytes_per_participant");
    assert!((share * 10.0 - growth).abs() < 1.0, "{}", run.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_without_answer_is_noticed() {
    let run = run(Fault::SkipEcho, IDLE).await;
    let expected = json!({"the answer to the last heartbeat did not come": 1});
    assert_eq!(run.assert_failed(), &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_with_two_answers_is_noticed() {
    let run = run(Fault::DoubleEcho, IDLE).await;
    assert_eq!(run.assert_failed(), &json!({"heartbeat answered twice": 1}));
}

const CHURN: &[&str] = &[
    "--scenario",
    "churn",
    "--rooms",
    "1",
    "--participants",
    "2",
    "--rate",
    "20",
    "--duration",
    "1",
];

#[tokio::test(flavor = "multi_thread")]
async fn everyone_goes_and_returns_in_every_way() {
    let run = run(Fault::None, &[CHURN, &["--participants", "4"]].concat()).await;
    run.assert_passed();
    let ways = run.report["flows"].as_object().unwrap();
    assert_eq!(ways.len(), 4, "{}", run.report);
    let returns: u64 = ways.values().map(|flow| flow["count"].as_u64().unwrap()).sum();
    // And everyone came for the first time.
    assert_eq!(run.report["joins"]["count"], returns + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_token_is_noticed() {
    let run = run(Fault::ForgetTokens, CHURN).await;
    let resumed = |way: &str| run.report["flows"][way]["count"].as_u64().unwrap();
    let wrong = resumed("closed_and_resumed") + resumed("vanished_and_resumed");
    let expected = json!({"resumed under another id": wrong});
    assert_eq!(run.assert_failed(), &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_somebody_else_had_is_noticed() {
    let run = run(Fault::TakeForAnother, CHURN).await;
    let anew = |way: &str| run.report["flows"][way]["count"].as_u64().unwrap();
    let wrong = anew("closed_and_joined_anew") + anew("vanished_and_joined_anew");
    let expected = json!({"joined anew under the old id": wrong});
    assert_eq!(run.assert_failed(), &expected);
}
