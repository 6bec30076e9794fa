//! For how long the client of LiveKit waits for what.

use std::time::Duration;

/// The defaults are what the server runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LivekitTimeouts {
    /// For a connection.
    pub connect: Duration,
    /// For a place among the calls that are under way.
    pub place: Duration,
    /// For a call, from the connection to the last byte of the answer.
    pub call: Duration,
    /// For all calls that one wish of a room takes: it may name a thousand participants.
    pub wish: Duration,
    /// After so many failures that nobody asks any more, until one tries again.
    pub pause: Duration,
}

impl Default for LivekitTimeouts {
    fn default() -> Self {
        Self {
            connect: CONNECT,
            place: PLACE,
            call: CALL,
            wish: WISH,
            pause: PAUSE,
        }
    }
}

const CONNECT: Duration = Duration::from_secs(2);
const PLACE: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(5);
const WISH: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(10);
