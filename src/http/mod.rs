//! HTTP: one file per resource, and what they have in common.

pub mod api;
pub mod auth;
pub mod body;
pub mod checks;
pub mod error;
pub mod guessing;
pub mod invites;
pub mod login;
pub mod openapi;
pub mod pages;
pub mod params;
pub mod profiles;
pub mod refusals;
pub mod rooms;
pub mod users;

pub use api::{ApiState, router};
pub use error::ApiError;
