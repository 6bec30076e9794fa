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
    /// For all calls that one wish of a room takes: it may name many participants.
    pub wish: Duration,
    /// After so many failures that nobody asks any more, until one tries again.
    pub pause: Duration,
    /// The same where somebody waits whose call must be made in the end.
    pub probe: Duration,
    /// Before what failed is tried once more; mutes wait three times that the second time.
    pub retry: Duration,
    /// Between looks at rooms.
    pub look: Duration,
    /// For which LiveKit must have been silent before a moderator hears that it is away.
    pub silence: Duration,
}

impl Default for LivekitTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            place: Duration::from_secs(5),
            call: Duration::from_secs(5),
            wish: Duration::from_secs(30),
            pause: Duration::from_secs(10),
            probe: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            look: Duration::from_millis(100),
            silence: Duration::from_secs(10),
        }
    }
}
