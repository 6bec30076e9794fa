//! A baseline: what the same load costs where nothing but broadcasting happens, in a process of its own.

pub mod child;
pub mod server;
