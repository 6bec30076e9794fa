//! When a series takes place (RFC 5545, and RFC 2445 for EXRULE).
//!
//! Everything is computed from the text of the pattern and the start; there is no clock in here. Any part of a series can
//! be looked at without what lies before it, forwards and backwards, and every call does at most [`STEPS_MAX`] steps.
//!
//! As python-dateutil does, we take what the rules say: a start that its own RRULE does not name is no occurrence, and
//! BYWEEKNO without BYDAY means all days of the week. Without any RRULE, the start is the first occurrence.

mod date;
mod error;
mod expand;
mod line;
mod lines;
mod numbers;
mod parts;
mod rule;
mod steps;
#[cfg(test)]
mod tests;
mod walk;
mod zone;

use std::collections::BTreeSet;

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub use error::{LineError, RecurrenceError};
use line::{Line, Moment, Property};
pub use lines::{named, rule_first};
use rule::Rule;
use steps::Steps;
use walk::{Direction, Walk};
use zone::Start;
pub use zone::{LocalStart, instant_of, wall_of};

/// Lines of a pattern.
pub const LINES_MAX: usize = 4;
/// Characters of a line.
pub const LINE_CHARS_MAX: usize = 1024;
/// What BYHOUR, BYMINUTE and BYSECOND may make of a day: nothing is finer than daily in disguise.
pub const TIMES_PER_DAY_MAX: usize = 24;
/// How far ahead a series is known.
pub const YEARS_AHEAD_MAX: u32 = 40;
/// Steps of one call: days looked at and times considered. Forty years of days are some 45,000.
pub const STEPS_MAX: u32 = 100_000;

/// A series.
#[derive(Debug, Clone)]
pub struct Recurrence {
    start: Start,
    rules: Vec<Rule>,
    excluded_rules: Vec<Rule>,
    /// RDATE, and the start where there is no RRULE.
    dates: BTreeSet<DateTime<Utc>>,
    excluded_dates: BTreeSet<DateTime<Utc>>,
    excluded_days: BTreeSet<NaiveDate>,
    horizon: DateTime<Utc>,
    first: DateTime<Utc>,
    /// Steps that reading it took.
    steps: u32,
}

impl Recurrence {
    /// Reads a pattern of 1 to [`LINES_MAX`] lines, each RRULE, RDATE, EXRULE or EXDATE. It must have an occurrence.
    pub fn parse(lines: &[String], dtstart: LocalStart) -> Result<Self, RecurrenceError> {
        if lines.is_empty() || lines.len() > LINES_MAX {
            return Err(RecurrenceError::LineCount);
        }
        let mut recurrence = Self::empty(Start::new(dtstart));
        for (text, number) in lines.iter().zip(1..) {
            recurrence.take(text, number)?;
        }
        if recurrence.rules.is_empty() {
            recurrence.dates.insert(recurrence.start.instant);
        }
        let mut occurrences = recurrence.after(recurrence.start.instant);
        let (first, steps) = (occurrences.next(), occurrences.steps);
        recurrence.steps += steps.taken();
        match first {
            Some(first) => Ok(Self { first, ..recurrence }),
            None if steps.are_used_up() => Err(RecurrenceError::TooCostly),
            None => Err(RecurrenceError::NoOccurrence),
        }
    }

    /// What takes place once: a series of one occurrence.
    #[must_use]
    pub fn once(dtstart: LocalStart) -> Self {
        let mut recurrence = Self::empty(Start::new(dtstart));
        recurrence.dates.insert(recurrence.start.instant);
        recurrence
    }

    /// Without any occurrence yet.
    fn empty(start: Start) -> Self {
        Self {
            start,
            rules: Vec::new(),
            excluded_rules: Vec::new(),
            dates: BTreeSet::new(),
            excluded_dates: BTreeSet::new(),
            excluded_days: BTreeSet::new(),
            horizon: years_after(start.instant),
            first: start.instant,
            steps: 0,
        }
    }

    /// Whether the other one says the same of when it takes place, in whatever order and words.
    #[must_use]
    pub fn means_the_same(&self, other: &Self) -> bool {
        let are_alike = |ours: &[Rule], theirs: &[Rule]| {
            ours.iter().all(|rule| theirs.contains(rule)) && theirs.iter().all(|rule| ours.contains(rule))
        };
        self.start == other.start
            && are_alike(&self.rules, &other.rules)
            && are_alike(&self.excluded_rules, &other.excluded_rules)
            && self.dates == other.dates
            && self.excluded_dates == other.excluded_dates
            && self.excluded_days == other.excluded_days
    }

    fn take(&mut self, text: &str, number: usize) -> Result<(), RecurrenceError> {
        let in_line = |problem| RecurrenceError::Line { number, problem };
        let line = Line::parse(text).map_err(in_line)?;
        match line.property {
            Property::RRule => {
                let rule = self.rule(line.value, number)?;
                self.rules.push(rule);
            }
            Property::ExRule => {
                let rule = self.rule(line.value, number)?;
                self.excluded_rules.push(rule);
            }
            Property::RDate => {
                for date in line.dates(&self.start).map_err(in_line)? {
                    self.dates.insert(date.instant(&self.start));
                }
                // The start is the first of a series, whatever dates its pattern lists.
                self.dates = self.dates.split_off(&self.start.instant);
            }
            Property::ExDate => {
                for date in line.dates(&self.start).map_err(in_line)? {
                    match date {
                        Moment::At(instant) => self.excluded_dates.insert(instant),
                        Moment::Day(day) => self.excluded_days.insert(day),
                    };
                }
            }
        }
        Ok(())
    }

    fn rule(&mut self, text: &str, number: usize) -> Result<Rule, RecurrenceError> {
        let mut steps = Steps::default();
        let rule = Rule::parse(text, &self.start, number, &mut steps)?;
        self.steps += steps.taken();
        Ok(rule)
    }

    /// How much work it was to read the series: at most [`LINES_MAX`] + 1 times [`STEPS_MAX`].
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The series as it is known at a time: up to [`YEARS_AHEAD_MAX`] years after it, or after the start if that is later.
    #[must_use]
    pub fn known_at(mut self, now: DateTime<Utc>) -> Self {
        self.horizon = years_after(now.max(self.start.instant));
        self
    }

    /// The zone that the occurrences are computed in.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.start.zone
    }

    /// The first occurrence.
    #[must_use]
    pub fn first(&self) -> DateTime<Utc> {
        self.first
    }

    /// Occurrences that start at an instant or later, rising.
    #[must_use]
    pub fn after(&self, from: DateTime<Utc>) -> Occurrences<'_> {
        Occurrences::new(self, Direction::Forward, from, self.horizon)
    }

    /// Occurrences that start before an instant, the last first.
    #[must_use]
    pub fn before(&self, end: DateTime<Utc>) -> Occurrences<'_> {
        let until = end
            .checked_sub_signed(TimeDelta::nanoseconds(1))
            .unwrap_or(end)
            .min(self.horizon);
        Occurrences::new(self, Direction::Backward, self.start.instant, until)
    }

    /// Whether an occurrence starts at this instant.
    #[must_use]
    pub fn is_occurrence(&self, instant: DateTime<Utc>) -> bool {
        self.has(instant, &mut Steps::default())
    }

    fn has(&self, instant: DateTime<Utc>, steps: &mut Steps) -> bool {
        let mut is_named = |rules: &[Rule]| rules.iter().any(|rule| rule.has_instant(instant, steps));
        instant >= self.start.instant
            && instant <= self.horizon
            && (self.dates.contains(&instant) || is_named(&self.rules))
            && !self.is_excluded_by_date(instant)
            && !is_named(&self.excluded_rules)
    }

    fn is_excluded_by_date(&self, instant: DateTime<Utc>) -> bool {
        self.excluded_dates.contains(&instant)
            || !self.excluded_days.is_empty()
                && self
                    .excluded_days
                    .contains(&wall_of(instant, self.start.zone).date())
    }

    /// When an occurrence ends that is as long as the first. Whole days stay whole where clocks change.
    #[must_use]
    pub fn end_of(&self, occurrence: DateTime<Utc>, duration: TimeDelta) -> DateTime<Utc> {
        if !self.start.all_day {
            return occurrence + duration;
        }
        let hours = duration.num_hours().max(0);
        let days = u64::try_from((hours + 12) / 24).unwrap_or_default();
        let day = wall_of(occurrence, self.start.zone).date() + Days::new(days);
        instant_of(day.and_time(NaiveTime::MIN), self.start.zone)
    }

    /// When the last occurrence ends; `None` when the series has no end, or one beyond what is known.
    #[must_use]
    pub fn last_end(&self, duration: TimeDelta) -> Option<DateTime<Utc>> {
        let is_known = |rule: &Rule| rule.end().is_some_and(|end| end <= self.horizon);
        if !self.rules.iter().all(is_known) || self.dates.last().is_some_and(|last| *last > self.horizon) {
            return None;
        }
        let last = self.before(self.horizon).next()?;
        Some(self.end_of(last, duration))
    }
}

fn years_after(instant: DateTime<Utc>) -> DateTime<Utc> {
    let end = instant.checked_add_months(Months::new(12 * YEARS_AHEAD_MAX));
    end.unwrap_or(instant)
}

impl Rule {
    /// Whether an occurrence of the rule is at this instant: by what clocks show, or moved there by a gap.
    fn has_instant(&self, instant: DateTime<Utc>, steps: &mut Steps) -> bool {
        if self.until.is_some_and(|until| instant > until) || instant < self.start.instant {
            return false;
        }
        let zone = self.start.zone;
        let shown = wall_of(instant, zone);
        let before = instant - TimeDelta::days(1);
        let moved = instant.naive_utc() + (wall_of(before, zone) - before.naive_utc());
        let mut is_at = |wall| self.start.instant_of(wall) == instant && self.has(wall, steps);
        let is_start = instant == self.start.instant;
        is_at(shown) || moved != shown && is_at(moved) || is_start && is_at(self.start.wall)
    }
}

/// Occurrences in order. It ends at [`YEARS_AHEAD_MAX`] years, or when [`STEPS_MAX`] steps were taken.
#[derive(Debug)]
pub struct Occurrences<'a> {
    recurrence: &'a Recurrence,
    direction: Direction,
    rules: Vec<Walk<'a>>,
    excluded: Vec<Walk<'a>>,
    dates: BTreeSet<DateTime<Utc>>,
    steps: Steps,
}

impl<'a> Occurrences<'a> {
    fn new(
        recurrence: &'a Recurrence,
        direction: Direction,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Self {
        let walks = |rules: &'a [Rule]| {
            rules
                .iter()
                .map(|rule| Walk::new(rule, direction, from, until))
                .collect()
        };
        let dates = recurrence
            .dates
            .iter()
            .filter(|date| (from..=until).contains(*date));
        Self {
            recurrence,
            direction,
            rules: walks(&recurrence.rules),
            excluded: walks(&recurrence.excluded_rules),
            dates: dates.copied().collect(),
            steps: Steps::default(),
        }
    }

    /// How much work it was so far.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps.taken()
    }

    fn next_candidate(&mut self) -> Option<DateTime<Utc>> {
        let listed = match self.direction {
            Direction::Forward => self.dates.first(),
            Direction::Backward => self.dates.last(),
        };
        let mut next = listed.copied();
        for walk in &mut self.rules {
            let found = walk.peek(&mut self.steps);
            next = match (next, found) {
                (Some(next), Some(found)) => Some(self.direction.nearer(next, found)),
                (next, found) => next.or(found),
            };
        }
        let next = next.filter(|_| !self.steps.are_used_up())?;
        self.dates.remove(&next);
        for walk in &mut self.rules {
            walk.pass(next);
        }
        Some(next)
    }

    fn is_excluded(&mut self, occurrence: DateTime<Utc>) -> bool {
        if self.recurrence.is_excluded_by_date(occurrence) {
            return true;
        }
        for walk in &mut self.excluded {
            while let Some(excluded) = walk.peek(&mut self.steps) {
                if excluded == occurrence {
                    return true;
                }
                if self.direction.nearer(occurrence, excluded) == occurrence {
                    break;
                }
                walk.pass(excluded);
            }
        }
        false
    }
}

impl Iterator for Occurrences<'_> {
    type Item = DateTime<Utc>;

    fn next(&mut self) -> Option<DateTime<Utc>> {
        loop {
            let candidate = self.next_candidate()?;
            self.steps.take(1);
            let is_excluded = self.is_excluded(candidate);
            // An exclusion that was not looked for to its end proves nothing.
            if self.steps.are_used_up() {
                return None;
            }
            if !is_excluded {
                return Some(candidate);
            }
        }
    }
}

impl Direction {
    /// Which of two comes first.
    fn nearer(self, one: DateTime<Utc>, other: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Forward => one.min(other),
            Self::Backward => one.max(other),
        }
    }
}
