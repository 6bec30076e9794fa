//! Times as clients write them.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::store::{TIME_MAX, TIME_MIN, events::ZonedTime};
use colloquy_calendar::{
    recurrence::{instant_of, wall_of},
    zones::Zone,
};

/// What is wrong with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTime {
    /// Neither RFC 3339 nor a date and time of day.
    Datetime,
    /// No name of the IANA database.
    Timezone,
    /// Not between the years 1970 and 2999.
    Range,
}

/// Reads RFC 3339 with any offset, or what a clock in the zone shows (`2027-01-15T10:00`, seconds and fractions are
/// optional). Where clocks skip it, the offset before the gap counts; where they show it twice, the first time. Fractions
/// of seconds are cut off.
pub fn parse(datetime: &str, timezone: &str) -> Result<ZonedTime, BadTime> {
    let zone: Zone = timezone.parse().map_err(|_| BadTime::Timezone)?;
    let time = match DateTime::parse_from_rfc3339(datetime) {
        Ok(time) => time.to_utc(),
        Err(_) => instant_of(wall_clock(datetime).ok_or(BadTime::Datetime)?, zone),
    };
    let whole = DateTime::<Utc>::from_timestamp(time.timestamp(), 0);
    let at = whole.filter(|at| (TIME_MIN..=TIME_MAX).contains(at));
    Ok(ZonedTime {
        at: at.ok_or(BadTime::Range)?,
        zone,
    })
}

/// The date and time of day that were given, where the clocks of the zone never show them.
#[must_use]
pub fn skipped(datetime: &str, zone: Zone) -> Option<NaiveDateTime> {
    wall_clock(datetime).filter(|wall| wall_of(instant_of(*wall, zone), zone) != *wall)
}

/// `YYYY-MM-DDTHH:MM[:SS[.f…]]`, nothing else.
fn wall_clock(text: &str) -> Option<NaiveDateTime> {
    const MINUTES: &str = "%Y-%m-%dT%H:%M";
    const SECONDS: &str = "%Y-%m-%dT%H:%M:%S";
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = NaiveDateTime::parse_from_str(whole, SECONDS).map(|time| (time, SECONDS));
    let minutes = || NaiveDateTime::parse_from_str(text, MINUTES).map(|time| (time, MINUTES));
    let (time, format) = seconds.or_else(|_| minutes()).ok()?;
    // The parser is more generous than we are: signs, spaces, one digit where two belong.
    (time.format(format).to_string() == whole).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("RFC 3339")
    }

    #[test]
    fn both_notations_are_read() {
        for (datetime, zone, expected) in [
            ("2027-01-15T09:00:00Z", "Europe/Berlin", "2027-01-15T09:00:00Z"),
            ("2027-01-15T10:00:00+01:00", "UTC", "2027-01-15T09:00:00Z"),
            ("2027-01-15T09:00:00.999999Z", "UTC", "2027-01-15T09:00:00Z"),
            ("2027-01-15T10:00", "Europe/Berlin", "2027-01-15T09:00:00Z"),
            ("2027-07-15T10:00:00", "Europe/Berlin", "2027-07-15T08:00:00Z"),
            ("2027-07-15T10:00:00.5", "Asia/Kolkata", "2027-07-15T04:30:00Z"),
            // Clocks jump from 02:00 to 03:00.
            ("2027-03-28T02:30:00", "Europe/Berlin", "2027-03-28T01:30:00Z"),
            // Clocks show it twice.
            ("2027-10-31T02:30:00", "Europe/Berlin", "2027-10-31T00:30:00Z"),
            ("1970-01-01T00:00:00Z", "UTC", "1970-01-01T00:00:00Z"),
            ("2999-12-31T23:59:59Z", "UTC", "2999-12-31T23:59:59Z"),
        ] {
            let parsed = parse(datetime, zone).expect("a time");
            assert_eq!(
                (parsed.at, parsed.zone.name()),
                (utc(expected), zone),
                "{datetime}"
            );
        }
        let berlin: Zone = "Europe/Berlin".parse().expect("a zone");
        let gap = skipped("2027-03-28T02:30", berlin).expect("it is skipped");
        assert_eq!(gap.to_string(), "2027-03-28 02:30:00");
        for shown in ["2027-03-28T01:59:59", "2027-03-28T03:00", "2027-03-28T01:30:00Z"] {
            assert_eq!(skipped(shown, berlin), None, "{shown}");
        }
        let leap = parse("2016-12-31T23:59:60Z", "UTC").expect("a time");
        assert_eq!(leap.at.timestamp_subsec_nanos(), 0);
    }

    #[test]
    fn everything_else_is_refused() {
        for datetime in [
            "",
            "Z",
            "now",
            "2027",
            "2027-01-15",
            "10:00",
            "2027-01-15T",
            "2027-01-15T10",
            "2027-01-15T10:00:",
            "2027-01-15T10:00:00.",
            "2027-01-15T10:00:00.x",
            "2027-01-15T10:00.5",
            "2027-1-15T10:00:00",
            "2027-01-15T1:00:00",
            " 2027-01-15T10:00:00",
            "2027-01-15T10:00:00 ",
            "+2027-01-15T10:00:00",
            "2027-02-29T10:00:00",
            "2027-13-01T10:00:00",
            "2027-01-15T24:00:00",
            "2027-01-15T10:60:00",
            "2027-01-15T10:00:00+25:00",
            "2027-01-15T10:00:00[Europe/Berlin]",
            "20270115T100000Z",
            "1800000000",
            "2027-01-15T10:00:00\0",
            "２０２７-01-15T10:00:00",
            "2027-01-15T10:00:00Z\n",
        ] {
            assert_eq!(parse(datetime, "UTC"), Err(BadTime::Datetime), "{datetime:?}");
        }
        for zone in [
            "",
            "berlin",
            "europe/berlin",
            "Europe/Berlin ",
            "CEST",
            "+01:00",
            "Europe/Berlin\0",
            "Mars/Olympus",
        ] {
            assert_eq!(
                parse("2027-01-15T10:00:00Z", zone),
                Err(BadTime::Timezone),
                "{zone:?}"
            );
        }
        for datetime in [
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "3000-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "1969-12-31T23:59:59",
        ] {
            assert_eq!(parse(datetime, "UTC"), Err(BadTime::Range), "{datetime}");
        }
    }
}
