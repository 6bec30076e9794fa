//! `colloquy --version`, and which time zones a server goes by.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use colloquy_calendar::zones::{self, AGE_MONTHS_MAX, Source};

use super::say;

/// Prints the version; of the zones' data, too, when more is asked for.
pub(super) fn run(is_verbose: bool) -> ExitCode {
    say(concat!("colloquy ", env!("CARGO_PKG_VERSION")));
    if is_verbose {
        let source = zones::source();
        say(&format!("time zones {} ({})", source.release, place(source)));
    }
    ExitCode::SUCCESS
}

/// Writes to the log which data of time zones count, and a warning where they are old.
pub(super) fn log_zones(now: DateTime<Utc>) {
    let source = zones::source();
    let (release, place) = (source.release.name(), place(source));
    tracing::info!(release, place, "time zones");
    if source.release.is_old(now) {
        tracing::warn!(
            release,
            place,
            "the time zones' data are older than {AGE_MONTHS_MAX} months: update the system's tz database (package tzdata), or this server"
        );
    }
}

fn place(source: &Source) -> String {
    match &source.folder {
        Some(folder) => folder.display().to_string(),
        None => "built in".to_owned(),
    }
}
