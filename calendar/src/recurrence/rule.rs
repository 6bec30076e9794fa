//! What a rule says: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE`.

use std::fmt::{self, Display, Formatter};

use rrule::{Frequency, NWeekday, RRule, Unvalidated};

use super::{TIMES_PER_DAY_MAX, date::Written, error::LineError};

/// The text of a rule, read and checked: everything but what only a start can tell.
///
/// It is the type of the crate `rrule`, and beside it what that can't express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Without INTERVAL and UNTIL.
    parts: RRule<Unvalidated>,
    /// Up to 4,294,967,295: the crate has sixteen bits for it, and takes 0.
    interval: u32,
    /// A day, or a time without a zone, mean the event's: the crate takes them for the machine's.
    until: Option<Written>,
}

/// What a rule goes through, a period at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Day,
    Week,
    Month,
    Year,
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

/// Places in a year, a year of weeks and the like count from 1 or backwards from -1.
const POSITIONS_MAX: i32 = 366;
const NTH_WEEKDAYS_MAX: i16 = 53;

/// A part of the text, in capitals and without blanks.
struct Part {
    name: &'static str,
    value: String,
}

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, LineError> {
        let mut rule = Self {
            parts: RRule::default(),
            interval: 1,
            until: None,
        };
        let mut parts = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let part = Part::parse(part)?;
            if parts.iter().any(|known: &Part| known.name == part.name) {
                return Err(LineError::Twice(part.name));
            }
            part.check()?;
            parts.push(part);
        }
        if !parts.iter().any(|part| part.name == "FREQ") {
            return Err(LineError::NoFrequency);
        }
        if let Some(part) = parts.iter().find(|part| part.name == "INTERVAL") {
            rule.interval = part.value.parse().map_err(|_| part.refused())?;
        }
        if let Some(part) = parts.iter().find(|part| part.name == "UNTIL") {
            rule.until = Some(Written::parse(&part.value)?);
        }
        let is_of_crate = |part: &&Part| !matches!(part.name, "INTERVAL" | "UNTIL");
        let text: Vec<_> = parts.iter().filter(is_of_crate).map(Part::text).collect();
        // Each part was read by itself: together they can't fail.
        rule.parts = text.join(";").parse().map_err(|_| LineError::NoFrequency)?;
        // The crate sorts all lists but this one.
        let mut days = rule.parts.get_by_weekday().to_vec();
        days.sort_by_key(|day| counted(*day));
        days.dedup();
        rule.parts = rule.parts.by_weekday(days);
        rule.check()?;
        Ok(rule)
    }

    /// What RFC 5545 forbids together.
    fn check(&self) -> Result<(), LineError> {
        let (parts, unit) = (&self.parts, self.unit());
        if parts.get_count().is_some() && self.until.is_some() {
            return Err(LineError::CountAndUntil);
        }
        if !parts.get_by_month_day().is_empty() && unit == Unit::Week {
            return Err(LineError::PartWithFrequency("BYMONTHDAY"));
        }
        if !parts.get_by_year_day().is_empty() && unit != Unit::Year {
            return Err(LineError::PartWithFrequency("BYYEARDAY"));
        }
        if !parts.get_by_week_no().is_empty() && unit != Unit::Year {
            return Err(LineError::PartWithFrequency("BYWEEKNO"));
        }
        let is_counted = |day: &NWeekday| matches!(day, NWeekday::Nth(..));
        let may_count = match unit {
            Unit::Month => true,
            Unit::Year => parts.get_by_week_no().is_empty(),
            Unit::Day | Unit::Week => false,
        };
        if parts.get_by_weekday().iter().any(is_counted) && !may_count {
            return Err(LineError::CountedWeekday);
        }
        if !parts.get_by_set_pos().is_empty() && !self.names_days() && !self.names_times() {
            return Err(LineError::PositionsAlone);
        }
        Ok(())
    }

    /// How often it comes, apart from its interval. What is more than daily was refused.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self.parts.get_freq() {
            Frequency::Yearly => Unit::Year,
            Frequency::Monthly => Unit::Month,
            Frequency::Weekly => Unit::Week,
            _ => Unit::Day,
        }
    }

    /// Of how many days, weeks, months or years one counts.
    #[must_use]
    pub fn interval(&self) -> u32 {
        self.interval
    }

    /// Whether it names a single day of each of its periods, so that "every so many weeks" tells it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let parts = &self.parts;
        parts.get_by_month().is_empty()
            && parts.get_by_week_no().is_empty()
            && parts.get_by_year_day().is_empty()
            && parts.get_by_set_pos().is_empty()
            && parts.get_by_weekday().len() <= 1
            && parts.get_by_month_day().len() <= 1
    }

    pub(super) fn parts(&self) -> &RRule<Unvalidated> {
        &self.parts
    }

    pub(super) fn until(&self) -> Option<Written> {
        self.until
    }

    fn names_days(&self) -> bool {
        let parts = &self.parts;
        !(parts.get_by_month().is_empty()
            && parts.get_by_week_no().is_empty()
            && parts.get_by_year_day().is_empty()
            && parts.get_by_month_day().is_empty()
            && parts.get_by_weekday().is_empty())
    }

    fn names_times(&self) -> bool {
        let parts = &self.parts;
        !(parts.get_by_hour().is_empty()
            && parts.get_by_minute().is_empty()
            && parts.get_by_second().is_empty())
    }

    /// How many times a day it names.
    pub(super) fn times_per_day(&self) -> usize {
        let parts = &self.parts;
        [parts.get_by_hour(), parts.get_by_minute(), parts.get_by_second()]
            .iter()
            .map(|list| list.len().max(1))
            .product()
    }

    pub(super) fn has_too_many_times(&self) -> bool {
        self.times_per_day() > TIMES_PER_DAY_MAX
    }

    /// The same for whole days, which have no times (RFC 5545: BYHOUR, BYMINUTE and BYSECOND are to be ignored there). `None`
    /// where BYSETPOS would be left alone.
    pub(super) fn of_days(mut self) -> Option<Self> {
        self.parts = self
            .parts
            .by_hour(Vec::new())
            .by_minute(Vec::new())
            .by_second(Vec::new());
        (self.parts.get_by_set_pos().is_empty() || self.names_days()).then_some(self)
    }

    /// The same with this end instead of what it says itself of it.
    pub(super) fn ending(mut self, until: Written) -> Self {
        if let Ok(parts) = without_count(&self.parts).parse() {
            self.parts = parts;
        }
        self.until = Some(until);
        self
    }

    /// The same with an UNTIL that is written so.
    pub(super) fn with_until(mut self, until: Written) -> Self {
        self.until = Some(until);
        self
    }

    /// The same on a weekday that it leaves open.
    pub(super) fn on_weekday(mut self, weekday: chrono::Weekday) -> Self {
        self.parts = self.parts.by_weekday(vec![NWeekday::Every(weekday)]);
        self
    }
}

/// The crate can add a COUNT, but not take one away; and it writes `1MO` as `MO`.
fn without_count(parts: &RRule<Unvalidated>) -> String {
    let days: Vec<_> = parts.get_by_weekday().iter().map(|day| day_text(*day)).collect();
    let mut parts = parts.clone().by_weekday(Vec::new()).to_string();
    if !days.is_empty() {
        parts = format!("{parts};BYDAY={}", days.join(","));
    }
    let parts: Vec<_> = parts
        .split(';')
        .filter(|part| !part.starts_with("COUNT="))
        .collect();
    parts.join(";")
}

impl Display for Rule {
    /// Canonical: in capitals, without blanks, lists sorted, nothing that is so anyway.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The crate writes `1MO` as `MO`.
        let days = self.parts.get_by_weekday();
        let text = self.parts.clone().by_weekday(Vec::new()).to_string();
        let (frequency, rest) = text.split_once(';').unwrap_or((&text, ""));
        f.write_str(frequency)?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        if let Some(until) = self.until {
            write!(f, ";UNTIL={until}")?;
        }
        if !rest.is_empty() {
            write!(f, ";{rest}")?;
        }
        let days: Vec<_> = days.iter().map(|day| day_text(*day)).collect();
        if !days.is_empty() {
            write!(f, ";BYDAY={}", days.join(","))?;
        }
        Ok(())
    }
}

fn day_text(day: NWeekday) -> String {
    match day {
        NWeekday::Every(_) => day.to_string(),
        NWeekday::Nth(nth, weekday) => format!("{nth}{}", NWeekday::Every(weekday)),
    }
}

/// In the order of a week.
fn counted(day: NWeekday) -> (u32, Option<i16>) {
    match day {
        NWeekday::Every(weekday) => (weekday.num_days_from_monday(), None),
        NWeekday::Nth(nth, weekday) => (weekday.num_days_from_monday(), Some(nth)),
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, LineError> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let name = name.trim().to_ascii_uppercase();
        let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
            return Err(LineError::UnknownPart(name.chars().take(40).collect()));
        };
        let items: Vec<_> = value.split(',').map(str::trim).collect();
        let value = items.join(",").to_ascii_uppercase();
        Ok(Self { name, value })
    }

    fn text(&self) -> String {
        format!("{}={}", self.name, self.value)
    }

    /// Whether it can be read, by itself.
    fn check(&self) -> Result<(), LineError> {
        let value = &*self.value;
        let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let is_right = match self.name {
            "FREQ" => return self.check_frequency(),
            "UNTIL" => return Written::parse(value).map(drop),
            "INTERVAL" | "COUNT" => is_plain && value.parse().is_ok_and(|number: u32| number > 0),
            "BYDAY" => value.split(',').all(is_weekday),
            // The crate knows no bounds for it, and narrower ones than RFC 5545 when it validates.
            "BYSETPOS" => numbers(value).is_some_and(|numbers| {
                numbers
                    .iter()
                    .all(|number| *number != 0 && (-POSITIONS_MAX..=POSITIONS_MAX).contains(number))
            }),
            // The crate takes 0 for a number here.
            "BYMONTHDAY" | "BYYEARDAY" | "BYWEEKNO" => {
                numbers(value).is_some_and(|numbers| !numbers.contains(&0)) && self.is_read_by_crate()
            }
            _ => !value.is_empty() && self.is_read_by_crate(),
        };
        if is_right { Ok(()) } else { Err(self.refused()) }
    }

    fn check_frequency(&self) -> Result<(), LineError> {
        match self.value.parse() {
            Ok(Frequency::Daily | Frequency::Weekly | Frequency::Monthly | Frequency::Yearly) => Ok(()),
            _ => Err(LineError::Frequency),
        }
    }

    /// Another separator would make another line of it.
    fn is_read_by_crate(&self) -> bool {
        let is_clean = |byte: u8| byte.is_ascii_alphanumeric() || b",+-".contains(&byte);
        let text = format!("FREQ=YEARLY;{}", self.text());
        self.value.bytes().all(is_clean) && text.parse::<RRule<Unvalidated>>().is_ok()
    }

    fn refused(&self) -> LineError {
        let expected = match self.name {
            "INTERVAL" | "COUNT" => "a whole number from 1",
            "WKST" => "one of MO, TU, WE, TH, FR, SA, SU",
            "BYSECOND" | "BYMINUTE" => "numbers from 0 to 59",
            "BYHOUR" => "numbers from 0 to 23",
            "BYDAY" => "weekdays such as MO, 2TU or -1FR",
            "BYMONTHDAY" => "numbers from 1 to 31 or -31 to -1",
            "BYWEEKNO" => "numbers from 1 to 53 or -53 to -1",
            "BYMONTH" => "numbers from 1 to 12",
            _ => "numbers from 1 to 366 or -366 to -1",
        };
        LineError::Value {
            part: self.name,
            expected,
        }
    }
}

fn numbers(text: &str) -> Option<Vec<i32>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}

/// The crate takes `0MO` and `xMO` for `MO`, and panics where its two last bytes are no letters.
fn is_weekday(text: &str) -> bool {
    let Some((nth, name)) = text
        .len()
        .checked_sub(2)
        .and_then(|place| text.split_at_checked(place))
    else {
        return false;
    };
    let is_counted = |nth: i16| (1..=NTH_WEEKDAYS_MAX).contains(&nth.abs());
    ["MO", "TU", "WE", "TH", "FR", "SA", "SU"].contains(&name)
        && (nth.is_empty() || nth.parse().is_ok_and(is_counted))
}
