//! The server: everything that is HTTP, SQL or an outside service.

pub mod app;
pub mod cli;
pub mod config;
pub mod http;
pub mod identity;
pub mod listener;
pub mod readiness;
