//! The server: everything that is HTTP, SQL or an outside service.

pub mod clock;
pub mod config;
pub mod identity;
