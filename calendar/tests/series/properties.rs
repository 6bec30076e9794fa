//! What holds for every pattern that is accepted.

use chrono::{DateTime, TimeDelta, Utc};

use crate::recurrence::{LocalStart, Recurrence, RecurrenceError, RecurrenceSet, STEPS_MAX};

/// A pattern and its start.
#[derive(Debug, Clone)]
pub struct Case {
    pub lines: Vec<String>,
    pub start: LocalStart,
}

impl Case {
    /// The series, if the pattern is accepted.
    pub fn set(&self) -> Result<RecurrenceSet, RecurrenceError> {
        RecurrenceSet::new(&Recurrence::parse(&self.lines)?, self.start)
    }
}

const LISTED: usize = 60;
/// What a period of a rule may take beyond the budget, which is looked at between periods: a leap year of 24 times a day,
/// for each of four rules.
const STEPS_BEYOND: u32 = 4 * 366 * 25;

/// Whether the pattern is accepted; an error is a broken promise.
pub fn check(case: &Case) -> Result<bool, String> {
    let Ok(series) = case.set() else {
        return Ok(false);
    };
    let text = Recurrence::parse(&case.lines)
        .map(|read| read.lines())
        .unwrap_or_default();
    let again = Recurrence::parse(&text).map(|read| (read.lines(), RecurrenceSet::new(&read, case.start)));
    match again {
        Ok((lines, Ok(again))) if lines == text && again.means_the_same(&series) => {}
        _ => return Err(format!("its canonical text is another pattern: {text:?}")),
    }
    let mut occurrences = series.after(case.start.instant);
    let listed: Vec<_> = occurrences.by_ref().take(LISTED).collect();
    within(occurrences.steps())?;
    let (Some(first), Some(last)) = (listed.first().copied(), listed.last().copied()) else {
        return Err("accepted without an occurrence".to_owned());
    };
    if series.first() != first {
        return Err("the first is not the first".to_owned());
    }
    if !listed.is_sorted_by(|one, next| one < next) {
        return Err(format!("not in order: {listed:?}"));
    }
    if let Some(wrong) = listed.iter().find(|at| !series.is_occurrence(**at)) {
        return Err(format!("{wrong} is listed, but no occurrence"));
    }
    for near in listed.iter().flat_map(|at| nearby(*at)).filter(|at| *at <= last) {
        if series.is_occurrence(near) != listed.contains(&near) {
            return Err(format!("{near} is listed or an occurrence, but not both"));
        }
    }
    backwards(&series, &listed)?;
    let from = listed[listed.len() / 2];
    let middle: Vec<_> = series.after(from).take(listed.len() - listed.len() / 2).collect();
    if middle != listed[listed.len() / 2..] {
        return Err(format!("from {from} on: {middle:?}, not as in {listed:?}"));
    }
    let hour = TimeDelta::hours(1);
    if let Some(end) = series.last_end(hour)
        && listed.iter().any(|at| series.end_of(*at, hour) > end)
    {
        return Err(format!("it ends at {end}, before its last occurrence"));
    }
    Ok(true)
}

fn backwards(series: &RecurrenceSet, listed: &[DateTime<Utc>]) -> Result<(), String> {
    let Some(last) = listed.last() else {
        return Ok(());
    };
    let mut occurrences = series.before(*last + TimeDelta::seconds(1));
    let mut back: Vec<_> = occurrences.by_ref().take(listed.len()).collect();
    within(occurrences.steps())?;
    back.reverse();
    if back == listed {
        Ok(())
    } else {
        Err(format!("backwards: {back:?}, forwards: {listed:?}"))
    }
}

fn nearby(at: DateTime<Utc>) -> [DateTime<Utc>; 6] {
    [1, 60, 24 * 60, -1, -60, -24 * 60].map(|minutes| at + TimeDelta::minutes(minutes))
}

fn within(steps: u32) -> Result<(), String> {
    if steps <= STEPS_MAX + STEPS_BEYOND {
        Ok(())
    } else {
        Err(format!("{steps} steps"))
    }
}
