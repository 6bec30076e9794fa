//! For how long the client of Spacedeck waits for what.

use std::time::Duration;

/// The defaults are what the server runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpacedeckTimeouts {
    /// For a connection.
    pub connect: Duration,
    /// For a place among the calls that are under way, or what becomes of one that tries for all.
    pub place: Duration,
    /// For the list of what is left of earlier whiteboards: a new one does not depend on it.
    pub list: Duration,
    /// For any other call, with its answer.
    pub call: Duration,
    /// For a PDF: until it is made, and has come.
    pub pdf: Duration,
    /// For a deletion with all its tries, and between two of them at first.
    pub deletion: Duration,
    pub retry: Duration,
    /// After so many failures that nobody asks any more, until one tries again; the same where a call must be made in the end.
    pub pause: Duration,
    pub probe: Duration,
}

impl Default for SpacedeckTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            place: Duration::from_millis(500),
            list: Duration::from_secs(2),
            call: Duration::from_secs(6),
            pdf: Duration::from_mins(1),
            deletion: Duration::from_secs(50),
            retry: Duration::from_secs(1),
            pause: Duration::from_secs(10),
            probe: Duration::from_secs(1),
        }
    }
}
