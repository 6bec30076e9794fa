//! Secrets stand in no log and in no message, however much is logged and whatever is wrong.

mod configuration;
mod log;
