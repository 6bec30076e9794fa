//! What may be wrong with a recurrence pattern, in words for the one who wrote it.

use super::{LINE_CHARS_MAX, LINES_MAX, TIMES_PER_DAY_MAX};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    #[error("a pattern has at most {LINES_MAX} lines")]
    LineCount,
    #[error("line {number}: {problem}")]
    Line { number: usize, problem: LineError },
    #[error("BYHOUR, BYMINUTE and BYSECOND together make more than {TIMES_PER_DAY_MAX} times a day")]
    TimesPerDay,
    #[error("the pattern has no occurrence within 40 years from its start")]
    NoOccurrence,
    #[error("the pattern needs too many steps to find its occurrences; make it simpler or its COUNT smaller")]
    TooCostly,
}

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("it must be one line of at most {LINE_CHARS_MAX} characters")]
    TooLong,
    #[error(
        "it must begin with RRULE, RDATE, EXRULE or EXDATE; the start and end belong to the event's own fields"
    )]
    UnknownProperty,
    #[error("it has no value; write it as `RRULE:FREQ=…`")]
    NoValue,
    #[error("the parameter `{0}` is unknown or not allowed here")]
    Parameter(String),
    #[error("`{0}` is no time zone of the IANA database")]
    UnknownZone(String),
    #[error("`{0}` is no date such as 20260131 or 20260131T100000Z between 1970 and 2999")]
    Date(String),
    #[error("periods are not supported; an event's occurrences all have the same length")]
    Period,
    #[error("`{0}` is no part of a rule")]
    UnknownPart(String),
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("FREQ is missing")]
    NoFrequency,
    #[error("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY")]
    Frequency,
    #[error("{part} must be {expected}")]
    Value {
        part: &'static str,
        expected: &'static str,
    },
    #[error("COUNT and UNTIL exclude each other")]
    CountAndUntil,
    #[error("{0} can't be used with this FREQ")]
    PartWithFrequency(&'static str),
    #[error("BYDAY can't count weekdays (such as 2MO) with this FREQ or with BYWEEKNO")]
    CountedWeekday,
    #[error("BYSETPOS needs another BY… part to choose from")]
    PositionsAlone,
}
