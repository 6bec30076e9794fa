//! Our occurrences against those of the crate `rrule`, whose types our rules are.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_calendar::recurrence::Recurrence;
use rrule::{RRuleSet, Tz};

use crate::{Seeded, patterns, properties::Case};

const CASES: u64 = 2_000;

/// Occurrences that are compared of each.
const LISTED: u16 = 60;

fn theirs(case: &Case, line: &str) -> Option<Vec<DateTime<Utc>>> {
    let start = case.start.instant.with_timezone(&Tz::Tz(case.start.zone));
    let text = format!(
        "DTSTART;TZID={}:{}\n{line}",
        case.start.zone.name(),
        start.format("%Y%m%dT%H%M%S")
    );
    let set: RRuleSet = text.parse().ok()?;
    let dates = set.all(LISTED).dates;
    Some(dates.into_iter().map(|date| date.to_utc()).collect())
}

#[test]
fn probe() {
    let (mut same, mut differ, mut refused) = (0, 0, 0);
    for seed in 0..CASES {
        let mut case = patterns::right(&mut Seeded::new(seed));
        case.lines.truncate(1);
        if case.start.all_day || !case.lines[0].starts_with("RRULE") {
            continue;
        }
        let Ok(set) = case.set() else { continue };
        let line = Recurrence::parse(&case.lines).unwrap().lines().remove(0);
        let ours: Vec<_> = set.after(case.start.instant).take(LISTED.into()).collect();
        match theirs(&case, &line) {
            None => {
                refused += 1;
                println!("REFUSED {line} {:?}", case.start);
            }
            Some(list) => {
                let horizon = case.start.instant + TimeDelta::days(366 * 39);
                let list: Vec<_> = list.into_iter().filter(|d| *d < horizon).collect();
                let ours: Vec<_> = ours.into_iter().filter(|d| *d < horizon).collect();
                if list == ours {
                    same += 1
                } else {
                    differ += 1;
                    let n = list.iter().zip(&ours).take_while(|(a, b)| a == b).count();
                    println!(
                        "DIFFER {line} {:?} at {n}: {:?} {:?} ({} {})",
                        case.start,
                        list.get(n),
                        ours.get(n),
                        list.len(),
                        ours.len()
                    );
                }
            }
        }
    }
    panic!("{same} {differ} {refused}");
}
