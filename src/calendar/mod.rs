//! Calendar rules that need no database: when a series takes place, and how calendar programs are told of events.

pub mod feed;
pub mod ics;
pub mod recurrence;
