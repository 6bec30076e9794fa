//! What whole-server tests are written with: a real server, REST clients, and participants on WebSockets.

mod meeting;
mod participant;
mod ports;
mod postgres;
mod rest;
mod server;

pub use meeting::Meeting;
pub use participant::Participant;
pub use rest::{Answer, Rest};
pub use server::Server;
