//! When the occurrences of an entry take place.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Entry, Moment, Span, zone};
use crate::recurrence::{LocalStart, RecurrenceSet, Resolved, Shown, wall_of};

/// Of an event with times. To make one may take as many steps as its series does.
#[derive(Debug)]
pub struct Timetable {
    span: Span,
    /// `None`: it takes place once.
    series: Option<Series>,
}

#[derive(Debug)]
pub(super) struct Series {
    set: RecurrenceSet,
    pub resolved: Resolved,
}

impl Entry {
    /// When its occurrences take place; `None` for an event that is independent of time.
    #[must_use]
    pub fn timetable(&self) -> Option<Timetable> {
        let span = self.span.clone()?;
        let start = LocalStart {
            instant: span.starts_at.at,
            zone: zone(&span.starts_at.timezone),
            skipped: span.skipped_start,
            all_day: span.is_all_day,
        };
        // What is stored was tried before it was stored.
        let set = (!self.recurrence.is_empty())
            .then(|| RecurrenceSet::new(&self.recurrence, start).ok())
            .flatten();
        let series = set.map(|set| {
            let cancelled = self.exceptions.iter().filter(|one| one.is_cancelled);
            let cancelled: BTreeSet<_> = cancelled.map(|one| one.original_starts_at).collect();
            let resolved = set.resolved(&self.recurrence, &cancelled);
            Series { set, resolved }
        });
        Some(Timetable { span, series })
    }
}

impl Timetable {
    /// How much work it was.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let series = self.series.as_ref();
        series.map_or(0, |series| {
            u64::from(series.set.steps()) + u64::from(series.resolved.steps)
        })
    }

    /// The first occurrence, by the series' rule.
    #[must_use]
    pub fn first(&self) -> Span {
        match &self.series {
            Some(series) => self.at(series.set.first()),
            None => self.span.clone(),
        }
    }

    /// The occurrence that begins at this time, as long as the others. Whole days stay whole where clocks change.
    #[must_use]
    pub fn at(&self, start: DateTime<Utc>) -> Span {
        let (span, series) = (&self.span, self.series.as_ref());
        let Some(series) = series.filter(|_| start != span.starts_at.at) else {
            return Span {
                starts_at: Moment {
                    at: start,
                    ..span.starts_at.clone()
                },
                ends_at: Moment {
                    at: start + self.duration(),
                    ..span.ends_at.clone()
                },
                ..span.clone()
            };
        };
        let moment = |at, known: &Moment| Moment { at, ..known.clone() };
        Span {
            starts_at: moment(start, &span.starts_at),
            ends_at: moment(series.set.end_of(start, self.duration()), &span.ends_at),
            ..*span
        }
    }

    pub(super) fn duration(&self) -> TimeDelta {
        self.span.ends_at.at - self.span.starts_at.at
    }

    pub(super) fn series(&self) -> Option<&Series> {
        self.series.as_ref()
    }

    /// The beginning of an occurrence as the series names it.
    pub(super) fn shown(&self, at: DateTime<Utc>) -> Shown {
        match &self.series {
            Some(series) => series.set.shown(at),
            None => Shown {
                at,
                wall: wall_of(at, zone(&self.span.starts_at.timezone)),
            },
        }
    }
}
