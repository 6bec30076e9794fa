//! One line of a pattern: a rule, or dates.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use super::{LINE_CHARS_MAX, date::Written, error::LineError, zone::Start, zone::instant_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    RRule,
    RDate,
    ExRule,
    ExDate,
}

/// A line taken apart: `RDATE;TZID=Europe/Berlin:20260131T100000`.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub property: Property,
    pub value: &'a str,
    zone: Option<Tz>,
}

impl<'a> Line<'a> {
    pub fn parse(text: &'a str) -> Result<Self, LineError> {
        if text.chars().count() > LINE_CHARS_MAX || text.contains(['\r', '\n', '\0']) {
            return Err(LineError::TooLong);
        }
        let name_end = text.find([':', ';']).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_end);
        let property = match name.trim_start().to_ascii_uppercase().as_str() {
            "RRULE" => Property::RRule,
            "RDATE" => Property::RDate,
            "EXRULE" => Property::ExRule,
            "EXDATE" => Property::ExDate,
            _ => return Err(LineError::UnknownProperty),
        };
        let (parameters, value) = rest.split_once(':').ok_or(LineError::NoValue)?;
        let mut line = Self {
            property,
            value: value.trim(),
            zone: None,
        };
        for parameter in parameters.split(';').skip(1) {
            line.take(parameter)?;
        }
        if line.value.is_empty() {
            return Err(LineError::NoValue);
        }
        Ok(line)
    }

    fn take(&mut self, parameter: &str) -> Result<(), LineError> {
        let refused = || LineError::Parameter(parameter.chars().take(40).collect());
        let (name, value) = parameter.split_once('=').ok_or_else(refused)?;
        let holds_dates = matches!(self.property, Property::RDate | Property::ExDate);
        match name.trim().to_ascii_uppercase().as_str() {
            "TZID" if holds_dates => {
                let name = value.trim().trim_matches('"');
                let zone = name
                    .parse()
                    .map_err(|_| LineError::UnknownZone(name.chars().take(40).collect()))?;
                self.zone = Some(zone);
            }
            "VALUE" if holds_dates => match value.trim().to_ascii_uppercase().as_str() {
                // Each value tells by its form what it is.
                "DATE" | "DATE-TIME" => {}
                "PERIOD" => return Err(LineError::Period),
                _ => return Err(refused()),
            },
            name if name.starts_with("X-") => {}
            _ => return Err(refused()),
        }
        Ok(())
    }

    /// The dates of the line; what has no zone of its own is in the line's, else in the event's.
    pub fn dates(&self, start: &Start) -> Result<Vec<Moment>, LineError> {
        let zone = self.zone.unwrap_or(start.zone);
        let read = |text: &str| {
            if text.contains('/') {
                return Err(LineError::Period);
            }
            let written = Written::parse(text.trim())?;
            match written {
                _ if !(1970..=2999).contains(&written.year()) => Err(LineError::Date(text.trim().to_owned())),
                Written::Day(day) => Ok(Moment::Day(day)),
                Written::Wall(wall) if zone == start.zone => Ok(Moment::At(start.instant_of(wall))),
                Written::Wall(wall) => Ok(Moment::At(instant_of(wall, zone))),
                Written::Instant(instant) => Ok(Moment::At(instant)),
            }
        };
        self.value.split(',').map(read).collect()
    }
}

/// An entry of RDATE or EXDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    At(DateTime<Utc>),
    /// The occurrence of this day in the event's zone.
    Day(NaiveDate),
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
