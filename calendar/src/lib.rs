//! Calendars without any database: what the pattern of an event says, when it takes place, and how calendar programs are
//! told of it.

pub mod ics;
pub mod one_line;
pub mod recurrence;
pub mod zones;
