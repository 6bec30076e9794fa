//! When a series takes place.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::zones::Zone;

use super::{
    LocalStart, Recurrence, RecurrenceError, YEARS_AHEAD_MAX,
    anchored::AnchoredRule,
    dates::Moment,
    instant_of,
    pattern::Line,
    steps::Steps,
    walk::{Direction, Walk},
    wall_of,
    zone::Start,
};

/// The recurrence set of RFC 5545: a pattern from its start on.
#[derive(Debug, Clone)]
pub struct RecurrenceSet {
    pub(super) start: Start,
    pub(super) rules: Vec<AnchoredRule>,
    pub(super) excluded_rules: Vec<AnchoredRule>,
    /// RDATE, and the start where there is no RRULE.
    pub(super) dates: BTreeSet<DateTime<Utc>>,
    pub(super) excluded_dates: BTreeSet<DateTime<Utc>>,
    pub(super) excluded_days: BTreeSet<NaiveDate>,
    pub(super) horizon: DateTime<Utc>,
    first: DateTime<Utc>,
    /// Steps that making it took.
    steps: u32,
}

impl RecurrenceSet {
    /// The series of a pattern, which must have an occurrence. It may take [`STEPS_MAX`](super::STEPS_MAX) steps for each of its lines.
    pub fn new(recurrence: &Recurrence, dtstart: LocalStart) -> Result<Self, RecurrenceError> {
        let start = Start::new(dtstart);
        let mut set = Self {
            start,
            rules: Vec::new(),
            excluded_rules: Vec::new(),
            dates: BTreeSet::new(),
            excluded_dates: BTreeSet::new(),
            excluded_days: BTreeSet::new(),
            horizon: years_after(start.instant),
            first: start.instant,
            steps: 0,
        };
        for line in recurrence.entries() {
            set.take(line)?;
        }
        if set.rules.is_empty() {
            set.dates.insert(start.instant);
        }
        let mut occurrences = set.after(start.instant);
        let (first, steps) = (occurrences.next(), occurrences.steps);
        set.steps += steps.taken();
        match first {
            Some(first) => Ok(Self { first, ..set }),
            None if steps.are_used_up() => Err(RecurrenceError::TooCostly),
            None => Err(RecurrenceError::NoOccurrence),
        }
    }

    /// Whether the other one says the same of when it takes place, in whatever order and words.
    #[must_use]
    pub fn means_the_same(&self, other: &Self) -> bool {
        let are_alike = |ours: &[AnchoredRule], theirs: &[AnchoredRule]| {
            ours.iter().all(|rule| theirs.contains(rule)) && theirs.iter().all(|rule| ours.contains(rule))
        };
        self.start == other.start
            && are_alike(&self.rules, &other.rules)
            && are_alike(&self.excluded_rules, &other.excluded_rules)
            && self.dates == other.dates
            && self.excluded_dates == other.excluded_dates
            && self.excluded_days == other.excluded_days
    }

    fn take(&mut self, line: &Line) -> Result<(), RecurrenceError> {
        let mut steps = Steps::default();
        match line {
            Line::Rule(rule) => self.rules.push(AnchoredRule::new(rule, &self.start, &mut steps)?),
            Line::ExcludedRule(rule) => {
                let rule = AnchoredRule::new(rule, &self.start, &mut steps)?;
                self.excluded_rules.push(rule);
            }
            Line::Dates(dates) => {
                let instants = dates.moments(&self.start).map(|date| date.instant(&self.start));
                // The start is the first of a series, whatever dates its pattern lists.
                let instants = instants.filter(|instant| *instant >= self.start.instant);
                self.dates.extend(instants);
            }
            Line::ExcludedDates(dates) => {
                for date in dates.moments(&self.start) {
                    match date {
                        Moment::At(instant) => self.excluded_dates.insert(instant),
                        Moment::Day(day) => self.excluded_days.insert(day),
                    };
                }
            }
        }
        self.steps += steps.taken();
        Ok(())
    }

    /// How much work it was to make it.
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
    pub fn zone(&self) -> Zone {
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

    pub(super) fn has(&self, instant: DateTime<Utc>, steps: &mut Steps) -> bool {
        let mut is_named = |rules: &[AnchoredRule]| rules.iter().any(|rule| rule.has_instant(instant, steps));
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
        let is_known = |rule: &AnchoredRule| rule.end().is_some_and(|end| end <= self.horizon);
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

impl AnchoredRule {
    /// Whether an occurrence of the rule is at this instant: by what clocks show, or moved there by a gap.
    pub fn has_instant(&self, instant: DateTime<Utc>, steps: &mut Steps) -> bool {
        self.walls_at(instant)
            .into_iter()
            .flatten()
            .any(|wall| self.has(wall, steps))
    }

    /// What clocks would show at this instant, to the rule: with a gap, what they skip may be named for it.
    pub fn walls_at(&self, instant: DateTime<Utc>) -> [Option<NaiveDateTime>; 3] {
        if self.until.is_some_and(|until| instant > until) || instant < self.start.instant {
            return [None; 3];
        }
        let zone = self.start.zone;
        let shown = wall_of(instant, zone);
        let before = instant - TimeDelta::days(1);
        let moved = instant.naive_utc() + (wall_of(before, zone) - before.naive_utc());
        let is_start = instant == self.start.instant;
        let means_it = |wall: &NaiveDateTime| self.start.instant_of(*wall) == instant;
        [
            Some(shown),
            Some(moved).filter(|moved| *moved != shown),
            Some(self.start.wall).filter(|wall| is_start && *wall != shown && *wall != moved),
        ]
        .map(|wall| wall.filter(means_it))
    }
}

/// Occurrences in order. It ends at [`YEARS_AHEAD_MAX`] years, or when [`STEPS_MAX`](super::STEPS_MAX) steps were taken.
#[derive(Debug)]
pub struct Occurrences<'a> {
    set: &'a RecurrenceSet,
    direction: Direction,
    rules: Vec<Walk<'a>>,
    excluded: Vec<Walk<'a>>,
    dates: BTreeSet<DateTime<Utc>>,
    steps: Steps,
}

impl<'a> Occurrences<'a> {
    fn new(set: &'a RecurrenceSet, direction: Direction, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let walks = |rules: &'a [AnchoredRule]| {
            rules
                .iter()
                .map(|rule| Walk::new(rule, direction, from, until))
                .collect()
        };
        let dates = set.dates.iter().filter(|date| (from..=until).contains(*date));
        Self {
            set,
            direction,
            rules: walks(&set.rules),
            excluded: walks(&set.excluded_rules),
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
        if self.set.is_excluded_by_date(occurrence) {
            return true;
        }
        let steps = &mut self.steps;
        self.excluded.iter_mut().any(|walk| walk.meets(occurrence, steps))
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
