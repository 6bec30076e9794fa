//! "Limits": what one session may say, and how many sessions one user has.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{
    meeting::Meeting,
    participant::{Participant, protocols},
    quiet::{QuietWith, Settings},
    server::Server,
};

on_both_databases!(Strict:
    every_command_is_handled_or_refused, a_flood_ends_the_session, the_heartbeat_is_free, bytes_count_too,
    a_user_has_so_many_sessions);

/// Limits that a test reaches at once, and that do not recover while it runs.
type Strict = QuietWith<LowLimits>;

struct LowLimits;

/// How long a limit may take to let somebody in again.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two tries: shorter than a command's worth of time, longer than ten refusals a second.
const RECOVERY: Duration = Duration::from_millis(200);
/// Commands that are handled at once.
const BURST: usize = 5;
/// Commands that are handled one a second, before others are refused.
const PACED: usize = 8;
/// Commands that are refused before the session is closed.
const REFUSALS: usize = 1_000;

impl Settings for LowLimits {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("COLLOQUY_SIGNALING__COMMANDS_PER_SECOND", "1"),
        ("COLLOQUY_SIGNALING__COMMANDS_BURST", "5"),
        ("COLLOQUY_SIGNALING__COMMAND_BYTES_PER_SECOND", "4096"),
        ("COLLOQUY_SIGNALING__SESSIONS_PER_USER_MAX", "2"),
    ];
}

/// Sends so many commands at once and reads as many answers; answers how many were handled and refused.
async fn burst(who: &mut Participant, commands: usize) -> (usize, usize) {
    for _ in 0..commands {
        who.act("control", "lower_hand").await;
    }
    let (mut handled, mut refused) = (0, 0);
    while handled + refused < commands {
        let frame = who.try_next().await.expect("an answer");
        match frame["payload"]["message"].as_str() {
            Some("hand_lowered") => handled += 1,
            Some("rate_limit_exceeded") => refused += 1,
            Some("joined") => {}
            _ => panic!("{frame}"),
        }
    }
    (handled, refused)
}

async fn every_command_is_handled_or_refused(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    // The join was a command too.
    let (handled, refused) = burst(&mut guest, BURST + PACED + 20).await;
    assert!(
        handled >= BURST + PACED - 2 && refused >= 10,
        "{handled} and {refused}"
    );
    // Each session has its own measure, and time heals.
    meeting.joined_guest("Ida").await;
    let before = Instant::now();
    while burst(&mut guest, 1).await != (1, 0) {
        assert!(before.elapsed() < DEADLINE, "nothing is handled any more");
        sleep(RECOVERY).await;
    }
}

async fn a_flood_ends_the_session(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut guest = meeting.joined_guest("Gus").await;
    alice.expect_next("control", "joined").await;
    for _ in 0..REFUSALS + REFUSALS / 2 {
        guest.act("control", "lower_hand").await;
    }
    assert_eq!(guest.close_code().await, Some(1008));
    let count = |message: &str| {
        let seen = guest.everything_seen().iter();
        seen.filter(|frame| frame["payload"]["message"] == message)
            .count()
    };
    let refused = count("rate_limit_exceeded");
    assert!(
        (REFUSALS..REFUSALS + REFUSALS / 2).contains(&refused),
        "{refused}"
    );
    // Clients come back after a close by itself; this tells them not to.
    assert_eq!(count("kicked"), 1);
    let left = alice.expect_next("control", "left").await;
    assert_eq!(left["payload"]["reason"], "quit");
    alice.say("calm again").await;

    // Before the join there is the same measure.
    let mut guest = meeting.guest().await;
    for _ in 0..REFUSALS + REFUSALS / 2 {
        guest.act("nope", "fly").await;
    }
    assert_eq!(guest.close_code().await, Some(1008));
}

/// Sends so many echoes; answers what came back, in order.
async fn echoes(who: &mut Participant, payload: &Value, count: usize) -> Vec<Value> {
    for _ in 0..count {
        who.send("echo", payload.clone()).await;
    }
    let mut answers = Vec::new();
    for _ in 0..count {
        answers.push(who.try_next().await.expect("an answer")["payload"].clone());
    }
    answers
}

async fn the_heartbeat_is_free(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    let (_, refused) = burst(&mut guest, BURST + PACED + 3).await;
    assert!(refused >= 1, "nothing is left for commands");
    let ping = json!({"action": "ping"});
    for answer in echoes(&mut guest, &ping, 10).await {
        assert_eq!(answer, ping);
    }
    // Whoever overdoes it pays with commands, and so does an echo of more than 1 KiB.
    let mut talker = meeting.joined_guest("Tia").await;
    let large = json!("x".repeat(1_100));
    let answers = echoes(&mut talker, &large, BURST + PACED + 3).await;
    let echoed = answers.iter().filter(|answer| **answer == large).count();
    assert!(
        (BURST + PACED - 2..BURST + PACED + 3).contains(&echoed),
        "{echoed}"
    );
    let refusal = json!({"message": "rate_limit_exceeded"});
    let refused = answers.iter().filter(|answer| **answer == refusal).count();
    assert_eq!(echoed + refused, BURST + PACED + 3);
}

async fn bytes_count_too(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut guest = meeting.joined_guest("Gus").await;
    // One message of the largest size always gets through.
    let large = "x".repeat(700_000);
    let message = json!({"action": "send_message", "content": large, "scope": "global"});
    guest.send("chat", message.clone()).await;
    let sent = guest.expect_next("chat", "message_sent").await;
    assert_eq!(
        sent["payload"]["content"].as_str().map(str::len),
        Some(4096),
        "cut, not refused"
    );
    guest.send("chat", message).await;
    guest.expect_next("control", "rate_limit_exceeded").await;
}

async fn a_user_has_so_many_sessions(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let elsewhere = Meeting::create(server, json!({})).await;
    let first = meeting.joined_owner().await;
    let _second = elsewhere.joined_owner().await;
    let third = async || {
        let ticket = meeting.started(json!({})).await.expect(200);
        Participant::upgrade(&server.address(), Some(&protocols(&ticket))).await
    };
    let (status, body) = third().await.expect_err("refused");
    assert_eq!((status, &body["code"]), (429, &json!("too_many_requests")));
    // Guests share a link, not a limit.
    for name in ["Ann", "Ben", "Cleo"] {
        meeting.joined_guest(name).await;
    }
    first.leave().await;
    let before = Instant::now();
    while let Err(refused) = third().await {
        assert!(before.elapsed() < DEADLINE, "{refused:?}");
    }
}
