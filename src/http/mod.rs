//! HTTP: one file per resource, and what every request passes through.

pub mod health;
pub mod layers;

mod deadline;
mod problem;
mod requests;

pub use self::requests::RequestId;
