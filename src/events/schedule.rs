//! When an event takes place: what clients may ask for, and what comes of it.

use chrono::{DateTime, NaiveTime, Utc};

use crate::{
    calendar::recurrence::{LocalStart, Recurrence, RecurrenceError, instant_of, wall_of},
    store::events::{Times, ZonedTime},
};

pub use crate::calendar::recurrence::{LINE_CHARS_MAX, LINES_MAX};

/// What a client says about the times of an event; `None` is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    pub is_time_independent: Option<bool>,
    pub is_all_day: Option<bool>,
    pub starts_at: Option<ZonedTime>,
    pub ends_at: Option<ZonedTime>,
    pub recurrence: Option<Vec<String>>,
}

/// When an event takes place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Of the first occurrence; `None`: the event is time-independent.
    pub times: Option<Times>,
    /// Empty: a single event.
    pub recurrence: Vec<String>,
    /// When the last occurrence ends; `None`: never, or time-independent.
    pub series_ends_at: Option<DateTime<Utc>>,
}

/// Why an event can't take place as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
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
    pub fn new(asked: Asked) -> Result<Self, Refusal> {
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
        };
        Self::with_times(times, asked.recurrence.unwrap_or_default())
    }

    /// This one with the changes that are asked for; what is not said stays.
    pub fn changed(&self, asked: Asked) -> Result<Self, Refusal> {
        match (asked.is_time_independent, self.times) {
            (Some(true), _) | (None, None) => Self::without_times(&asked),
            (Some(false), None) => Self::new(asked),
            (_, Some(times)) => {
                let times = Times {
                    is_all_day: asked.is_all_day.unwrap_or(times.is_all_day),
                    starts_at: asked.starts_at.unwrap_or(times.starts_at),
                    ends_at: asked.ends_at.unwrap_or(times.ends_at),
                };
                Self::with_times(times, asked.recurrence.unwrap_or_else(|| self.recurrence.clone()))
            }
        }
    }

    fn without_times(asked: &Asked) -> Result<Self, Refusal> {
        let fields = [
            ("is_all_day", asked.is_all_day.is_some()),
            ("starts_at", asked.starts_at.is_some()),
            ("ends_at", asked.ends_at.is_some()),
            (
                "recurrence_pattern",
                asked.recurrence.as_ref().is_some_and(|lines| !lines.is_empty()),
            ),
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

    fn with_times(times: Times, recurrence: Vec<String>) -> Result<Self, Refusal> {
        check(&times)?;
        let series_ends_at = if recurrence.is_empty() {
            Some(times.ends_at.at)
        } else {
            series(&times, &recurrence)
                .map_err(|error| Refusal::Event(format!("recurrence_pattern: {error}")))?
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
        let start = |schedule: &Self| schedule.times.map(|times| times.starts_at);
        !before.recurrence.is_empty()
            && (self.recurrence != before.recurrence || start(self) != start(before))
    }
}

/// The occurrences of an event with these times and this pattern.
pub(super) fn series(times: &Times, recurrence: &[String]) -> Result<Recurrence, RecurrenceError> {
    let start = LocalStart {
        instant: times.starts_at.at,
        zone: times.starts_at.zone,
        all_day: times.is_all_day,
    };
    Recurrence::parse(recurrence, start)
}

/// The end does not lie before the beginning, and whole days begin and end at midnight.
pub(super) fn check(times: &Times) -> Result<(), Refusal> {
    if times.ends_at.at < times.starts_at.at {
        return Err(Refusal::Event("ends_at lies before starts_at".to_owned()));
    }
    let are_days = is_midnight(times.starts_at) && is_midnight(times.ends_at);
    if times.is_all_day && !are_days {
        let message = "An event of whole days begins and ends at 00:00 in its time zone or in UTC";
        return Err(Refusal::Event(message.to_owned()));
    }
    Ok(())
}

/// Midnight in the zone, or in UTC as older clients send it. Where clocks skip midnight, the day begins after the gap.
fn is_midnight(time: ZonedTime) -> bool {
    let midnight = wall_of(time.at, time.zone).date().and_time(NaiveTime::MIN);
    instant_of(midnight, time.zone) == time.at || time.at.time() == NaiveTime::MIN
}

fn findings(fields: &[(&'static str, bool)], code: &'static str, message: &'static str) -> Refusal {
    let found = fields.iter().filter(|(_, is_wrong)| *is_wrong);
    Refusal::Fields(
        found
            .map(|&(field, _)| Finding { field, code, message })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::parse;

    fn time(datetime: &str) -> ZonedTime {
        parse(datetime, "Europe/Berlin").expect("a time")
    }

    fn timed(starts_at: &str, ends_at: &str) -> Asked {
        Asked {
            is_time_independent: Some(false),
            is_all_day: Some(false),
            starts_at: Some(time(starts_at)),
            ends_at: Some(time(ends_at)),
            recurrence: None,
        }
    }

    fn weekly() -> Asked {
        Asked {
            recurrence: Some(vec!["RRULE:FREQ=WEEKLY;COUNT=3".to_owned()]),
            ..timed("2027-03-22T10:00", "2027-03-22T11:00")
        }
    }

    fn refused(schedule: Result<Schedule, Refusal>) -> Vec<(&'static str, &'static str)> {
        match schedule.expect_err("refused") {
            Refusal::Fields(found) => found.iter().map(|one| (one.field, one.code)).collect(),
            Refusal::Event(_) => vec![("", "invalid_event")],
        }
    }

    #[test]
    fn a_series_keeps_its_wall_clock_and_knows_its_end() {
        let schedule = Schedule::new(weekly()).expect("a schedule");
        // Three weeks later, in summer time.
        assert_eq!(schedule.series_ends_at, Some(time("2027-04-05T11:00").at));
        let single = Schedule::new(timed("2027-03-22T10:00", "2027-03-22T10:00")).expect("a schedule");
        assert_eq!(single.series_ends_at, Some(time("2027-03-22T10:00").at));
        let endless = Asked {
            recurrence: Some(vec!["RRULE:FREQ=DAILY".to_owned()]),
            ..weekly()
        };
        assert_eq!(Schedule::new(endless).expect("a schedule").series_ends_at, None);
    }

    #[test]
    fn times_are_all_there_or_not_at_all() {
        let required = Asked {
            is_time_independent: Some(false),
            is_all_day: Some(true),
            ..Asked::default()
        };
        let missing = [("starts_at", "value_required"), ("ends_at", "value_required")];
        assert_eq!(refused(Schedule::new(required.clone())), missing);
        assert_eq!(refused(Schedule::default().changed(required)), missing);
        let ignored = Asked {
            is_time_independent: Some(true),
            ..weekly()
        };
        let fields = ["is_all_day", "starts_at", "ends_at", "recurrence_pattern"];
        let expected = fields.map(|field| (field, "ignored_value"));
        assert_eq!(refused(Schedule::new(ignored.clone())), expected);
        let series = Schedule::new(weekly()).expect("a schedule");
        assert_eq!(refused(series.changed(ignored)), expected);
        let still = Asked {
            is_time_independent: None,
            ..weekly()
        };
        assert_eq!(refused(Schedule::default().changed(still)), expected);
        let empty = Asked {
            is_time_independent: Some(true),
            recurrence: Some(Vec::new()),
            ..Asked::default()
        };
        assert_eq!(Schedule::new(empty), Ok(Schedule::default()));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let invalid = [("", "invalid_event")];
        assert_eq!(
            refused(Schedule::new(timed("2027-03-22T10:00", "2027-03-22T09:59:59"))),
            invalid
        );
        for (starts_at, ends_at, fits) in [
            ("2027-03-22T00:00", "2027-03-23T00:00", true),
            ("2027-03-22T00:00:00Z", "2027-03-23T00:00:00Z", true),
            ("2027-03-28T00:00", "2027-03-29T00:00", true),
            ("2027-03-22T00:00", "2027-03-22T23:59:59", false),
            ("2027-03-22T00:01", "2027-03-23T00:00", false),
        ] {
            let asked = Asked {
                is_all_day: Some(true),
                ..timed(starts_at, ends_at)
            };
            assert_eq!(Schedule::new(asked).is_ok(), fits, "{starts_at}");
        }
        // In Beirut, midnight of that day was skipped: it began at 01:00.
        let day = |at: &str| parse(at, "Asia/Beirut").expect("a time");
        let skipped = Asked {
            is_all_day: Some(true),
            starts_at: Some(day("2021-03-28T01:00")),
            ends_at: Some(day("2021-03-29T00:00")),
            ..timed("2027-03-22T00:00", "2027-03-23T00:00")
        };
        assert!(Schedule::new(skipped).is_ok());
        for line in ["RRULE:FREQ=SECONDLY", "DTSTART:20270101T000000Z", "nonsense", ""] {
            let asked = Asked {
                recurrence: Some(vec![line.to_owned()]),
                ..weekly()
            };
            assert_eq!(refused(Schedule::new(asked)), invalid, "{line}");
        }
    }

    #[test]
    fn changes_keep_what_they_do_not_name() {
        let before = Schedule::new(weekly()).expect("a schedule");
        assert_eq!(before.changed(Asked::default()).as_ref(), Ok(&before));
        let longer = Asked {
            ends_at: Some(time("2027-03-22T12:00")),
            ..Asked::default()
        };
        let longer = before.changed(longer).expect("a schedule");
        assert_eq!(longer.recurrence, before.recurrence);
        assert_eq!(longer.series_ends_at, Some(time("2027-04-05T12:00").at));
        assert!(!longer.has_other_occurrences(&before));
        let later = Asked {
            starts_at: Some(time("2027-03-22T11:30")),
            ..Asked::default()
        };
        assert_eq!(refused(before.changed(later)), [("", "invalid_event")]);
    }

    #[test]
    fn exceptions_outlive_what_leaves_the_occurrences_alone() {
        let before = Schedule::new(weekly()).expect("a schedule");
        let single = Schedule::new(timed("2027-03-22T10:00", "2027-03-22T11:00")).expect("a schedule");
        let changed = |asked: Asked| {
            before
                .changed(asked)
                .expect("a schedule")
                .has_other_occurrences(&before)
        };
        assert!(!changed(weekly()));
        assert!(changed(Asked {
            recurrence: Some(Vec::new()),
            ..Asked::default()
        }));
        assert!(changed(Asked {
            starts_at: Some(time("2027-03-22T10:30")),
            ..Asked::default()
        }));
        let elsewhere = ZonedTime {
            zone: chrono_tz::UTC,
            ..time("2027-03-22T10:00")
        };
        assert!(changed(Asked {
            starts_at: Some(elsewhere),
            ..Asked::default()
        }));
        assert!(changed(Asked {
            is_time_independent: Some(true),
            ..Asked::default()
        }));
        assert!(!before.has_other_occurrences(&single));
    }
}
