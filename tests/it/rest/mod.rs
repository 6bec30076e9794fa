//! The REST API on both databases; one file per resource, as in the URLs.

mod answer;
mod api;
mod auth_login;
mod credentials;
mod invite_verify;
mod invites;
mod openapi;
mod paths;
mod permissions;
mod room;
mod rooms;
mod service_tokens;
mod users_me;
