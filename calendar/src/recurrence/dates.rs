//! The dates of RDATE and EXDATE.

use std::fmt::{self, Display, Formatter};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::zones::Zone;

use super::{
    LINE_CHARS_MAX,
    date::Written,
    error::LineError,
    zone::{Start, instant_of},
};

/// The years in which a date may lie.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2999;

/// Dates as they were written: what they mean depends on the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dates {
    /// Of those that name none themselves; `None`: that of the event.
    zone: Option<Zone>,
    values: Vec<Written>,
}

/// An entry of RDATE or EXDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    At(DateTime<Utc>),
    /// The occurrence of this day in the event's zone.
    Day(NaiveDate),
}

impl Dates {
    pub fn parse(zone: Option<Zone>, text: &str) -> Result<Self, LineError> {
        let read = |text: &str| {
            let text = text.trim();
            if text.contains('/') {
                return Err(LineError::Period);
            }
            let written = Written::parse(text)?;
            if YEARS.contains(&written.year()) {
                Ok(written)
            } else {
                Err(LineError::Date(text.to_owned()))
            }
        };
        let values = text.split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        let needs_zone = values.iter().any(|value| matches!(value, Written::Wall(_)));
        Ok(Self {
            zone: zone.filter(|_| needs_zone),
            values,
        })
    }

    /// When they are in a series that starts so.
    pub fn moments<'a>(&'a self, start: &'a Start) -> impl Iterator<Item = Moment> + 'a {
        let zone = self.zone.unwrap_or(start.zone);
        self.values.iter().map(move |value| match *value {
            Written::Day(day) => Moment::Day(day),
            Written::Wall(wall) if zone == start.zone => Moment::At(start.instant_of(wall)),
            Written::Wall(wall) => Moment::At(instant_of(wall, zone)),
            Written::Instant(instant) => Moment::At(instant),
        })
    }

    /// The line of this property.
    pub fn line(&self, property: &str) -> String {
        let are_days = self.values.iter().all(|value| matches!(value, Written::Day(_)));
        let line = format!("{property}{self}");
        let typed = format!("{property};VALUE=DATE{self}");
        // Who gives the line back as it is must not be refused for its length; the values tell by their form what they are.
        if are_days && typed.len() <= LINE_CHARS_MAX {
            typed
        } else {
            line
        }
    }
}

impl Display for Dates {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(zone) = self.zone {
            write!(f, ";TZID={}", zone.name())?;
        }
        let values: Vec<_> = self.values.iter().map(Written::to_string).collect();
        write!(f, ":{}", values.join(","))
    }
}

impl Moment {
    /// When an occurrence on this day begins: at the time of day of the start.
    pub fn instant(self, start: &Start) -> DateTime<Utc> {
        match self {
            Self::At(instant) => instant,
            Self::Day(day) => {
                let time = if start.all_day {
                    NaiveTime::MIN
                } else {
                    start.wall.time()
                };
                start.instant_of(day.and_time(time))
            }
        }
    }
}
