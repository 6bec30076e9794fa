//! Dates and times as iCalendar writes them.

use std::fmt::{self, Display, Formatter};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::error::LineError;

/// `20260131`, `20260131T100000` or `20260131T100000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Day(NaiveDate),
    Wall(NaiveDateTime),
    Instant(DateTime<Utc>),
}

impl Written {
    pub fn parse(text: &str) -> Result<Self, LineError> {
        read(text).ok_or_else(|| LineError::Date(text.chars().take(40).collect()))
    }

    pub fn year(self) -> i32 {
        match self {
            Self::Day(day) => day.year(),
            Self::Wall(wall) => wall.year(),
            Self::Instant(instant) => instant.year(),
        }
    }
}

impl Display for Written {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{}", day.format("%Y%m%d")),
            Self::Wall(wall) => write!(f, "{}", wall.format("%Y%m%dT%H%M%S")),
            Self::Instant(instant) => write!(f, "{}", instant.format("%Y%m%dT%H%M%SZ")),
        }
    }
}

fn read(text: &str) -> Option<Written> {
    let (day, time) = match text.split_once(['T', 't']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let [year, month, day_of_month] = digits(day, [4, 2, 2])?;
    let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day_of_month)?;
    let Some(time) = time else {
        return Some(Written::Day(day));
    };
    let (time, is_utc) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, true),
        None => (time, false),
    };
    let [hour, minute, second] = digits(time, [2, 2, 2])?;
    let wall = day.and_time(NaiveTime::from_hms_opt(hour, minute, second)?);
    Some(if is_utc {
        Written::Instant(wall.and_utc())
    } else {
        Written::Wall(wall)
    })
}

/// Three numbers of fixed widths and nothing else.
fn digits(text: &str, widths: [usize; 3]) -> Option<[u32; 3]> {
    if text.len() != widths.iter().sum::<usize>() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (first, rest) = text.split_at(widths[0]);
    let (second, third) = rest.split_at(widths[1]);
    Some([first.parse().ok()?, second.parse().ok()?, third.parse().ok()?])
}
