//! Floods: fanout, stall, and the comparison with the baseline.

use serde_json::json;

use super::{
    mock::{Fault, Mock},
    run::{Run, drive},
};

const FANOUT: &[&str] = &[
    "--scenario",
    "fanout",
    "--rooms",
    "2",
    "--participants",
    "4",
    "--senders",
    "2",
    "--rate",
    "50",
    "--duration",
    "1",
    "--timeout",
    "2",
];

async fn fanout(fault: Fault, extra: &[&str]) -> Run {
    let mock = Mock::start(fault).await;
    let run = drive(&mock, &[FANOUT, extra].concat()).await;
    assert_eq!(mock.seen(|seen| (seen.rooms.len(), seen.tickets.len())), (0, 0));
    run
}

fn faults(run: &Run) -> (u64, u64, u64, u64) {
    run.assert_failed();
    (
        run.count("lost"),
        run.count("duplicated"),
        run.count("out_of_order"),
        run.count("unexpected"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_room_is_flooded_beside_small_ones() {
    let extra = [
        "--scenario",
        "neighbours",
        "--large-room",
        "6",
        "--large-rate",
        "100",
    ];
    let run = fanout(Fault::None, &extra).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 14);
    assert!(run.figure("/figures/p99_ratio") > 0.0);
    for flow in [
        "small_rooms_alone",
        "small_rooms_beside_the_large_one",
        "large_room",
    ] {
        assert!(run.figure(&format!("/flows/{flow}/p99_ms")) > 0.0, "{flow}");
    }
    let lost = fanout(Fault::LoseOne, &extra).await;
    assert!(faults(&lost).0 > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_is_counted() {
    let run = fanout(Fault::None, &[]).await;
    run.assert_passed();
    let deliveries = run.count("deliveries_expected");
    assert_eq!(run.report["deliveries"]["count"], deliveries);
    assert!(deliveries > 0 && deliveries.is_multiple_of(4), "{deliveries}");
    assert!(run.figure("/deliveries/p90_ms") > 0.0);
    assert_eq!(run.report["joins"]["count"], 8);
    assert!(run.report.get("server").is_none());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn as_fast_as_possible_costs_cpu_time() {
    // The mock lives in this process.
    let pid = std::process::id().to_string();
    let run = fanout(Fault::None, &["--rate", "max", "--server-pid", &pid]).await;
    run.assert_passed();
    assert_eq!(run.report["parameters"]["rate"], "max");
    let per_second = run.figure("/server/deliveries_per_cpu_second");
    let per_thousand = run.figure("/server/cpu_seconds_per_1000_deliveries");
    assert!(
        (per_second * per_thousand - 1000.0).abs() < 1e-6,
        "{}",
        run.report
    );
    assert!(run.figure("/server/rss_bytes_after") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_is_noticed() {
    assert_eq!(faults(&fanout(Fault::LoseOne, &[]).await), (1, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_message_is_noticed() {
    assert_eq!(faults(&fanout(Fault::DoubleOne, &[]).await), (0, 1, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_out_of_order_is_noticed() {
    let (lost, duplicated, out_of_order, unexpected) = faults(&fanout(Fault::SwapTwo, &[]).await);
    assert_eq!((lost, duplicated, unexpected), (0, 0, 0));
    assert!(out_of_order >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutilated_message_is_noticed() {
    let run = fanout(Fault::CutOne, &[]).await;
    assert_eq!(faults(&run), (4, 0, 0, 0));
    assert_eq!(run.report["errors"], json!({"mutilated message": 4}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_socket_is_noticed() {
    let run = fanout(Fault::CloseOne, &[]).await;
    assert_eq!(run.assert_failed()["socket closed by the server with 1005"], 1);
    assert!(run.count("lost") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_participant_is_noticed_and_the_rest_goes_on() {
    let run = fanout(Fault::RefuseOne, &[]).await;
    assert_eq!(
        run.assert_failed(),
        &json!({"POST start_invited: 403 Forbidden banned_from_room": 1})
    );
    assert_eq!(run.report["joins"]["count"], 7);
    assert_eq!(
        run.report["deliveries"]["count"],
        run.count("deliveries_expected")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_read_are_compared_with_and_without_those_who_do_not() {
    let run = fanout(Fault::None, &["--scenario", "stall", "--participants", "5"]).await;
    run.assert_passed();
    assert_eq!(run.report["parameters"]["stalled_per_room"], 1);
    let with = run.figure("/flows/others_with_stalled/p99_ms");
    let without = run.figure("/flows/others_without_stalled/p99_ms");
    let ratio = run.figure("/figures/p99_ratio");
    assert!((ratio - with / without).abs() < 1e-6, "{}", run.report);
    assert_eq!(
        run.report["deliveries"]["count"],
        run.count("deliveries_expected")
    );
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn baseline_and_server_take_turns() {
    let pid = std::process::id().to_string();
    let options = ["--scenario", "baseline", "--rate", "max", "--pairs", "3"];
    let run = fanout(Fault::None, &[&options[..], &["--server-pid", &pid]].concat()).await;
    run.assert_passed();
    let pairs = run.report["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    let mut ratios: Vec<_> = pairs.iter().map(|pair| pair["ratio"].as_f64().unwrap()).collect();
    ratios.sort_by(f64::total_cmp);
    let median = run.figure("/figures/median_ratio");
    assert!(
        ratios[0] > 0.0 && (median - ratios[1]).abs() < 1e-6,
        "{}",
        run.report
    );
    assert_eq!(run.report["joins"]["count"], 3 * 8);
    assert!(run.figure("/flows/baseline_deliveries/count") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_without_process_is_refused() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, &["--scenario", "baseline"]).await;
    assert_eq!(run.output.status.code(), Some(2));
    assert!(run.text().contains("--server-pid is needed"), "{}", run.text());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_not_there_is_told() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, &[FANOUT, &["--server-pid", "4294967295"]].concat()).await;
    assert_eq!(run.output.status.code(), Some(2));
    assert!(
        run.text().contains("process 4294967295 can't be observed"),
        "{}",
        run.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_can_go_to_the_standard_output() {
    let mock = Mock::start(Fault::None).await;
    // The last of an option counts.
    let run = drive(&mock, &[FANOUT, &["--json", "-"]].concat()).await;
    assert_eq!(run.output.status.code(), Some(0), "{}", run.text());
    let report: serde_json::Value = serde_json::from_slice(&run.output.stdout).unwrap();
    assert_eq!(report["scenario"], "fanout");
    assert!(String::from_utf8_lossy(&run.output.stderr).contains("passed"));
}
