//! What the client of LiveKit tells operators, and what it must not tell.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{http::StatusCode, response::IntoResponse as _};
use colloquy::livekit::{FAILURES_MAX, Patience, keys};
use colloquy_actors::{livekit::Outcome, ports::Media as _};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::{
    client::{client, removal},
    patience::{UNLIMITED, client_with},
};
use crate::support::livekit::{API_SECRET, FakeLivekit, Mood};

/// What this thread logs while it lives, also what is for looking for errors only.
struct Log {
    text: Text,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> Self {
        let text = Text::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("colloquy=trace"))
            .with_ansi(false)
            .with_writer(text.clone())
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    fn text(&self) -> String {
        let bytes = self.text.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).expect("UTF-8")
    }

    /// Lines that an operator sees.
    fn lines(&self) -> Vec<String> {
        let text = self.text();
        let is_shown = |line: &&str| !matches!(line.split_whitespace().nth(1), Some("DEBUG" | "TRACE"));
        text.lines().filter(is_shown).map(str::to_owned).collect()
    }
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Text {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Each failure is followed by a try, and yet there is one line for all of them.
#[tokio::test]
async fn one_line_when_livekit_is_down_and_one_when_it_is_back() {
    let log = Log::start();
    let livekit = FakeLivekit::start().await;
    let patience = Patience {
        pause: std::time::Duration::ZERO,
        ..UNLIMITED
    };
    let client = client_with(&livekit, patience);
    livekit.die().await;
    for _ in 0..4 * FAILURES_MAX {
        assert_eq!(client.call(removal(1)).await, Outcome::Unavailable);
    }
    livekit.revive().await;
    for _ in 0..2 {
        assert_eq!(client.call(removal(1)).await, Outcome::Done);
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
            assert_eq!(client.call(removal(1)).await, Outcome::Unavailable);
        }
        livekit.be(Mood::Honest);
        assert_eq!(client.call(removal(1)).await, Outcome::Done);
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
    assert_eq!(client.call(removal(1)).await, Outcome::Done);
    livekit.die().await;
    for _ in 0..=FAILURES_MAX {
        assert_eq!(client.call(removal(1)).await, Outcome::Unavailable);
    }
    let text = format!("{}{:?}", log.text(), keys(&livekit.settings()));
    assert!(text.contains("a call to LiveKit failed"), "{text}");
    // Every token begins with the second one.
    for secret in [API_SECRET, "eyJ"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
