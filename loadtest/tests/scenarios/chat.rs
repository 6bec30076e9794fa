//! The chat: passes when all is well, and notices every kind of fault.

use std::{
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::Value;

use super::{
    mock::{Fault, Mock},
    run::{Run, command, drive},
};

const OPTIONS: &[&str] = &[
    "--rooms",
    "3",
    "--participants",
    "4",
    "--messages",
    "5",
    "--rate",
    "200",
    "--timeout",
    "2",
];

async fn run(mock: &Arc<Mock>, extra: &[&str]) -> Run {
    drive(mock, &[OPTIONS, extra].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_fault_passes() {
    let mock = Mock::start(Fault::None).await;
    let run = run(&mock, &[]).await;
    assert_eq!(run.output.status.code(), Some(0), "{}", run.text());
    assert_eq!(run.report["passed"], true);
    assert_eq!(run.report["joins"]["count"], 12);
    assert_eq!(run.count("deliveries_expected"), 3 * 4 * 5 * 4);
    assert_eq!(run.report["deliveries"]["count"], 3 * 4 * 5 * 4);
    for figure in ["per_second", "p50_ms", "p95_ms", "p99_ms"] {
        assert!(
            run.report["joins"][figure].as_f64().unwrap() > 0.0,
            "{figure}: {}",
            run.report
        );
        assert!(
            run.report["deliveries"][figure].as_f64().unwrap() > 0.0,
            "{figure}: {}",
            run.report
        );
    }
    // One token per owner, the rooms are gone, three rooms have nine guests.
    mock.seen(|seen| {
        assert_eq!((seen.token_requests, seen.deleted, seen.guests), (3, 3, 9));
        assert!(seen.rooms.is_empty() && seen.tickets.is_empty());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_kept_on_request() {
    let mock = Mock::start(Fault::None).await;
    assert_eq!(run(&mock, &["--keep"]).await.output.status.code(), Some(0));
    assert_eq!(mock.seen(|seen| (seen.rooms.len(), seen.deleted)), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_alone_without_messages_is_a_run() {
    let mock = Mock::start(Fault::None).await;
    let run = run(&mock, &["--participants", "1", "--messages", "0"]).await;
    assert_eq!(run.output.status.code(), Some(0), "{}", run.text());
    assert_eq!(run.count("deliveries_expected"), 0);
}

/// Runs with a fault; answers lost, duplicated, out of order, and the errors.
async fn faulty(fault: Fault) -> ((u64, u64, u64), Value) {
    let mock = Mock::start(fault).await;
    let run = run(&mock, &[]).await;
    assert_eq!(run.output.status.code(), Some(1), "{}", run.text());
    assert_eq!(run.report["passed"], false);
    assert_eq!(mock.seen(|seen| seen.deleted), 3, "{}", run.text());
    let counts = (
        run.count("lost"),
        run.count("duplicated"),
        run.count("out_of_order"),
    );
    (counts, run.report["errors"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_is_noticed() {
    assert_eq!(faulty(Fault::LoseOne).await, ((1, 0, 0), serde_json::json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_message_is_noticed() {
    let (counts, errors) = faulty(Fault::DoubleOne).await;
    assert_eq!(counts, (0, 1, 0));
    assert_eq!(errors, serde_json::json!({"event number did not rise": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_out_of_order_is_noticed() {
    let ((lost, duplicated, out_of_order), _) = faulty(Fault::SwapTwo).await;
    assert_eq!((lost, duplicated), (0, 0));
    assert!(out_of_order >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_participant_is_noticed_and_the_rest_goes_on() {
    let (counts, errors) = faulty(Fault::RefuseOne).await;
    assert_eq!(counts, (0, 0, 0));
    assert_eq!(
        errors,
        serde_json::json!({"POST start_invited: 403 Forbidden banned_from_room": 1})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_socket_is_noticed() {
    let ((lost, duplicated, _), errors) = faulty(Fault::CloseOne).await;
    assert!(lost >= 1);
    assert_eq!(duplicated, 0);
    assert_eq!(errors["socket closed by the server with 1005"], 1, "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutilated_message_is_noticed() {
    let (counts, errors) = faulty(Fault::CutOne).await;
    assert_eq!(counts, (4, 0, 0));
    assert_eq!(errors["mutilated message"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_number_that_goes_back_is_noticed() {
    let (counts, errors) = faulty(Fault::NumberBack).await;
    assert_eq!(counts, (0, 0, 0));
    assert_eq!(errors["event number did not rise"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_begin_says_why() {
    let mock = Mock::start(Fault::RefuseRooms).await;
    let run = run(&mock, &[]).await;
    assert_eq!(run.output.status.code(), Some(2));
    assert!(
        run.text()
            .contains("POST rooms: 503 Service Unavailable service_unavailable"),
        "{}",
        run.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told() {
    let mock = Mock::start(Fault::None).await;
    let run = run(&mock, &["--account", "alice:wrong"]).await;
    assert_eq!(run.output.status.code(), Some(2));
    assert!(run.text().contains("POST token: 400"), "{}", run.text());
}

/// Ctrl-C in the middle of a run deletes the rooms that it made.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_cleans_up() {
    let mock = Mock::start(Fault::None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(
        &mock,
        &folder.path().join("report.json"),
        &[OPTIONS, &["--messages", "100000"]].concat(),
    );
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let everyone_joined = async {
        while mock.seen(|seen| seen.guests < 9 || !seen.tickets.is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), everyone_joined)
        .await
        .expect("everyone joins");
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(mock.seen(|seen| (seen.rooms.len(), seen.deleted)), (0, 3));
}
