//! Whole-server tests over real sockets; modules follow the URL tree and the namespaces.
#![expect(
    clippy::expect_used,
    reason = "what a test did not expect ends it, also outside of its own function"
)]

#[macro_use]
mod databases;
mod identity;
mod rest;
mod store;
