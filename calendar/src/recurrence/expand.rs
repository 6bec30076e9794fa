//! The occurrences of a rule within one of its periods: a day, a week, a month or a year, `interval` apart.
//!
//! Periods are numbered from the one of the start, so that any can be looked at without those before it.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Weekday};

use super::{anchored::AnchoredRule, numbers::Numbers, rule::Unit, steps::Steps};

impl AnchoredRule {
    /// The first day of a period; `None` beyond what a date can be.
    pub fn period_start(&self, period: i64) -> Option<NaiveDate> {
        let units = period.checked_mul(i64::from(self.interval))?;
        let first = self.start.wall.date();
        match self.unit {
            Unit::Day => first.checked_add_signed(TimeDelta::try_days(units)?),
            Unit::Week => {
                week_start(first, self.week_start)?.checked_add_signed(TimeDelta::try_weeks(units)?)
            }
            Unit::Month => {
                let months = month_number(first).checked_add(units)?;
                let of_year = u32::try_from(months.rem_euclid(12)).ok()?;
                NaiveDate::from_ymd_opt(i32::try_from(months.div_euclid(12)).ok()?, of_year + 1, 1)
            }
            Unit::Year => {
                let year = i64::from(first.year()).checked_add(units)?;
                NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, 1, 1)
            }
        }
    }

    /// Days, weeks, months or years from the start's to this date's.
    fn units_until(&self, date: NaiveDate) -> i64 {
        let first = self.start.wall.date();
        match self.unit {
            Unit::Day => (date - first).num_days(),
            Unit::Week => {
                let first = week_start(first, self.week_start).unwrap_or(first);
                (date - first).num_days().div_euclid(7)
            }
            Unit::Month => month_number(date) - month_number(first),
            Unit::Year => i64::from(date.year()) - i64::from(first.year()),
        }
    }

    /// The last period that begins at this date or before it; negative before the start.
    pub fn period_of(&self, date: NaiveDate) -> i64 {
        self.units_until(date).div_euclid(i64::from(self.interval))
    }

    /// Whether the rule has an occurrence when clocks show this.
    pub fn has(&self, wall: NaiveDateTime, steps: &mut Steps) -> bool {
        let date = wall.date();
        if !self.is_within(wall) || self.units_until(date) % i64::from(self.interval) != 0 {
            return false;
        }
        if !self.positions.is_empty() {
            return self.walls(self.period_of(date), steps).contains(&wall);
        }
        steps.take(1);
        self.times.contains(&wall.time()) && self.matches(date)
    }

    /// What clocks show at the occurrences of a period, rising.
    pub fn walls(&self, period: i64, steps: &mut Steps) -> Vec<NaiveDateTime> {
        let Some(start) = self.period_start(period) else {
            return Vec::new();
        };
        let mut days = self.candidates(start);
        steps.take(days.len().max(1));
        days.retain(|day| self.matches(*day));
        let count = days.len() * self.times.len();
        steps.take(count);
        let wall = |index: usize| {
            let day = days.get(index / self.times.len())?;
            Some(day.and_time(*self.times.get(index % self.times.len())?))
        };
        let indexes: Vec<_> = if self.positions.is_empty() {
            (0..count).collect()
        } else {
            self.positions.indexes(count).collect()
        };
        indexes
            .into_iter()
            .filter_map(wall)
            .filter(|wall| self.is_within(*wall))
            .collect()
    }

    fn is_within(&self, wall: NaiveDateTime) -> bool {
        wall >= self.start.wall && self.last.is_none_or(|last| wall <= last)
    }

    /// Days of a period among which are all that match, rising.
    fn candidates(&self, start: NaiveDate) -> Vec<NaiveDate> {
        match self.unit {
            Unit::Day => vec![start],
            Unit::Week => start.iter_days().take(7).collect(),
            Unit::Month => self.candidates_of_month(start),
            Unit::Year => self.candidates_of_year(start),
        }
    }

    fn candidates_of_year(&self, start: NaiveDate) -> Vec<NaiveDate> {
        if !self.months.is_empty() || !self.month_days.is_empty() {
            let is_chosen = |month: &u32| self.months.is_empty() || self.months.has(*month);
            let months = (1..=12)
                .filter(is_chosen)
                .filter_map(|month| start.with_month(month));
            return months.flat_map(|month| self.candidates_of_month(month)).collect();
        }
        let length = days_of_year(start);
        if self.year_days.is_empty() {
            return start.iter_days().take(length).collect();
        }
        days_of(start, self.year_days.indexes(length))
    }

    fn candidates_of_month(&self, first: NaiveDate) -> Vec<NaiveDate> {
        let length = days_of_month(first);
        if self.month_days.is_empty() {
            return first.iter_days().take(length).collect();
        }
        days_of(first, self.month_days.indexes(length))
    }

    /// Whether a day of a period is one of the rule's.
    fn matches(&self, day: NaiveDate) -> bool {
        (self.months.is_empty() || self.months.has(day.month()))
            && is_named(&self.month_days, day.day0(), days_of_month(day))
            && is_named(&self.year_days, day.ordinal0(), days_of_year(day))
            && (self.weeks.is_empty() || self.matches_week(day))
            && (self.days.is_empty() || self.matches_weekday(day))
    }

    fn matches_week(&self, day: NaiveDate) -> bool {
        let Some(middle) =
            week_start(day, self.week_start).and_then(|start| start.checked_add_days(Days::new(3)))
        else {
            return false;
        };
        // A week belongs to the year that has most of its days: that of its fourth.
        let weeks = (days_of_year(middle) - 1 - middle.ordinal0() as usize % 7) / 7 + 1;
        is_named(&self.weeks, middle.ordinal0() / 7, weeks)
    }

    fn matches_weekday(&self, day: NaiveDate) -> bool {
        let counts_in_month = self.unit == Unit::Month || !self.months.is_empty();
        let (index, length) = if counts_in_month {
            (day.day0(), days_of_month(day))
        } else {
            (day.ordinal0(), days_of_year(day))
        };
        self.days.has(day.weekday(), index as usize, length)
    }
}

/// Whether numbers name this place; no numbers name every place.
fn is_named(numbers: &Numbers, index: u32, length: usize) -> bool {
    numbers.is_empty() || numbers.has_index(index as usize, length)
}

/// The days that lie so many days after the first.
fn days_of(first: NaiveDate, indexes: impl Iterator<Item = usize>) -> Vec<NaiveDate> {
    indexes
        .filter_map(|index| first.checked_add_days(Days::new(index as u64)))
        .collect()
}

fn week_start(date: NaiveDate, first: Weekday) -> Option<NaiveDate> {
    date.checked_sub_days(Days::new(u64::from(date.weekday().days_since(first))))
}

fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

fn days_of_month(date: NaiveDate) -> usize {
    usize::from(date.num_days_in_month())
}

fn days_of_year(date: NaiveDate) -> usize {
    if date.leap_year() { 366 } else { 365 }
}
