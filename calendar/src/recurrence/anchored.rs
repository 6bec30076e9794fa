//! A rule anchored at the start of its series.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc, Weekday};
use rrule::NWeekday;

use super::{
    date::Written,
    error::RecurrenceError,
    numbers::{Numbers, Weekdays},
    rule::{Rule, Unit},
    steps::Steps,
    zone::{Start, instant_of, wall_of},
};

/// Whatever the text of the rule leaves open is filled in from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnchoredRule {
    pub start: Start,
    pub unit: Unit,
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

impl AnchoredRule {
    /// Finds the end of a counted rule, too.
    pub fn new(rule: &Rule, start: &Start, steps: &mut Steps) -> Result<Self, RecurrenceError> {
        // Whole days have none (RFC 5545: BYHOUR, BYMINUTE and BYSECOND are to be ignored there).
        if !start.all_day && rule.has_too_many_times() {
            return Err(RecurrenceError::TimesPerDay);
        }
        let mut anchored = Self::uncounted(rule, start);
        if let Some(count) = rule.parts().get_count() {
            anchored.last = anchored.find_last(count, steps);
            if steps.are_used_up() {
                return Err(RecurrenceError::TooCostly);
            }
        }
        Ok(anchored)
    }

    fn uncounted(rule: &Rule, start: &Start) -> Self {
        let parts = rule.parts();
        let mut anchored = Self {
            start: *start,
            unit: rule.unit(),
            interval: rule.interval(),
            week_start: parts.get_week_start(),
            until: rule.until().map(|until| last_instant(until, start)),
            last: None,
            times: times(rule, start),
            months: Numbers::of(parts.get_by_month()),
            weeks: Numbers::of(parts.get_by_week_no()),
            year_days: Numbers::of(parts.get_by_year_day()),
            month_days: Numbers::of(parts.get_by_month_day()),
            days: Weekdays::of(parts.get_by_weekday()),
            positions: Numbers::of(parts.get_by_set_pos()),
        };
        let names_days =
            !(anchored.year_days.is_empty() && anchored.month_days.is_empty() && anchored.days.is_empty());
        if names_days {
            return anchored;
        }
        let day = start.wall.date();
        let own_weekday = Weekdays::of(&[NWeekday::Every(day.weekday())]);
        match anchored.unit {
            Unit::Day => {}
            Unit::Week => anchored.days = own_weekday,
            Unit::Month => anchored.month_days = Numbers::of(&[signed(day.day())]),
            Unit::Year if !anchored.weeks.is_empty() => anchored.days = own_weekday,
            Unit::Year => {
                anchored.month_days = Numbers::of(&[signed(day.day())]);
                if anchored.months.is_empty() {
                    anchored.months = Numbers::of(&[signed(day.month())]);
                }
            }
        }
        anchored
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
        match self.unit {
            Unit::Day if !is_filtered && self.days.is_empty() => Some(self.times.len()),
            Unit::Week if !is_filtered => Some(self.times.len() * self.days.per_week()),
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

/// The times of day of a rule. Whole days have one, their beginning.
fn times(rule: &Rule, start: &Start) -> Vec<NaiveTime> {
    let time = start.wall.time();
    if start.all_day {
        return vec![time];
    }
    let or_start = |given: &[u8], own: u32| {
        if given.is_empty() {
            vec![own]
        } else {
            given.iter().map(|number| u32::from(*number)).collect()
        }
    };
    let parts = rule.parts();
    let hours = or_start(parts.get_by_hour(), time.hour());
    let minutes = or_start(parts.get_by_minute(), time.minute());
    let seconds = or_start(parts.get_by_second(), time.second());
    let mut times = Vec::new();
    for hour in &hours {
        for minute in &minutes {
            for second in &seconds {
                times.extend(NaiveTime::from_hms_opt(*hour, *minute, *second));
            }
        }
    }
    times
}
