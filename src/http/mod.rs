//! HTTP: one file per resource, what they have in common, and what every request passes through.

pub mod access;
pub mod api;
pub mod assets;
pub mod auth;
pub mod body;
mod calendar_feed;
pub mod call_in;
pub mod checks;
pub mod cursors;
pub mod error;
pub mod event_favorites;
pub mod event_invites;
pub mod events;
pub mod guessing;
pub mod health;
pub mod inventions;
pub mod invites;
pub mod layers;
pub mod login;
pub mod openapi;
pub mod pages;
pub mod params;
pub mod people;
pub mod profiles;
pub mod recordings;
pub mod refusals;
pub mod room_event;
pub mod room_tariff;
pub mod rooms;
pub mod shared_folders;
pub mod sip;
pub mod starts;
pub mod streaming_targets;
pub mod turn;
pub mod upgrade;
pub mod user_assets;
pub mod users;

mod deadline;
mod disposition;
mod ranges;
mod requests;

pub use api::{ApiState, router};
pub use error::ApiError;
pub use requests::RequestId;
