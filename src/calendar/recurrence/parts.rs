//! The parts of a rule's text: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE`.

use chrono::Weekday;

use super::{date::Written, error::LineError, rule::Frequency};

/// A weekday of BYDAY: `MO`, or with a number as in `2MO` or `-1FR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CountedDay {
    pub nth: Option<i32>,
    pub weekday: Weekday,
}

/// Lists are sorted and hold nothing twice.
#[derive(Debug)]
pub(super) struct Parts {
    pub frequency: Frequency,
    pub interval: u32,
    pub count: Option<u32>,
    pub until: Option<Written>,
    pub week_start: Weekday,
    pub seconds: Vec<i32>,
    pub minutes: Vec<i32>,
    pub hours: Vec<i32>,
    pub days: Vec<CountedDay>,
    pub month_days: Vec<i32>,
    pub year_days: Vec<i32>,
    pub weeks: Vec<i32>,
    pub months: Vec<i32>,
    pub positions: Vec<i32>,
}

const NAMES: [&str; 14] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "WKST",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
];

impl Parts {
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut seen = Vec::new();
        let mut frequency = None;
        let mut parts = Self::empty();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = name.trim().to_ascii_uppercase();
            let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
                return Err(LineError::UnknownPart(name.chars().take(40).collect()));
            };
            if seen.contains(&name) {
                return Err(LineError::Twice(name));
            }
            seen.push(name);
            let value = value.trim().to_ascii_uppercase();
            if name == "FREQ" {
                frequency = Some(read_frequency(&value)?);
            } else {
                parts.take(name, &value)?;
            }
        }
        parts.frequency = frequency.ok_or(LineError::NoFrequency)?;
        parts.check()?;
        Ok(parts)
    }

    fn empty() -> Self {
        Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            week_start: Weekday::Mon,
            seconds: Vec::new(),
            minutes: Vec::new(),
            hours: Vec::new(),
            days: Vec::new(),
            month_days: Vec::new(),
            year_days: Vec::new(),
            weeks: Vec::new(),
            months: Vec::new(),
            positions: Vec::new(),
        }
    }

    fn take(&mut self, part: &'static str, value: &str) -> Result<(), LineError> {
        let refused = |expected| LineError::Value { part, expected };
        let positive = || {
            let number = value.parse().ok().filter(|number| *number > 0 && plain(value));
            number.ok_or(refused("a whole number from 1"))
        };
        let list = |from: i32, to: i32, signed: bool, expected| {
            numbers(value, from, to, signed).ok_or(refused(expected))
        };
        match part {
            "INTERVAL" => self.interval = positive()?,
            "COUNT" => self.count = Some(positive()?),
            "UNTIL" => self.until = Some(Written::parse(value)?),
            "WKST" => self.week_start = weekday(value).ok_or(refused("one of MO, TU, WE, TH, FR, SA, SU"))?,
            "BYSECOND" => self.seconds = list(0, 59, false, "numbers from 0 to 59")?,
            "BYMINUTE" => self.minutes = list(0, 59, false, "numbers from 0 to 59")?,
            "BYHOUR" => self.hours = list(0, 23, false, "numbers from 0 to 23")?,
            "BYDAY" => self.days = counted_days(value).ok_or(refused("weekdays such as MO, 2TU or -1FR"))?,
            "BYMONTHDAY" => self.month_days = list(1, 31, true, "numbers from 1 to 31 or -31 to -1")?,
            "BYYEARDAY" => self.year_days = list(1, 366, true, "numbers from 1 to 366 or -366 to -1")?,
            "BYWEEKNO" => self.weeks = list(1, 53, true, "numbers from 1 to 53 or -53 to -1")?,
            "BYMONTH" => self.months = list(1, 12, false, "numbers from 1 to 12")?,
            "BYSETPOS" => self.positions = list(1, 366, true, "numbers from 1 to 366 or -366 to -1")?,
            _ => return Err(LineError::UnknownPart(part.to_owned())),
        }
        Ok(())
    }

    /// What RFC 5545 forbids together.
    fn check(&self) -> Result<(), LineError> {
        use Frequency::{Daily, Monthly, Weekly, Yearly};
        if self.count.is_some() && self.until.is_some() {
            return Err(LineError::CountAndUntil);
        }
        if !self.month_days.is_empty() && self.frequency == Weekly {
            return Err(LineError::PartWithFrequency("BYMONTHDAY"));
        }
        if !self.year_days.is_empty() && self.frequency != Yearly {
            return Err(LineError::PartWithFrequency("BYYEARDAY"));
        }
        if !self.weeks.is_empty() && self.frequency != Yearly {
            return Err(LineError::PartWithFrequency("BYWEEKNO"));
        }
        let counts_weekdays = self.days.iter().any(|day| day.nth.is_some());
        let may_count = match self.frequency {
            Daily | Weekly => false,
            Monthly => true,
            Yearly => self.weeks.is_empty(),
        };
        if counts_weekdays && !may_count {
            return Err(LineError::CountedWeekday);
        }
        let lists = [
            &self.seconds,
            &self.minutes,
            &self.hours,
            &self.month_days,
            &self.year_days,
            &self.weeks,
            &self.months,
        ];
        let chooses_from_nothing = self.days.is_empty() && lists.iter().all(|list| list.is_empty());
        if !self.positions.is_empty() && chooses_from_nothing {
            return Err(LineError::PositionsAlone);
        }
        Ok(())
    }
}

fn read_frequency(text: &str) -> Result<Frequency, LineError> {
    match text {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => Err(LineError::Frequency),
    }
}

fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Numbers whose absolute value lies in a range, separated by commas.
fn numbers(text: &str, from: i32, to: i32, signed: bool) -> Option<Vec<i32>> {
    let number = |text: &str| {
        let number: i32 = text.trim().parse().ok()?;
        let is_in_range = (from..=to).contains(&number) || signed && (-to..=-from).contains(&number);
        is_in_range.then_some(number)
    };
    sorted(text.split(',').map(number).collect())
}

fn counted_days(text: &str) -> Option<Vec<CountedDay>> {
    let day = |text: &str| {
        let text = text.trim();
        let (nth, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
        let nth = match nth {
            "" => None,
            nth => Some(
                nth.parse()
                    .ok()
                    .filter(|nth: &i32| (1..=53).contains(&nth.abs()))?,
            ),
        };
        Some(CountedDay {
            nth,
            weekday: weekday(name)?,
        })
    };
    let mut days: Vec<_> = text.split(',').map(day).collect::<Option<_>>()?;
    days.sort_by_key(|day| (day.weekday.num_days_from_monday(), day.nth));
    days.dedup();
    Some(days)
}

fn sorted(numbers: Option<Vec<i32>>) -> Option<Vec<i32>> {
    let mut numbers = numbers?;
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}
