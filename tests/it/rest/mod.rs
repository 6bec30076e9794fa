//! The REST API on both databases; one file per resource, as in the URLs.

mod answer;
pub mod api;
mod auth_login;
mod calendar;
mod calendar_feed;
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
mod room_event;
mod room_tariff;
mod rooms;
mod schemathesis;
mod service_tokens;
mod shared_folder;
mod sip;
mod statements;
mod streaming_targets;
mod turn;
mod users_me;
