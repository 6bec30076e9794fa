//! Walking along the occurrences of one rule, in either direction, in the order of instants.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::{anchored::AnchoredRule, steps::Steps, zone::wall_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    /// Which of two comes first.
    pub fn nearer(self, one: DateTime<Utc>, other: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Forward => one.min(other),
            Self::Backward => one.max(other),
        }
    }
}

/// The longest time that clocks ever skipped, and so the farthest that an occurrence is moved by a gap.
const GAP_MAX: TimeDelta = TimeDelta::days(1);

/// From `from` (inclusive) to `until` (inclusive), or the other way round.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    rule: &'a AnchoredRule,
    direction: Direction,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    /// The next period to look at.
    period: i64,
    /// What was found and not yet passed.
    ready: BTreeSet<DateTime<Utc>>,
    is_over: bool,
}

impl<'a> Walk<'a> {
    pub fn new(
        rule: &'a AnchoredRule,
        direction: Direction,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Self {
        let from = from.max(rule.start.instant);
        let until = rule.end().map_or(until, |end| until.min(end));
        // A day more: gaps and overlaps move occurrences against the wall clock.
        let (edge, margin) = match direction {
            Direction::Forward => (from, -GAP_MAX),
            Direction::Backward => (until, GAP_MAX),
        };
        let day = (wall_of(edge, rule.start.zone) + margin).date();
        let period = rule.period_of(day);
        let period = if direction == Direction::Forward {
            period.max(0)
        } else {
            period
        };
        Self {
            rule,
            direction,
            from,
            until,
            period,
            ready: BTreeSet::new(),
            is_over: from > until,
        }
    }

    /// The next occurrence. Steps that are used up end the walk.
    pub fn peek(&mut self, steps: &mut Steps) -> Option<DateTime<Utc>> {
        loop {
            let next = match self.direction {
                Direction::Forward => self.ready.first(),
                Direction::Backward => self.ready.last(),
            };
            let next = next.copied();
            if self.is_over || next.is_some_and(|next| self.is_settled(next)) {
                return next;
            }
            if steps.are_used_up() {
                return None;
            }
            self.look(steps);
        }
    }

    /// Passes an occurrence.
    pub fn pass(&mut self, occurrence: DateTime<Utc>) {
        self.ready.remove(&occurrence);
    }

    /// Whether it has this occurrence, having passed all that come before it.
    pub fn meets(&mut self, occurrence: DateTime<Utc>, steps: &mut Steps) -> bool {
        while let Some(next) = self.peek(steps) {
            if next == occurrence {
                return true;
            }
            if self.direction.nearer(occurrence, next) == occurrence {
                return false;
            }
            self.pass(next);
        }
        false
    }

    /// Whether no period that is still to come has an occurrence before this one. Only a gap in the zone's time can
    /// bring that about: it moves an occurrence past later ones.
    fn is_settled(&self, occurrence: DateTime<Utc>) -> bool {
        let wall = wall_of(occurrence, self.rule.start.zone);
        let edge = |period| {
            self.rule
                .period_start(period)
                .map(|day| day.and_time(NaiveTime::MIN))
        };
        match self.direction {
            Direction::Forward => edge(self.period).is_none_or(|start| wall < start),
            Direction::Backward => edge(self.period + 1).is_some_and(|start| wall >= start + GAP_MAX),
        }
    }

    /// Looks at one period.
    fn look(&mut self, steps: &mut Steps) {
        for wall in self.rule.walls(self.period, steps) {
            let instant = self.rule.start.instant_of(wall);
            if self.from <= instant && instant <= self.until {
                self.ready.insert(instant);
            }
        }
        let edge = match self.direction {
            Direction::Forward => {
                self.period += 1;
                self.rule.period_start(self.period)
            }
            Direction::Backward => {
                let edge = self.rule.period_start(self.period);
                self.period -= 1;
                edge
            }
        };
        let edge = edge.map(|day| self.rule.start.instant_of(day.and_time(NaiveTime::MIN)));
        self.is_over = match self.direction {
            Direction::Forward => edge.is_none_or(|edge| edge > self.until + GAP_MAX),
            Direction::Backward => self.period < 0 || edge.is_none_or(|edge| edge < self.from - GAP_MAX),
        };
    }
}
