//! The occurrences of a series with their exceptions, in the order of their beginnings.

use std::iter::Peekable;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::schedule;
use crate::{
    calendar::recurrence::{Recurrence, RecurrenceError},
    store::events::{Event, Exception, Times, ZonedTime},
};

/// How an occurrence is named: the UTC time of its beginning by the series' rule.
const NAME: &str = "%Y%m%dT%H%M%SZ";

/// By how much longer than others an occurrence may last where clocks change.
const DURATION_MARGIN: TimeDelta = TimeDelta::days(1);

/// Name of the occurrence that would begin at this time.
#[must_use]
pub fn name(original: DateTime<Utc>) -> String {
    original.format(NAME).to_string()
}

/// The beginning in a name. `None` for what is no name.
#[must_use]
pub fn parse_name(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, NAME).ok()?.and_utc();
    // The parser is more generous than we are.
    (name(time) == text).then_some(time)
}

/// A series that can be looked at.
#[derive(Debug)]
pub struct Series {
    recurrence: Recurrence,
    /// Of the first occurrence.
    times: Times,
    exceptions: Vec<Exception>,
}

/// One occurrence as it takes place.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// When it would begin by the series' rule.
    pub original: DateTime<Utc>,
    pub times: Times,
    /// How it differs from the series.
    pub exception: Option<Exception>,
}

/// The place of an occurrence among the others: by beginning, then by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    #[serde(with = "chrono::serde::ts_seconds")]
    pub starts_at: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_seconds")]
    pub original: DateTime<Utc>,
}

/// Where a page goes on from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beyond {
    After(Place),
    Before(Place),
}

/// Which occurrences are asked for: those that begin before `time_max` and end after `time_min`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeFilter {
    pub time_min: Option<DateTime<Utc>>,
    pub time_max: Option<DateTime<Utc>>,
}

/// A page of occurrences, and the places from which its neighbours go on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    pub instances: Vec<Instance>,
    pub before: Option<Place>,
    pub after: Option<Place>,
}

impl Instance {
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            starts_at: self.times.starts_at.at,
            original: self.original,
        }
    }
}

impl TimeFilter {
    fn passes(self, times: &Times) -> bool {
        self.time_min.is_none_or(|min| times.ends_at.at > min)
            && self.time_max.is_none_or(|max| times.starts_at.at < max)
    }
}

impl Series {
    /// The series of an event with its exceptions, as far as it is known at `now`. `None` when the event is no series.
    pub fn new(
        event: &Event,
        exceptions: Vec<Exception>,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, RecurrenceError> {
        let Some(times) = event.times.filter(|_| !event.recurrence.is_empty()) else {
            return Ok(None);
        };
        let recurrence = schedule::series(&times, &event.recurrence)?.known_at(now);
        Ok(Some(Self {
            recurrence,
            times,
            exceptions,
        }))
    }

    /// The occurrence that begins, by the series' rule, at this time.
    #[must_use]
    pub fn at(&self, original: DateTime<Utc>) -> Option<Instance> {
        let exception = self
            .exceptions
            .iter()
            .find(|one| one.original_starts_at == original);
        self.recurrence
            .is_occurrence(original)
            .then(|| self.instance(original, exception))
    }

    /// The occurrences that differ from the series.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// When the last occurrence ends by the series' rule; `None`: never.
    #[must_use]
    pub fn last_end(&self) -> Option<DateTime<Utc>> {
        self.recurrence.last_end(self.times.duration())
    }

    /// At most `limit` occurrences.
    #[must_use]
    pub fn page(&self, filter: TimeFilter, from: Option<Beyond>, limit: usize) -> Page {
        let mut instances: Vec<_> = match from {
            Some(Beyond::Before(place)) => self.backward(filter, Some(place)).take(limit + 1).collect(),
            Some(Beyond::After(place)) => self.forward(filter, Some(place)).take(limit + 1).collect(),
            None => self.forward(filter, None).take(limit + 1).collect(),
        };
        let has_more = instances.len() > limit;
        instances.truncate(limit);
        let is_backward = matches!(from, Some(Beyond::Before(_)));
        if is_backward {
            instances.reverse();
        }
        let (first, last) = (
            instances.first().map(Instance::place),
            instances.last().map(Instance::place),
        );
        let precedes = || first.filter(|place| self.backward(filter, Some(*place)).next().is_some());
        let follows = || last.filter(|place| self.forward(filter, Some(*place)).next().is_some());
        let (before, after) = match from {
            None => (None, last.filter(|_| has_more)),
            Some(Beyond::After(_)) => (precedes(), last.filter(|_| has_more)),
            Some(Beyond::Before(_)) => (first.filter(|_| has_more), follows()),
        };
        Page {
            instances,
            before,
            after,
        }
    }

    fn forward(&self, filter: TimeFilter, behind: Option<Place>) -> impl Iterator<Item = Instance> {
        let earliest = filter.time_min.map(|min| self.before_all_that_last_to(min));
        let start = [earliest, behind.map(|place| place.starts_at)]
            .into_iter()
            .flatten()
            .max();
        let start = start.map_or(self.times.starts_at.at, |start| {
            start.max(self.times.starts_at.at)
        });
        let regular = self
            .recurrence
            .after(start)
            .take_while(move |original| filter.time_max.is_none_or(|max| *original < max));
        let passes =
            move |one: &Instance| filter.passes(&one.times) && behind.is_none_or(|place| one.place() > place);
        Merged {
            one: self.regular(regular).filter(passes).peekable(),
            other: self.irregular(passes).into_iter().peekable(),
            is_first: |one: Place, other: Place| one < other,
        }
    }

    fn backward(&self, filter: TimeFilter, ahead: Option<Place>) -> impl Iterator<Item = Instance> {
        // One that begins at the same second may still be ahead by its name.
        let latest = ahead.map(|place| place.starts_at + TimeDelta::seconds(1));
        let end = [filter.time_max, latest].into_iter().flatten().min();
        let earliest = filter.time_min.map(|min| self.before_all_that_last_to(min));
        let regular = self
            .recurrence
            .before(end.unwrap_or(DateTime::<Utc>::MAX_UTC))
            .take_while(move |original| earliest.is_none_or(|earliest| *original >= earliest));
        let passes =
            move |one: &Instance| filter.passes(&one.times) && ahead.is_none_or(|place| one.place() < place);
        let mut irregular = self.irregular(passes);
        irregular.reverse();
        Merged {
            one: self.regular(regular).filter(passes).peekable(),
            other: irregular.into_iter().peekable(),
            is_first: |one: Place, other: Place| one > other,
        }
    }

    /// Whatever lasts beyond this time begins later than what is returned.
    fn before_all_that_last_to(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        let duration = self.times.duration() + DURATION_MARGIN;
        time.checked_sub_signed(duration)
            .unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// Occurrences that are as the series says.
    fn regular(&self, originals: impl Iterator<Item = DateTime<Utc>>) -> impl Iterator<Item = Instance> {
        let is_regular = |original: &DateTime<Utc>| {
            self.exceptions
                .iter()
                .all(|one| one.original_starts_at != *original)
        };
        originals
            .filter(is_regular)
            .map(|original| self.instance(original, None))
    }

    /// Occurrences that differ, wherever they have been moved to.
    fn irregular(&self, passes: impl Fn(&Instance) -> bool) -> Vec<Instance> {
        let mut instances: Vec<_> = self
            .exceptions
            .iter()
            .map(|exception| self.instance(exception.original_starts_at, Some(exception)))
            .filter(|instance| passes(instance))
            .collect();
        instances.sort_by_key(Instance::place);
        instances
    }

    fn instance(&self, original: DateTime<Utc>, exception: Option<&Exception>) -> Instance {
        let regular = self.regular_times(original);
        let times = exception.map_or(regular, |exception| Times {
            is_all_day: exception.is_all_day.unwrap_or(regular.is_all_day),
            starts_at: exception.starts_at.unwrap_or(regular.starts_at),
            ends_at: exception.ends_at.unwrap_or(regular.ends_at),
        });
        Instance {
            original,
            times,
            exception: exception.cloned(),
        }
    }

    /// When an occurrence takes place by the series' rule.
    #[must_use]
    pub fn regular_times(&self, original: DateTime<Utc>) -> Times {
        let ends_at = self.recurrence.end_of(original, self.times.duration());
        Times {
            is_all_day: self.times.is_all_day,
            starts_at: ZonedTime {
                at: original,
                ..self.times.starts_at
            },
            ends_at: ZonedTime {
                at: ends_at,
                ..self.times.ends_at
            },
        }
    }
}

/// Two sorted sequences as one.
struct Merged<One: Iterator, Other: Iterator, IsFirst> {
    one: Peekable<One>,
    other: Peekable<Other>,
    is_first: IsFirst,
}

impl<One, Other, IsFirst> Iterator for Merged<One, Other, IsFirst>
where
    One: Iterator<Item = Instance>,
    Other: Iterator<Item = Instance>,
    IsFirst: Fn(Place, Place) -> bool,
{
    type Item = Instance;

    fn next(&mut self) -> Option<Instance> {
        match (self.one.peek(), self.other.peek()) {
            (Some(one), Some(other)) if (self.is_first)(one.place(), other.place()) => self.one.next(),
            (_, Some(_)) => self.other.next(),
            (_, None) => self.one.next(),
        }
    }
}
