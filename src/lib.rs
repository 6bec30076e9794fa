//! The server: everything that is HTTP, SQL or an outside service.

pub mod app;
pub mod assets;
pub mod calendar;
pub mod call_in;
pub mod caps;
pub mod cli;
pub mod clock;
pub mod config;
pub mod events;
pub mod http;
pub mod identity;
pub mod invitations;
pub mod jobs;
pub mod listener;
pub mod livekit;
pub mod mail;
pub mod meetings;
pub mod permissions;
pub mod readiness;
pub mod secrets;
pub mod shared_folders;
pub mod signaling;
pub mod store;
pub mod tariffs;
pub mod throttle;
pub mod turn;
