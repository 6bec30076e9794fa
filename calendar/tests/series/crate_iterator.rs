//! Our occurrences against those of the crate `rrule`, whose types our rules are, where its iterator is right.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_calendar::recurrence::{Recurrence, wall_of};
use rrule::RRuleSet;

use crate::{Seeded, patterns, properties::Case};

const CASES: u64 = 3_000;

/// Of the cases, so many must be compared.
const COMPARED_MIN: usize = 800;

/// Occurrences that are compared of each.
const LISTED: u16 = 60;

/// What it refuses, or finds otherwise (docs/adr has the cases).
fn is_misread(case: &Case, line: &str) -> bool {
    // Its occurrences go through wall clocks in their order, and know no day that was skipped.
    let are_days_lost = ["America/Sao_Paulo", "Pacific/Apia"].contains(&case.start.zone.name());
    // It takes no start that clocks show twice or never.
    let hours = [-1, 1].map(|hours| case.start.instant + TimeDelta::hours(hours));
    let offset = |at: DateTime<Utc>| wall_of(at, case.start.zone) - at.naive_utc();
    let is_near_change = offset(hours[0]) != offset(hours[1]);
    // A local end is one of the machine's zone to it, and a day its first second.
    let has_local_end = line.contains("UNTIL=") && !line.contains('Z');
    // Positions that RFC 5545 allows, and weekdays that it counts.
    let is_out_of_range = line.contains("BYSETPOS") || line.contains("-5");
    // Whole days are no type of it.
    case.start.all_day || are_days_lost || is_near_change || has_local_end || is_out_of_range
}

fn theirs(case: &Case, line: &str) -> Result<Vec<DateTime<Utc>>, String> {
    let zone = case.start.zone;
    let start = wall_of(case.start.instant, zone).format("%Y%m%dT%H%M%S");
    let text = format!("DTSTART;TZID={}:{start}\n{line}", zone.name());
    let set: RRuleSet = text.parse().map_err(|error| format!("{error}"))?;
    let dates = set.all(LISTED).dates.into_iter();
    Ok(dates.map(|date| date.to_utc()).collect())
}

#[test]
fn occurrences_are_those_of_the_crate() {
    let mut compared = 0;
    for seed in 0..CASES {
        let mut case = patterns::right(&mut Seeded::new(seed));
        case.lines.truncate(1);
        let line = Recurrence::parse(&case.lines).unwrap().lines().remove(0);
        let Ok(set) = case.set() else { continue };
        if !line.starts_with("RRULE") || is_misread(&case, &line) {
            continue;
        }
        // The series is known so far.
        let end = case.start.instant + TimeDelta::days(366 * 39);
        let ours = set.after(case.start.instant).take(LISTED.into());
        let ours: Vec<_> = ours.take_while(|at| *at < end).collect();
        let theirs = theirs(&case, &line).map(|mut list| {
            list.retain(|at| *at < end);
            list
        });
        assert_eq!(theirs.as_ref(), Ok(&ours), "{case:?}");
        compared += 1;
    }
    assert!(compared >= COMPARED_MIN, "{compared}");
}
