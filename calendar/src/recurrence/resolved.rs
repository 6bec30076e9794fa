//! A series as iCalendar can say it, so that every reader finds what we hold.
//!
//! Readers count a rule from DTSTART and take what it leaves open from there; two rules, and EXRULE, are read by few. So
//! there is one rule at most, which begins at the first date that it names itself, and everything else is dates that come
//! in or go out.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, NaiveDateTime, NaiveTime, Utc};

use crate::zones::Zone;

use super::{
    Recurrence, RecurrenceSet, Rule,
    anchored::AnchoredRule,
    date::Written,
    instant_of,
    steps::Steps,
    walk::{Direction, Walk},
    wall_of,
};

/// Dates that EXRULE takes from a series, or that a further RRULE gives it: so many are listed. A series ends, for readers, at
/// the last that EXRULE takes.
pub const RESOLVED_MAX: usize = 5_000;

/// One rule, and dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The zone that times are shown in; of whole days only the date counts.
    pub zone: Zone,
    /// DTSTART. Unless it is among `excluded`, it is an occurrence.
    pub first: Shown,
    /// RRULE, which names `first`.
    pub rule: Option<Rule>,
    /// RDATE: what the rule does not name.
    pub added: Vec<Shown>,
    /// EXDATE: what the rule names, but does not take place.
    pub excluded: Vec<Shown>,
    /// How much work it was.
    pub steps: u32,
}

/// A time and how a rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    pub at: DateTime<Utc>,
    /// What clocks show then. Where they skip it, it is meant as RFC 5545 counts it, with the offset from before the gap.
    pub wall: NaiveDateTime,
}

impl Shown {
    /// Whether its wall time, as RFC 5545 reads it, is this time: of two equal ones it means the first.
    #[must_use]
    pub fn is_told_by_wall(&self, zone: Zone) -> bool {
        instant_of(self.wall, zone) == self.at
    }
}

impl RecurrenceSet {
    /// Without the occurrences that are cancelled, named by when they would have begun. `recurrence` is what the set was made
    /// of.
    #[must_use]
    pub fn resolved(&self, recurrence: &Recurrence, cancelled: &BTreeSet<DateTime<Utc>>) -> Resolved {
        let mut steps = Steps::default();
        let said = recurrence.first_rule().and_then(|rule| self.told(rule));
        let main = self.rules.first().zip(said);
        let main = main.and_then(|(rule, said)| {
            let first = rule.first_wall(self.horizon, &mut steps)?;
            Some(Main {
                rule,
                said,
                first,
                excluded: BTreeSet::new(),
            })
        });
        let mut resolving = Resolving {
            set: self,
            main,
            cancelled,
            added: BTreeSet::new(),
            steps,
        };
        resolving.exclude();
        resolving.add();
        resolving.result()
    }

    /// How the rule in front is told; `None` where it can't be.
    fn told(&self, rule: &Rule) -> Option<Rule> {
        let anchored = self.rules.first()?;
        let mut rule = if self.start.all_day {
            rule.clone().of_days()?
        } else {
            rule.clone()
        };
        // Other readers take it for all days of the week.
        if !anchored.weeks.is_empty() && rule.parts().get_by_weekday().is_empty() && !anchored.days.is_empty()
        {
            rule = rule.on_weekday(self.start.wall.weekday());
        }
        Some(match anchored.until {
            Some(until) => rule.with_until(self.until(until)),
            None => rule,
        })
    }

    /// An end as it has to be written beside DTSTART: a day of whole days, otherwise in UTC.
    fn until(&self, at: DateTime<Utc>) -> Written {
        if self.start.all_day {
            Written::Day(wall_of(at, self.start.zone).date())
        } else {
            Written::Instant(at)
        }
    }

    /// An occurrence as the rule in front names it, otherwise as clocks show it.
    #[must_use]
    pub fn shown(&self, at: DateTime<Utc>) -> Shown {
        let mut steps = Steps::default();
        let named = self.rules.first().and_then(|rule| {
            let mut walls = rule.walls_at(at).into_iter().flatten();
            walls.find(|wall| rule.has(*wall, &mut steps))
        });
        let wall = named.unwrap_or_else(|| wall_of(at, self.start.zone));
        Shown { at, wall }
    }
}

/// The rule that is told.
struct Main<'a> {
    rule: &'a AnchoredRule,
    said: Rule,
    first: NaiveDateTime,
    excluded: BTreeSet<NaiveDateTime>,
}

struct Resolving<'a> {
    set: &'a RecurrenceSet,
    main: Option<Main<'a>>,
    cancelled: &'a BTreeSet<DateTime<Utc>>,
    added: BTreeSet<Shown>,
    steps: Steps,
}

impl Resolving<'_> {
    /// Finds what the rule names and does not take place.
    fn exclude(&mut self) {
        let Some(mut main) = self.main.take() else { return };
        let steps = &mut self.steps;
        for at in self.set.excluded_dates.iter().chain(self.cancelled) {
            let walls = main.rule.walls_at(*at).into_iter().flatten();
            main.excluded
                .extend(walls.filter(|wall| main.rule.has(*wall, steps)));
        }
        for day in &self.set.excluded_days {
            // A gap at midnight moves an occurrence into the next day.
            let days = [day.pred_opt(), Some(*day)].into_iter().flatten();
            let walls = days.flat_map(|day| main.rule.times.iter().map(move |time| day.and_time(*time)));
            let lies_there = |wall: &NaiveDateTime| {
                let at = main.rule.start.instant_of(*wall);
                wall_of(at, self.set.start.zone).date() == *day
            };
            main.excluded
                .extend(walls.filter(|wall| lies_there(wall) && main.rule.has(*wall, steps)));
        }
        if !self.set.excluded_rules.is_empty() {
            self.exclude_by_rules(&mut main);
        }
        self.main = Some(main);
    }

    /// What EXRULE takes away, as far as that can be listed.
    fn exclude_by_rules(&mut self, main: &mut Main<'_>) {
        let set = self.set;
        let walk = |rule| Walk::new(rule, Direction::Forward, set.start.instant, set.horizon);
        let mut excluding: Vec<_> = set.excluded_rules.iter().map(walk).collect();
        let mut named = walk(main.rule);
        let (mut left, mut last) = (RESOLVED_MAX, set.start.instant);
        while left > 0
            && let Some(at) = named.peek(&mut self.steps)
        {
            let is_excluded = excluding.iter_mut().any(|walk| walk.meets(at, &mut self.steps));
            if self.steps.are_used_up() {
                break;
            }
            if is_excluded {
                let walls = main.rule.walls_at(at).into_iter().flatten();
                main.excluded
                    .extend(walls.filter(|wall| main.rule.has(*wall, &mut self.steps)));
                left -= 1;
            }
            last = at;
            named.pass(at);
        }
        let is_over = left > 0 && !self.steps.are_used_up();
        if !is_over || main.rule.end().is_none_or(|end| end > set.horizon) {
            let written = set.until(last);
            main.said = main.said.clone().ending(written);
        }
    }

    /// Finds what takes place and the rule does not name.
    fn add(&mut self) {
        let set = self.set;
        for at in &set.dates {
            self.add_one(*at);
        }
        let further = usize::from(self.main.is_some());
        for rule in set.rules.iter().skip(further) {
            let mut walk = Walk::new(rule, Direction::Forward, set.start.instant, set.horizon);
            while self.added.len() < RESOLVED_MAX
                && let Some(at) = walk.peek(&mut self.steps)
            {
                self.add_one(at);
                walk.pass(at);
            }
        }
        self.set_right_a_second_time();
    }

    fn add_one(&mut self, at: DateTime<Utc>) {
        let (set, steps) = (self.set, &mut self.steps);
        let wall = wall_of(at, set.start.zone);
        // Of whole days only the date is told.
        let wall = if set.start.all_day {
            wall.date().and_time(NaiveTime::MIN)
        } else {
            wall
        };
        let is_named = self.main.as_ref().is_some_and(|main| {
            let mut walls = main.rule.walls_at(at).into_iter().flatten();
            let mut is_left = |wall| main.rule.has(wall, steps) && !main.excluded.contains(&wall);
            walls.any(&mut is_left) || set.start.all_day && is_left(wall)
        });
        if !is_named && set.has(at, steps) && !self.cancelled.contains(&at) {
            self.added.insert(Shown { at, wall });
        }
    }

    /// A start that is the second of two equal times: what a rule names means the first.
    fn set_right_a_second_time(&mut self) {
        let (start, steps) = (&self.set.start, &mut self.steps);
        let Some(main) = &mut self.main else { return };
        let shown = Shown {
            at: start.instant,
            wall: start.wall,
        };
        if shown.is_told_by_wall(start.zone) || start.all_day || !main.rule.has(start.wall, steps) {
            return;
        }
        if main.excluded.insert(start.wall) {
            self.added.insert(shown);
        }
    }

    fn result(mut self) -> Resolved {
        let zone = self.set.start.zone;
        let told = |wall: NaiveDateTime| Shown {
            at: instant_of(wall, zone),
            wall,
        };
        let steps = self.steps.taken();
        let Some(main) = self.main else {
            let first = self.added.first().copied();
            // With the first once more: beside other dates, some readers take no start for one.
            if self.added.len() < 2 {
                self.added.clear();
            }
            let nothing_left = self.set.shown(self.set.first());
            return Resolved {
                zone,
                first: first.unwrap_or(nothing_left),
                rule: None,
                added: self.added.into_iter().collect(),
                excluded: first.is_none().then_some(nothing_left).into_iter().collect(),
                steps,
            };
        };
        Resolved {
            zone,
            first: told(main.first),
            rule: Some(main.said),
            added: self.added.into_iter().collect(),
            excluded: main.excluded.into_iter().map(told).collect(),
            steps,
        }
    }
}

impl AnchoredRule {
    /// What clocks show at the first date that it names.
    fn first_wall(&self, horizon: DateTime<Utc>, steps: &mut Steps) -> Option<NaiveDateTime> {
        let last = self.end().map_or(horizon, |end| end.min(horizon));
        for period in 0.. {
            let begin = self.period_start(period)?;
            if steps.are_used_up() || begin > wall_of(last, self.start.zone).date() {
                return None;
            }
            if let Some(wall) = self.walls(period, steps).first() {
                return (self.start.instant_of(*wall) <= last).then_some(*wall);
            }
        }
        None
    }
}
