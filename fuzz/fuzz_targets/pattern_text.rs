//! Any text as the lines of a recurrence pattern: it is refused, or its series keeps every promise.
#![no_main]

#[path = "../../calendar/tests/series/properties.rs"]
mod properties;

use chrono::DateTime;
use colloquy_calendar::recurrence::{self, LocalStart};
use libfuzzer_sys::fuzz_target;
use properties::Case;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(zone) = "Europe/Berlin".parse() else {
        panic!("it is built in");
    };
    // In the middle of the hour that clocks skip.
    let instant = DateTime::from_timestamp(1_774_747_800, 0).unwrap_or_default();
    let start = LocalStart {
        instant,
        zone,
        skipped: None,
        all_day: false,
    };
    let case = Case {
        lines: text.lines().map(str::to_owned).collect(),
        start,
    };
    if let Err(error) = properties::check(&case) {
        panic!("{error}: {case:?}");
    }
});
