//! A recurrence rule (RFC 5545, section 3.3.10), read and anchored at the start of its series.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc, Weekday};

use super::{
    RecurrenceError, TIMES_PER_DAY_MAX,
    date::Written,
    error::LineError,
    numbers::{Numbers, Weekdays},
    parts::{CountedDay, Parts},
    steps::Steps,
    zone::{Start, instant_of, wall_of},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// Whatever the text of the rule leaves open is filled in from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub start: Start,
    pub frequency: Frequency,
    pub interval: u32,
    pub week_start: Weekday,
    /// No occurrence after it.
    pub until: Option<DateTime<Utc>>,
    /// The last of a counted rule; `None` also when that lies more than a century ahead.
    pub last: Option<NaiveDateTime>,
    pub months: Numbers,
    pub weeks: Numbers,
    pub year_days: Numbers,
    pub month_days: Numbers,
    pub days: Weekdays,
    /// Times of day, rising.
    pub times: Vec<NaiveTime>,
    pub positions: Numbers,
}

/// How far a counted rule is followed to its end.
const COUNTED_YEARS_MAX: i32 = 100;

impl Rule {
    /// `number` is the line's, for the error.
    pub fn parse(
        text: &str,
        start: &Start,
        number: usize,
        steps: &mut Steps,
    ) -> Result<Self, RecurrenceError> {
        let in_line = |problem| RecurrenceError::Line { number, problem };
        let parts = Parts::parse(text).map_err(in_line)?;
        let count = parts.count;
        let mut rule = Self::anchored(&parts, start).map_err(in_line)?;
        if let Some(count) = count {
            rule.last = rule.find_last(count, steps);
            if steps.are_used_up() {
                return Err(RecurrenceError::TooCostly);
            }
        }
        Ok(rule)
    }

    fn anchored(parts: &Parts, start: &Start) -> Result<Self, LineError> {
        let mut rule = Self {
            start: *start,
            frequency: parts.frequency,
            interval: parts.interval,
            week_start: parts.week_start,
            until: parts.until.map(|until| last_instant(until, start)),
            last: None,
            times: times(parts, start)?,
            months: Numbers::of(&parts.months),
            weeks: Numbers::of(&parts.weeks),
            year_days: Numbers::of(&parts.year_days),
            month_days: Numbers::of(&parts.month_days),
            days: Weekdays::of(&parts.days),
            positions: Numbers::of(&parts.positions),
        };
        let names_days = !(rule.weeks.is_empty()
            && rule.year_days.is_empty()
            && rule.month_days.is_empty()
            && rule.days.is_empty());
        if names_days {
            return Ok(rule);
        }
        let day = start.wall.date();
        match rule.frequency {
            Frequency::Daily => {}
            Frequency::Weekly => {
                rule.days = Weekdays::of(&[CountedDay {
                    nth: None,
                    weekday: day.weekday(),
                }]);
            }
            Frequency::Monthly => rule.month_days = Numbers::of(&[signed(day.day())]),
            Frequency::Yearly => {
                rule.month_days = Numbers::of(&[signed(day.day())]);
                if rule.months.is_empty() {
                    rule.months = Numbers::of(&[signed(day.month())]);
                }
            }
        }
        Ok(rule)
    }

    /// Where a rule that has COUNT ends.
    fn find_last(&self, count: u32, steps: &mut Steps) -> Option<NaiveDateTime> {
        let mut left = usize::try_from(count).ok()?;
        let last_day = NaiveDate::from_ymd_opt(self.start.wall.year() + COUNTED_YEARS_MAX, 12, 31)?;
        let mut period = 0;
        while !steps.are_used_up() && self.period_start(period)? <= last_day {
            let walls = self.walls(period, steps);
            if let Some(last) = left.checked_sub(1).and_then(|index| walls.get(index)) {
                return Some(*last);
            }
            left -= walls.len();
            period += 1;
            // All further periods have the same number of occurrences: no need to look at each.
            if let Some(each) = self.occurrences_per_period() {
                period += i64::try_from((left - 1) / each).ok()?;
                left = (left - 1) % each + 1;
            }
        }
        None
    }

    /// How many occurrences every period but the first has, where that is the same for all.
    fn occurrences_per_period(&self) -> Option<usize> {
        let is_filtered =
            !(self.months.is_empty() && self.month_days.is_empty() && self.positions.is_empty());
        match self.frequency {
            Frequency::Daily if !is_filtered && self.days.is_empty() => Some(self.times.len()),
            Frequency::Weekly if !is_filtered => Some(self.times.len() * self.days.per_week()),
            _ => None,
        }
    }

    /// The latest instant that an occurrence may have; `None`: the rule does not end.
    pub fn end(&self) -> Option<DateTime<Utc>> {
        self.until.or_else(|| Some(self.start.instant_of(self.last?)))
    }
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A day as UNTIL includes the whole day in the event's zone.
fn last_instant(until: Written, start: &Start) -> DateTime<Utc> {
    match until {
        // Whole days end with a day: that of the zone, or of UTC at its midnight.
        Written::Instant(instant) if start.all_day && instant.time() == NaiveTime::MIN => {
            let day = wall_of(instant, start.zone);
            let day = if day.time() == NaiveTime::MIN {
                day
            } else {
                instant.naive_utc()
            };
            instant_of(day.date().and_time(LAST_SECOND), start.zone)
        }
        Written::Instant(instant) => instant,
        Written::Wall(wall) => start.instant_of(wall),
        Written::Day(day) => instant_of(day.and_time(LAST_SECOND), start.zone),
    }
}

const LAST_SECOND: NaiveTime = match NaiveTime::from_hms_opt(23, 59, 59) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// The times of day of a rule. Whole days have none (RFC 5545: BYHOUR, BYMINUTE and BYSECOND are to be ignored there).
fn times(parts: &Parts, start: &Start) -> Result<Vec<NaiveTime>, LineError> {
    let time = start.wall.time();
    if start.all_day {
        return Ok(vec![time]);
    }
    let or_start = |given: &[i32], own: u32| {
        if given.is_empty() {
            vec![signed(own)]
        } else {
            given.to_vec()
        }
    };
    let hours = or_start(&parts.hours, time.hour());
    let minutes = or_start(&parts.minutes, time.minute());
    let seconds = or_start(&parts.seconds, time.second());
    if hours.len() * minutes.len() * seconds.len() > TIMES_PER_DAY_MAX {
        return Err(LineError::TimesPerDay);
    }
    let mut times = Vec::new();
    for hour in &hours {
        for minute in &minutes {
            for second in &seconds {
                let of_day = [hour, minute, second].map(|number| number.unsigned_abs());
                times.extend(NaiveTime::from_hms_opt(of_day[0], of_day[1], of_day[2]));
            }
        }
    }
    Ok(times)
}
