//! What whole-server tests are written with: a real server, REST clients, and participants on real sockets.

pub mod livekit;
pub mod meeting;
pub mod nextcloud;
pub mod participant;
pub mod plans;
pub mod planted;
mod ports;
pub mod postgres;
pub mod proxy;
pub mod quiet;
pub mod rest;
pub mod server;
pub mod statements;
mod stored;
