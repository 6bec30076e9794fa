//! How the sources are built: what may use what, and how things are called.
#![expect(clippy::expect_used, reason = "what can't be read ends the test")]

mod dependencies;
mod floors;
mod names;
mod sources;
