//! What the client of LiveKit tells operators, and what it must not tell.

use axum::{http::StatusCode, response::IntoResponse as _};
use colloquy::livekit::{FAILURES_MAX, LivekitTimeouts, keys};
use colloquy_actors::task::Outcome;

use super::{
    client::{client, removal},
    timeouts::{UNLIMITED, client_with},
};
use crate::support::{
    livekit::{API_SECRET, FakeLivekit, Mood},
    log::Log,
};

/// Each failure is followed by a try, and yet there is one line for all of them.
#[tokio::test]
async fn one_line_when_livekit_is_down_and_one_when_it_is_back() {
    let log = Log::start();
    let livekit = FakeLivekit::start().await;
    let time_limit = LivekitTimeouts {
        pause: std::time::Duration::ZERO,
        ..UNLIMITED
    };
    let client = client_with(&livekit, time_limit);
    livekit.die().await;
    for _ in 0..4 * FAILURES_MAX {
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Unavailable);
    }
    livekit.revive().await;
    for _ in 0..2 {
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("calls pause"),
        "{lines:#?}"
    );
    assert!(lines[1].contains("answers again"), "{lines:#?}");
}

#[tokio::test]
async fn one_line_for_refusals_in_a_row() {
    let log = Log::start();
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    for _ in 0..2 {
        livekit.be(Mood::Lying(|| StatusCode::FORBIDDEN.into_response()));
        for _ in 0..3 {
            assert_eq!(client.do_for_room(removal(1)).await, Outcome::Unavailable);
        }
        livekit.be(Mood::Honest);
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "one each time: {lines:#?}");
    let tells_all = |line: &String| line.contains("WARN") && line.contains("refuses") && line.contains("403");
    assert!(lines.iter().all(tells_all), "{lines:#?}");
}

#[tokio::test]
async fn no_secret_and_no_token_is_told() {
    let log = Log::start();
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    assert_eq!(client.do_for_room(removal(1)).await, Outcome::Done);
    livekit.die().await;
    for _ in 0..=FAILURES_MAX {
        assert_eq!(client.do_for_room(removal(1)).await, Outcome::Unavailable);
    }
    let text = format!("{}{:?}", log.text(), keys(&livekit.settings()));
    assert!(text.contains("a call to LiveKit failed"), "{text}");
    // Every token begins with the second one.
    for secret in [API_SECRET, "eyJ"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
