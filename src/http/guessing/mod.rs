//! Slows down guessing of short secrets: room passwords and SIP pins.

mod failures;
mod record;
mod room_passwords;
mod spans;

use std::time::Duration;

pub use self::{
    failures::FailureLimit,
    room_passwords::{Hold, RoomGuess, RoomPasswords},
};

/// Failures within [`FAILURE_WINDOW`] after which guesses are refused.
pub const FAILURES_MAX: usize = 10;

/// How long a failure counts against the one who guesses.
pub const FAILURE_WINDOW: Duration = Duration::from_mins(30);

/// How long a guess at the password of a room at which too many have failed is held back.
pub const HOLD: Duration = Duration::from_secs(30);

/// The outcome of a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Right,
    Wrong,
    /// Not looked at, and not counted: there were too many failures.
    Refused {
        retry_after_secs: u64,
    },
}
