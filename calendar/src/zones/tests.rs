use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeZone as _, Utc};

use super::Zone;
use crate::recurrence::instant_of;

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn wall(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn the_data_are_of_today() {
    for (name, shown, expected) in [
        // British Columbia, Alberta and Manitoba stay on summer time, Morocco is on UTC.
        ("America/Vancouver", "2027-01-15T10:00:00", "2027-01-15T17:00:00Z"),
        ("America/Edmonton", "2027-01-15T10:00:00", "2027-01-15T16:00:00Z"),
        ("America/Winnipeg", "2027-01-15T10:00:00", "2027-01-15T15:00:00Z"),
        ("Africa/Casablanca", "2027-01-15T10:00:00", "2027-01-15T10:00:00Z"),
        ("Africa/El_Aaiun", "2027-01-15T10:00:00", "2027-01-15T10:00:00Z"),
        ("Europe/Berlin", "2027-01-15T10:00:00", "2027-01-15T09:00:00Z"),
        ("Europe/Berlin", "2095-07-15T10:00:00", "2095-07-15T08:00:00Z"),
    ] {
        assert_eq!(instant_of(wall(shown), zone(name)), at(expected), "{name}");
    }
}

#[test]
fn wall_times_that_come_twice_or_never_are_known() {
    let berlin = zone("Europe/Berlin");
    assert!(matches!(
        berlin.from_local_datetime(&wall("2027-03-28T02:30:00")),
        MappedLocalTime::None
    ));
    let MappedLocalTime::Ambiguous(one, other) = berlin.from_local_datetime(&wall("2027-10-31T02:30:00"))
    else {
        panic!("it comes twice");
    };
    assert_eq!(
        (one.to_utc(), other.to_utc()),
        (at("2027-10-31T00:30:00Z"), at("2027-10-31T01:30:00Z"))
    );
    // A whole day was skipped.
    let apia = zone("Pacific/Apia");
    assert_eq!(
        instant_of(wall("2011-12-30T10:00:00"), apia),
        at("2011-12-30T20:00:00Z")
    );
    assert_eq!(
        instant_of(wall("2027-10-31T02:30:00"), berlin),
        at("2027-10-31T00:30:00Z")
    );
}

#[test]
fn names_are_those_of_the_database() {
    for name in [
        "",
        "berlin",
        "europe/berlin",
        "Europe/Berlin ",
        "CEST",
        "+01:00",
        "../etc/passwd",
        "Mars/Olympus",
    ] {
        assert!(name.parse::<Zone>().is_err(), "{name:?}");
    }
    for name in [
        "UTC",
        "Etc/UTC",
        "Asia/Calcutta",
        "EST5EDT",
        "America/Argentina/Buenos_Aires",
    ] {
        assert_eq!(zone(name).name(), name);
    }
    // What was accepted before is stored, and stays known.
    for before in chrono_tz::TZ_VARIANTS {
        assert_eq!(zone(before.name()).name(), before.name());
    }
    assert!(Zone::all().count() > 590);
}
