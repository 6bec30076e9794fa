//! What goes on in rooms: breakout rooms, the waiting room, a talking stick.

use serde_json::json;

use super::{
    mock::{Fault, Mock},
    run::{Run, drive},
};

const BREAKOUT: &[&str] = &[
    "--scenario",
    "breakout",
    "--rooms",
    "2",
    "--participants",
    "5",
    "--messages",
    "3",
    "--rate",
    "100",
    "--timeout",
    "2",
];

async fn run(fault: Fault, options: &[&str]) -> Run {
    let mock = Mock::start(fault).await;
    let run = drive(&mock, options).await;
    assert_eq!(mock.seen(|seen| seen.rooms.len()), 0);
    // A run that breaks off may leave a ticket that nobody redeems any more.
    if run.output.status.success() {
        assert_eq!(mock.seen(|seen| seen.tickets.len()), 0);
    }
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_moves_apart_talks_and_comes_back() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, BREAKOUT).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 2 * 5 * 3);
    assert_eq!(run.report["flows"]["moves"]["count"], 2 * 5 * 2);
    assert_eq!(mock.seen(|seen| seen.resumed), 2 * 5 * 2);
    // Three messages each among three and among two, then one message each among all.
    assert_eq!(run.count("deliveries_expected"), 2 * (3 * 9 + 3 * 4 + 25));
    assert_eq!(run.report["deliveries"]["count"], 2 * (3 * 9 + 3 * 4 + 25));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_heard_in_another_breakout_room_is_noticed() {
    let run = run(Fault::LeakOne, BREAKOUT).await;
    assert_eq!(run.assert_failed(), &json!({}));
    assert_eq!((run.count("unexpected"), run.count("lost")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_is_noticed() {
    let run = run(Fault::LoseOne, BREAKOUT).await;
    assert_eq!(run.assert_failed(), &json!({}));
    assert_eq!((run.count("unexpected"), run.count("lost")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_assignment_is_noticed() {
    let run = run(Fault::MixAssignments, BREAKOUT).await;
    assert_eq!(run.assert_failed()["assigned to another breakout room"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_under_another_id_is_noticed() {
    let run = run(Fault::ForgetTokens, BREAKOUT).await;
    assert_eq!(run.assert_failed(), &json!({"moved under another id": 2 * 5 * 2}));
}

const WAITING: &[&str] = &[
    "--scenario",
    "waiting-room",
    "--rooms",
    "2",
    "--participants",
    "4",
    "--rate",
    "50",
    "--timeout",
    "2",
];

#[tokio::test(flavor = "multi_thread")]
async fn everyone_waits_and_is_let_in() {
    let run = run(Fault::None, WAITING).await;
    run.assert_passed();
    assert_eq!(run.report["joins"]["count"], 8);
    assert_eq!(run.report["flows"]["arrivals_in_waiting_room"]["count"], 6);
    assert_eq!(run.report["flows"]["entrances_after_acceptance"]["count"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_without_acceptance_is_noticed() {
    let run = run(Fault::LetOneIn, WAITING).await;
    let expected = json!({"join refused: let in without acceptance": 1});
    assert_eq!(run.assert_failed(), &expected);
}

const VOTE: &[&str] = &[
    "--scenario",
    "vote",
    "--rooms",
    "2",
    "--participants",
    "3",
    "--spread",
    "1",
    "--timeout",
    "2",
];

#[tokio::test(flavor = "multi_thread")]
async fn everyone_votes() {
    let run = run(Fault::None, VOTE).await;
    run.assert_passed();
    assert_eq!(run.count("deliveries_expected"), 2 * 3);
    assert_eq!(run.report["deliveries"]["count"], 2 * 3);
    assert_eq!(run.report["figures"]["updates_per_second_max"], 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_that_is_not_counted_is_noticed() {
    let run = run(Fault::LoseOne, VOTE).await;
    assert_eq!(run.assert_failed()["not every vote was counted once"], 3);
}

const AUTOMOD: &[&str] = &[
    "--scenario",
    "automod",
    "--rooms",
    "2",
    "--participants",
    "5",
    "--timeout",
    "2",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_talking_stick_goes_round() {
    let run = run(Fault::None, AUTOMOD).await;
    run.assert_passed();
    assert_eq!(run.count("deliveries_expected"), 2 * 5 * 5);
    assert_eq!(run.report["deliveries"]["count"], 2 * 5 * 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_speaker_whom_somebody_does_not_hear_of_is_noticed() {
    let run = run(Fault::LoseOne, AUTOMOD).await;
    assert_eq!(
        run.assert_failed()["did not hear of all speakers in their order"],
        1
    );
    assert_eq!(run.count("lost"), 1);
}
