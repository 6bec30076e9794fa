//! Whole-server tests over real sockets; modules follow the URL tree and the namespaces.
#![expect(
    clippy::expect_used,
    reason = "what a test did not expect ends it, also outside of its own function"
)]

#[macro_use]
mod databases;
mod assets;
mod call_in;
mod cli;
mod cluster;
mod faults;
mod health;
mod identity;
mod jobs;
mod livekit;
mod mail;
mod meeting_notes;
mod recording;
mod reports;
mod rest;
mod restart;
mod secrets;
mod signaling;
mod store;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "a toolbox: what no test needs today is for the next one")]
mod support;
mod well_known;
mod whiteboard;
