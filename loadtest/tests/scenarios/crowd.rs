//! Many behind one address: class and restart.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{
    mock::{Fault, Mock},
    run::{Run, drive},
};

const CLASS: &[&str] = &[
    "--scenario",
    "class",
    "--participants",
    "8",
    "--spread",
    "0",
    "--retry",
    "1",
    "--timeout",
    "5",
];

const COMPANY: &[&str] = &[
    "--scenario",
    "restart",
    "--rooms",
    "2",
    "--participants",
    "4",
    "--retry",
    "1",
    "--timeout",
    "5",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_class_comes_in_from_one_address() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, CLASS).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 8);
    assert!(run.figure("/figures/all_in_after_secs") > 0.0);
    assert_eq!(run.report["figures"]["answers_429"], json!(0.0));
    assert_eq!(run.report["parameters"]["forwarded_for"], "198.18.0.1");
    let addresses = mock.seen(|seen| seen.addresses.clone());
    assert_eq!(addresses.into_iter().collect::<Vec<_>>(), ["198.18.0.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_have_an_address() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, &[CLASS, &["--forwarded-for", "each"]].concat()).await;
    run.assert_passed();
    assert_eq!(mock.seen(|seen| seen.addresses.len()), 8);
    // The three accounts come before the participants.
    assert!(mock.seen(|seen| seen.addresses.contains("198.18.0.4")));

    let mock = Mock::start(Fault::None).await;
    drive(&mock, &[CLASS, &["--forwarded-for", "none"]].concat())
        .await
        .assert_passed();
    assert_eq!(mock.seen(|seen| seen.addresses.len()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_tries_again_and_what_it_met_is_counted() {
    let mock = Mock::start(Fault::BeBusy).await;
    let run = drive(&mock, CLASS).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 8);
    for (name, count) in [
        ("answers_429", 3.0),
        ("answers_503", 1.0),
        ("sockets_refused", 1.0),
    ] {
        assert_eq!(run.report["figures"][name], json!(count), "{name}");
    }
    // Those who tried again have waited.
    assert!(run.figure("/figures/all_in_after_secs") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_never_let_in_is_noticed() {
    let mock = Mock::start(Fault::AdmitFew).await;
    let run = drive(&mock, &[CLASS, &["--deadline", "3"]].concat()).await;
    assert_eq!(run.assert_failed(), &json!({"not inside in time": 4}));
    assert_eq!(run.report["joins"]["count"], 4);
    assert!(run.report["figures"].get("all_in_after_secs").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_for_good_does_not_try_again() {
    let mock = Mock::start(Fault::RefuseOne).await;
    let run = drive(&mock, CLASS).await;
    let expected = json!({"POST start_invited: 403 Forbidden banned_from_room": 1});
    assert_eq!(run.assert_failed(), &expected);
    assert_eq!(mock.seen(|seen| seen.guests), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_believes_no_address_is_told() {
    let mock = Mock::start(Fault::DistrustProxies).await;
    let run = drive(&mock, CLASS).await;
    assert_eq!(run.output.status.code(), Some(2));
    assert!(run.text().contains("http.trusted_proxies"), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_may_be_named() {
    let mock = Mock::start(Fault::None).await;
    let issuer = format!("http://{}/issuer", mock.address);
    drive(&mock, &[CLASS, &["--issuer", &issuer]].concat())
        .await
        .assert_passed();
    let run = drive(
        &mock,
        &[CLASS, &["--issuer", "http://127.0.0.1:1/nobody"]].concat(),
    )
    .await;
    assert_eq!(run.output.status.code(), Some(2));
    assert!(run.text().contains("GET openid-configuration"), "{}", run.text());
}

/// Runs a company at a server that sends everybody away once all are inside.
async fn company(fault: Fault) -> (Arc<Mock>, Run) {
    let mock = Mock::start(fault).await;
    let restart = async {
        let inside = || {
            let rooms = mock.seen(|seen| seen.rooms.values().cloned().collect::<Vec<_>>());
            rooms
                .iter()
                .map(|room| room.lock().unwrap().inside())
                .sum::<usize>()
        };
        let everybody = async {
            while inside() < 8 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), everybody)
            .await
            .expect("everybody is inside");
        mock.close_all();
    };
    let (run, ()) = tokio::join!(drive(&mock, COMPANY), restart);
    (mock, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_comes_back_by_its_tokens() {
    let (mock, run) = company(Fault::None).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 8);
    assert_eq!(run.report["flows"]["returns"]["count"], 8);
    // As long as the pause before the first attempt at least.
    assert!(run.figure("/figures/all_back_after_secs") >= 1.0);
    assert_eq!(mock.seen(|seen| seen.resumed), 8);
    assert_eq!(run.report["figures"]["coming_answers_429"], json!(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_as_somebody_else_is_noticed() {
    let (_, run) = company(Fault::ForgetTokens).await;
    assert_eq!(run.assert_failed(), &json!({"came back under another id": 8}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_ends_the_run() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, &[COMPANY, &["--restart-command", "exit 3"]].concat()).await;
    assert_eq!(run.assert_failed(), &json!({"the restart command failed": 1}));
    assert_eq!(mock.seen(|seen| (seen.rooms.len(), seen.deleted)), (0, 2));
}
