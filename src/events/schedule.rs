//! When an event takes place: what clients may ask for, and what comes of it.

use chrono::{DateTime, NaiveDateTime, NaiveTime, Utc};

use crate::store::events::{Times, ZonedTime};
use colloquy_calendar::recurrence::{Recurrence, RecurrenceError, RecurrenceSet, instant_of, wall_of};

pub use colloquy_calendar::recurrence::{LINE_CHARS_MAX, LINES_MAX};

/// What a client says about the times of an event; `None` is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    pub is_time_independent: Option<bool>,
    pub is_all_day: Option<bool>,
    pub starts_at: Option<ZonedTime>,
    pub ends_at: Option<ZonedTime>,
    /// What was said of the beginning, where clocks skip it.
    pub skipped_start: Option<NaiveDateTime>,
    pub recurrence: Option<Vec<String>>,
}

impl Asked {
    /// Whether it comes from a form that says all of it each time, so that what is left out is not there.
    fn is_whole(&self) -> bool {
        self.is_time_independent == Some(false) && self.starts_at.is_some() && self.ends_at.is_some()
    }
}

/// When an event takes place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Of the first occurrence; `None`: the event is time-independent.
    pub times: Option<Times>,
    /// Empty: a single event.
    pub recurrence: Recurrence,
    /// When the last occurrence ends; `None`: never, or time-independent.
    pub series_ends_at: Option<DateTime<Utc>>,
}

/// Why an event can't take place as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleRefusal {
    Fields(Vec<Finding>),
    /// Each field is fine by itself, but not all of them together.
    Event(String),
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub field: &'static str,
    pub code: &'static str,
    pub message: &'static str,
}

impl Schedule {
    /// That of a new event.
    pub fn new(asked: Asked) -> Result<Self, ScheduleRefusal> {
        if asked.is_time_independent == Some(true) {
            return Self::without_times(&asked);
        }
        let (is_all_day, starts_at, ends_at) = (asked.is_all_day, asked.starts_at, asked.ends_at);
        let (Some(is_all_day), Some(starts_at), Some(ends_at)) = (is_all_day, starts_at, ends_at) else {
            let fields = [
                ("is_all_day", is_all_day.is_none()),
                ("starts_at", starts_at.is_none()),
                ("ends_at", ends_at.is_none()),
            ];
            return Err(findings(
                &fields,
                "value_required",
                "is required unless the event is time-independent",
            ));
        };
        let times = Times {
            is_all_day,
            starts_at,
            ends_at,
            skipped_start: asked.skipped_start,
        };
        check(&times)?;
        Self::with_times(times, pattern(&asked.recurrence.unwrap_or_default())?)
    }

    /// This one with the changes that are asked for; what is not said stays.
    pub fn changed(&self, asked: Asked) -> Result<Self, ScheduleRefusal> {
        match (asked.is_time_independent, self.times) {
            (Some(true), _) | (None, None) => Self::without_times(&asked),
            (Some(false), None) => Self::new(asked),
            (_, Some(times)) => self.with_other_times(&times, asked),
        }
    }

    fn with_other_times(&self, before: &Times, asked: Asked) -> Result<Self, ScheduleRefusal> {
        let is_whole = asked.is_whole();
        // The zone in a form is the browser's, whatever the event's is.
        let time = |asked: Option<ZonedTime>, known: ZonedTime| {
            let asked = asked.filter(|asked| !is_whole || asked.at != known.at);
            asked.unwrap_or(known)
        };
        let starts_at = time(asked.starts_at, before.starts_at);
        // Whoever says the same in UTC says nothing of clocks.
        let known = before.skipped_start.filter(|_| starts_at == before.starts_at);
        let times = Times {
            is_all_day: asked.is_all_day.unwrap_or(before.is_all_day),
            starts_at,
            ends_at: time(asked.ends_at, before.ends_at),
            skipped_start: asked.skipped_start.or(known),
        };
        check(&times)?;
        let recurrence = match asked.recurrence {
            None if !is_whole => self.recurrence.clone(),
            recurrence => pattern(&recurrence.unwrap_or_default())?,
        };
        let mut changed = Self::with_times(times, recurrence)?;
        if means_the_same(&times, &changed.recurrence, &self.recurrence) {
            changed.recurrence.clone_from(&self.recurrence);
        }
        Ok(changed)
    }

    fn without_times(asked: &Asked) -> Result<Self, ScheduleRefusal> {
        // The form of an event that loses its times still holds the pattern.
        let is_asked_for = asked.is_time_independent != Some(true);
        let has_pattern = asked.recurrence.as_ref().is_some_and(|lines| !lines.is_empty());
        let fields = [
            ("is_all_day", asked.is_all_day == Some(true)),
            ("starts_at", asked.starts_at.is_some()),
            ("ends_at", asked.ends_at.is_some()),
            ("recurrence_pattern", is_asked_for && has_pattern),
        ];
        if fields.iter().any(|(_, is_given)| *is_given) {
            return Err(findings(
                &fields,
                "ignored_value",
                "means nothing in a time-independent event",
            ));
        }
        Ok(Self::default())
    }

    fn with_times(times: Times, recurrence: Recurrence) -> Result<Self, ScheduleRefusal> {
        let series_ends_at = if recurrence.is_empty() {
            Some(times.ends_at.at)
        } else {
            series(&times, &recurrence)
                .map_err(|error| bad_pattern(&error))?
                .last_end(times.duration())
        };
        Ok(Self {
            times: Some(times),
            recurrence,
            series_ends_at,
        })
    }

    /// Whether occurrences may lie elsewhere than in the other one, so that its exceptions mean nothing any more.
    #[must_use]
    pub fn has_other_occurrences(&self, before: &Self) -> bool {
        let start = |schedule: &Self| schedule.times.map(|times| (times.starts_at, times.skipped_start));
        !before.recurrence.is_empty()
            && (self.recurrence != before.recurrence || start(self) != start(before))
    }
}

/// Reads what a client says.
fn pattern(lines: &[String]) -> Result<Recurrence, ScheduleRefusal> {
    Recurrence::parse(lines).map_err(|error| bad_pattern(&error))
}

fn bad_pattern(error: &RecurrenceError) -> ScheduleRefusal {
    ScheduleRefusal::Event(format!("recurrence_pattern: {error}"))
}

/// The occurrences of an event with these times and this pattern; without a pattern, the one.
pub(super) fn series(times: &Times, recurrence: &Recurrence) -> Result<RecurrenceSet, RecurrenceError> {
    RecurrenceSet::new(recurrence, times.local_start())
}

/// Whether two patterns of an event with these times are the same series, whatever their text.
fn means_the_same(times: &Times, one: &Recurrence, other: &Recurrence) -> bool {
    if one == other {
        return true;
    }
    if one.is_empty() || other.is_empty() {
        return false;
    }
    match (series(times, one), series(times, other)) {
        (Ok(one), Ok(other)) => one.means_the_same(&other),
        // One that was stored fits other times.
        _ => false,
    }
}

/// The end does not lie before the beginning, and whole days begin and end at midnight.
pub(super) fn check(times: &Times) -> Result<(), ScheduleRefusal> {
    if times.ends_at.at < times.starts_at.at {
        return Err(ScheduleRefusal::Event("ends_at lies before starts_at".to_owned()));
    }
    let are_days = is_midnight(times.starts_at) && is_midnight(times.ends_at);
    if times.is_all_day && !are_days {
        let message = "An event of whole days begins and ends at 00:00 in its time zone or in UTC";
        return Err(ScheduleRefusal::Event(message.to_owned()));
    }
    Ok(())
}

/// Midnight in the zone, or in UTC as older clients send it. Where clocks skip midnight, the day begins after the gap.
fn is_midnight(time: ZonedTime) -> bool {
    let midnight = wall_of(time.at, time.zone).date().and_time(NaiveTime::MIN);
    instant_of(midnight, time.zone) == time.at || time.at.time() == NaiveTime::MIN
}

fn findings(fields: &[(&'static str, bool)], code: &'static str, message: &'static str) -> ScheduleRefusal {
    let found = fields.iter().filter(|(_, is_wrong)| *is_wrong);
    ScheduleRefusal::Fields(
        found
            .map(|&(field, _)| Finding { field, code, message })
            .collect(),
    )
}

#[cfg(test)]
mod tests;
