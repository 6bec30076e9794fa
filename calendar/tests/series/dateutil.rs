//! Our occurrences against those of python-dateutil.

use std::{io::Write, process::Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{Seeded, patterns, properties::Case, readers::python, recurrence::RecurrenceError};

const CASES: u64 = 800;
/// Of the cases, so many must have occurrences.
const TELLING_MIN: usize = 500;

/// How far a case is looked at: frequent ones less far.
fn end(case: &Case) -> DateTime<Utc> {
    let is_frequent = |line: &String| line.contains("FREQ=DAILY") || line.contains("FREQ=WEEKLY");
    let years = if case.lines.iter().any(is_frequent) { 1 } else { 14 };
    case.start.instant + TimeDelta::days(366 * years)
}

/// What dateutil says about each case: instants in seconds.
fn answers_of_dateutil(cases: &[Case]) -> Vec<Vec<i64>> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/series/dateutil_occurrences.py"
    );
    let mut command = python();
    command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let questions: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({
                "lines": case.lines,
                "start": case.start.instant.timestamp(),
                "zone": case.start.zone.name(),
                "all_day": case.start.all_day,
                "skipped": case.start.skipped,
                "end": end(case).timestamp(),
            })
        })
        .collect();
    let questions = serde_json::to_vec(&questions).unwrap();
    process.stdin.take().unwrap().write_all(&questions).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn own_answer(case: &Case) -> Vec<i64> {
    let series = match case.set() {
        Ok(series) => series,
        Err(RecurrenceError::NoOccurrence) => return Vec::new(),
        Err(error) => panic!("{error}: {case:?}"),
    };
    let end = end(case);
    let occurrences = series.after(case.start.instant).take_while(|at| *at <= end);
    let forwards: Vec<_> = occurrences.map(|at| at.timestamp()).collect();
    let occurrences = series.before(end + TimeDelta::seconds(1));
    let mut backwards: Vec<_> = occurrences.map(|at| at.timestamp()).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards, "{case:?}");
    forwards
}

#[test]
fn occurrences_are_those_of_dateutil() {
    let cases: Vec<_> = (0..CASES)
        .map(|seed| patterns::right(&mut Seeded::new(seed)))
        .collect();
    let answers = answers_of_dateutil(&cases);
    assert_eq!(answers.len(), cases.len());
    let mut telling = 0;
    for (case, answer) in cases.iter().zip(&answers) {
        let own = own_answer(case);
        let differ = own.iter().zip(answer).find(|(own, other)| own != other);
        let differ = differ.map(|(own, other)| [own, other].map(|at| DateTime::from_timestamp(*at, 0)));
        assert!(
            own == *answer,
            "{} here, {} there, first difference {differ:?}: {case:?}",
            own.len(),
            answer.len()
        );
        telling += usize::from(own.len() > 1);
    }
    assert!(
        telling >= TELLING_MIN,
        "only {telling} of {CASES} patterns have more than one occurrence"
    );
}
