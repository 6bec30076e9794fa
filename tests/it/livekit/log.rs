//! What the client of LiveKit tells operators, and what it must not tell.

use axum::{http::StatusCode, response::IntoResponse as _};
use colloquy::livekit::{FAILURES_MAX, LivekitTimeouts, RoomService, keys};
use colloquy_actors::{
    livekit::{Call, Removal, Source},
    task::Outcome,
};

use super::{
    client::{all_gone, client, permit, removal, room},
    timeouts::{UNLIMITED, client_with},
};
use crate::support::{
    livekit::{API_SECRET, FakeLivekit, Mood},
    log::Log,
};

async fn try_to_permit(client: &RoomService) -> Outcome {
    client.do_for_room(permit(1, &[Source::Camera])).await
}

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
        assert_eq!(try_to_permit(&client).await, Outcome::Unavailable);
    }
    livekit.revive().await;
    for _ in 0..2 {
        assert_eq!(try_to_permit(&client).await, Outcome::Done);
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
            assert_eq!(try_to_permit(&client).await, Outcome::Unavailable);
        }
        livekit.be(Mood::Honest);
        assert_eq!(client.do_for_room(removal(1)).await, all_gone());
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
    assert_eq!(client.do_for_room(removal(1)).await, all_gone());
    livekit.die().await;
    for _ in 0..=FAILURES_MAX {
        assert_eq!(try_to_permit(&client).await, Outcome::Unavailable);
    }
    let text = format!("{}{:?}", log.text(), keys(&livekit.settings()));
    assert!(text.contains("a call to LiveKit failed"), "{text}");
    // Every token begins with the second one.
    for secret in [API_SECRET, "eyJ"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// Whoever tries the server without LiveKit hears once what is missing.
#[tokio::test]
async fn one_line_where_there_never_was_a_livekit() {
    let log = Log::start();
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    livekit.die().await;
    let look = || Call::Look {
        room: room(),
        urgent: false,
        brief: std::sync::Arc::default(),
    };
    for _ in 1..FAILURES_MAX {
        assert_eq!(client.do_for_room(look()).await, Outcome::Unavailable);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(
        lines[0].contains("INFO") && lines[0].contains("no LiveKit answers"),
        "{lines:#?}"
    );
}

/// That somebody who was removed is there again is worth a line, which says whether LiveKit tells who comes.
#[tokio::test]
async fn a_removal_that_is_worth_a_warning_is_told() {
    let log = Log::start();
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    for (warn, has_webhooks) in [(true, false), (false, false), (true, true)] {
        let Call::Remove(removal) = removal(1) else {
            unreachable!("it is a removal");
        };
        if has_webhooks {
            client.note_webhook();
        }
        let removal = Removal { warn, ..removal };
        assert_eq!(client.do_for_room(Call::Remove(removal)).await, all_gone());
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for (line, webhooks) in lines.iter().zip(["webhooks=false", "webhooks=true"]) {
        let tells_all = line.contains("WARN") && line.contains("in LiveKit again") && line.contains(webhooks);
        assert!(tells_all, "{line}");
    }
}
