//! Calendar rules that need no database: when a series takes place.

pub mod recurrence;
