//! HTTP: one file per resource, what they have in common, and what every request passes through.

pub mod access;
pub mod api;
pub mod auth;
pub mod body;
pub mod checks;
pub mod error;
pub mod event_favorites;
pub mod event_invites;
pub mod guessing;
pub mod health;
pub mod invites;
pub mod layers;
pub mod login;
pub mod openapi;
pub mod pages;
pub mod params;
pub mod profiles;
pub mod refusals;
pub mod rooms;
pub mod shared_folders;
pub mod starts;
pub mod users;

mod deadline;
mod requests;

pub use api::{ApiState, router};
pub use error::ApiError;
pub use requests::RequestId;
