//! The REST API on both databases; one file per resource, as in the URLs.

mod answer;
pub mod api;
mod auth_login;
mod calendar;
mod contract;
mod credentials;
mod event_favorites;
mod event_invites;
mod invite_verify;
mod invites;
mod openapi;
mod paths;
mod pending_invites;
mod permissions;
mod room;
mod rooms;
mod schemathesis;
mod service_tokens;
mod shared_folder;
mod statements;
mod users_me;
