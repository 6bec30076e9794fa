//! What whole-server tests are written with: a real server, REST clients, and participants on WebSockets.

pub mod meeting;
pub mod participant;
mod ports;
mod postgres;
pub mod rest;
pub mod server;
