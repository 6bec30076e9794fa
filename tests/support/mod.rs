//! What whole-server tests are written with: a real server, REST clients, and participants on real sockets.

pub mod livekit;
pub mod meeting;
pub mod nextcloud;
pub mod participant;
pub mod planted;
mod ports;
mod postgres;
pub mod quiet;
pub mod rest;
pub mod server;
mod stored;
