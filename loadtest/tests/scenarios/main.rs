//! The load tester's binary against a small server: it passes when all is well and notices every kind of fault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the mock runs only in tests, where a panic is the failure"
)]

mod chat;
mod crowd;
mod flood;
mod mock;
#[path = "../../../tests/support/ports.rs"]
mod ports;
mod presence;
mod real;
mod rest;
mod rooms;
mod run;
