//! The load tester's binary against a small server: it passes when all is well and notices every kind of fault.

#![allow(
    clippy::unwrap_used,
    reason = "the mock runs only in tests, where a panic is the failure"
)]

mod chat;
mod flood;
mod mock;
mod presence;
mod rest;
mod rooms;
mod run;
