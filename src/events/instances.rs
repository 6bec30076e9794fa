//! The occurrences of an event, of a series with their exceptions, in the order of their beginnings.

use std::iter::Peekable;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::schedule;
use crate::store::events::{Event, Exception, Status, Times, ZonedTime};
use colloquy_calendar::recurrence::{RecurrenceError, RecurrenceSet};

/// How an occurrence is named: the UTC time of its beginning by the series' rule.
const NAME: &str = "%Y%m%dT%H%M%SZ";

/// As some clients name it: by what clocks show then, and how far these are ahead of UTC.
const NAME_WITH_OFFSET: &str = "%Y%m%dT%H%M%S%z";

/// By how much longer than others an occurrence may last where clocks change.
const DURATION_MARGIN: TimeDelta = TimeDelta::days(1);

/// Name of the occurrence that would begin at this time.
#[must_use]
pub fn name(original: DateTime<Utc>) -> String {
    original.format(NAME).to_string()
}

/// The beginning in a name, also in one with an offset (`20270115T100000+0100`). `None` for what is no name.
#[must_use]
pub fn parse_name(text: &str) -> Option<DateTime<Utc>> {
    let time = match NaiveDateTime::parse_from_str(text, NAME) {
        Ok(time) => time.and_utc().fixed_offset(),
        Err(_) => DateTime::parse_from_str(text, NAME_WITH_OFFSET).ok()?,
    };
    // The parser is more generous than we are.
    let written = [name(time.to_utc()), time.format(NAME_WITH_OFFSET).to_string()];
    written.iter().any(|name| name == text).then(|| time.to_utc())
}

/// A series that can be looked at. What takes place once is one of a single occurrence.
#[derive(Debug, Clone)]
pub struct Series {
    recurrence: RecurrenceSet,
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
pub struct InstanceKey {
    #[serde(with = "chrono::serde::ts_seconds")]
    pub starts_at: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_seconds")]
    pub original: DateTime<Utc>,
}

/// Where a page goes on from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beyond {
    After(InstanceKey),
    Before(InstanceKey),
}

/// Which occurrences are asked for: those that begin before `time_max`, and end after `time_min` or begin at it or later. So
/// what has no length is found on its day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeFilter {
    pub time_min: Option<DateTime<Utc>>,
    pub time_max: Option<DateTime<Utc>>,
}

/// A page of occurrences, and the places from which its neighbours go on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstancePage {
    pub instances: Vec<Instance>,
    pub before: Option<InstanceKey>,
    pub after: Option<InstanceKey>,
}

impl Instance {
    #[must_use]
    pub fn place(&self) -> InstanceKey {
        InstanceKey {
            starts_at: self.times.starts_at.at,
            original: self.original,
        }
    }
}

impl TimeFilter {
    fn passes(self, times: &Times) -> bool {
        let is_late = |min| times.ends_at.at > min || times.starts_at.at >= min;
        self.time_min.is_none_or(is_late) && self.time_max.is_none_or(|max| times.starts_at.at < max)
    }
}

impl Series {
    /// The occurrences of an event with its exceptions, as far as they are known at `now`. `None` when it has no times.
    pub fn new(
        event: &Event,
        exceptions: Vec<Exception>,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, RecurrenceError> {
        let Some(times) = event.times else {
            return Ok(None);
        };
        let recurrence = schedule::series(&times, &event.recurrence)?.known_at(now);
        Ok(Some(Self {
            recurrence,
            times,
            exceptions,
        }))
    }

    /// The same series with other exceptions.
    #[must_use]
    pub fn with(self, exceptions: Vec<Exception>) -> Self {
        Self { exceptions, ..self }
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

    /// Whether one of them has begun and not ended.
    #[must_use]
    pub fn is_under_way(&self, now: DateTime<Utc>) -> bool {
        let around = TimeFilter {
            time_min: Some(now),
            time_max: Some(now + TimeDelta::seconds(1)),
        };
        let takes_place = |one: &Instance| {
            let exception = one.exception.as_ref();
            exception.is_none_or(|exception| exception.status == Status::Ok)
        };
        let is_on =
            |one: Instance| takes_place(&one) && one.times.starts_at.at <= now && one.times.ends_at.at > now;
        self.forward(around, None).any(is_on)
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
    pub fn page(&self, filter: TimeFilter, from: Option<Beyond>, limit: usize) -> InstancePage {
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
        InstancePage {
            instances,
            before,
            after,
        }
    }

    fn forward(&self, filter: TimeFilter, behind: Option<InstanceKey>) -> impl Iterator<Item = Instance> {
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
            is_first: |one: InstanceKey, other: InstanceKey| one < other,
        }
    }

    fn backward(&self, filter: TimeFilter, ahead: Option<InstanceKey>) -> impl Iterator<Item = Instance> {
        // One that begins at the same second may still be ahead by its name.
        let latest = ahead.map(|place| {
            let next = place.starts_at.checked_add_signed(TimeDelta::seconds(1));
            next.unwrap_or(DateTime::<Utc>::MAX_UTC)
        });
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
            is_first: |one: InstanceKey, other: InstanceKey| one > other,
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
            ..regular
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
        if original == self.times.starts_at.at {
            return self.times;
        }
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
            skipped_start: None,
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
    IsFirst: Fn(InstanceKey, InstanceKey) -> bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("RFC 3339")
    }

    #[test]
    fn names_tell_the_same_beginning_with_any_offset() {
        for (text, expected) in [
            ("20310331T080000Z", "2031-03-31T08:00:00Z"),
            ("20310331T100000+0200", "2031-03-31T08:00:00Z"),
            ("20310331T080000+0000", "2031-03-31T08:00:00Z"),
            ("20310330T223000-0930", "2031-03-31T08:00:00Z"),
            ("20310401T000000+0545", "2031-03-31T18:15:00Z"),
        ] {
            assert_eq!(parse_name(text), Some(utc(expected)), "{text}");
        }
        for text in [
            "",
            "20310331T100000",
            "20310331T100000z",
            "20310331T100000+02",
            "20310331T100000+02:00",
            "20310331T100000 +0200",
            "20310331T100000+2400",
            "20310331T100000+0260",
            "20310331T100000+0200Z",
            "20310331T240000+0200",
            "20310230T100000+0200",
            "2031033T1100000+0200",
            "+2031331T100000+0200",
        ] {
            assert_eq!(parse_name(text), None, "{text}");
        }
    }

    #[test]
    fn what_has_no_length_is_found_on_its_day() {
        let times = |starts_at: &str, ends_at: &str| {
            let zoned = |text: &str| ZonedTime {
                at: utc(text),
                zone: colloquy_calendar::zones::Zone::UTC,
            };
            Times {
                is_all_day: false,
                starts_at: zoned(starts_at),
                ends_at: zoned(ends_at),
                skipped_start: None,
            }
        };
        let day = TimeFilter {
            time_min: Some(utc("2031-03-31T00:00:00Z")),
            time_max: Some(utc("2031-04-01T00:00:00Z")),
        };
        for (starts_at, ends_at, is_found) in [
            ("2031-03-31T00:00:00Z", "2031-03-31T00:00:00Z", true),
            ("2031-03-31T12:00:00Z", "2031-03-31T12:00:00Z", true),
            ("2031-04-01T00:00:00Z", "2031-04-01T00:00:00Z", false),
            ("2031-03-30T23:00:00Z", "2031-03-31T00:00:00Z", false),
            ("2031-03-30T23:00:00Z", "2031-03-31T00:00:01Z", true),
            ("2031-03-30T00:00:00Z", "2031-04-02T00:00:00Z", true),
        ] {
            assert_eq!(
                day.passes(&times(starts_at, ends_at)),
                is_found,
                "{starts_at} {ends_at}"
            );
        }
    }
}
