//! When a series takes place (RFC 5545, and RFC 2445 for EXRULE).
//!
//! A [`Recurrence`] is what an event says of it: its text, read and checked, without any calculation. Together with a
//! start it is a [`RecurrenceSet`], of which everything else is computed; there is no clock in here. Any part of a
//! series can be looked at without what lies before it, forwards and backwards, and every call does at most
//! [`STEPS_MAX`] steps.
//!
//! As python-dateutil does, we take what the rules say: a start that its own RRULE does not name is no occurrence.
//! BYWEEKNO without BYDAY means the weekday of the start. Without any RRULE, the start is the first occurrence.

mod anchored;
mod date;
mod dates;
mod error;
mod expand;
mod numbers;
mod pattern;
mod resolved;
mod rule;
mod set;
mod steps;
#[cfg(test)]
mod tests;
mod walk;
mod zone;

pub use error::{LineError, RecurrenceError};
pub use pattern::Recurrence;
pub use resolved::{RESOLVED_MAX, Resolved, Shown};
pub use rule::{Rule, Unit};
pub use set::{Occurrences, RecurrenceSet};
pub use zone::{LocalStart, instant_of, wall_of};

/// Lines of a pattern.
pub const LINES_MAX: usize = 4;
/// Characters of a line.
pub const LINE_CHARS_MAX: usize = 1024;
/// What BYHOUR, BYMINUTE and BYSECOND may make of a day: nothing is finer than daily in disguise.
pub const TIMES_PER_DAY_MAX: usize = 24;
/// How far ahead a series is known.
pub const YEARS_AHEAD_MAX: u32 = 40;
/// Steps of one call: days looked at and times considered. Forty years of days are some 45,000.
pub const STEPS_MAX: u32 = 100_000;
