//! For how long the client of Etherpad waits for what.

use std::time::Duration;

/// The defaults are what the server runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EtherpadTimeouts {
    /// For a connection.
    pub connect: Duration,
    /// For what becomes of a call that tries for all.
    pub place: Duration,
    /// For a call, with its answer.
    pub call: Duration,
    /// For a PDF: until it is made, and has come.
    pub pdf: Duration,
    /// For a pad's deletion with all its tries, for the end of a session with all of its, and between two of them at first.
    pub deletion: Duration,
    pub dismissal: Duration,
    pub retry: Duration,
    /// After so many failures that nobody asks any more, until one tries again; the same where a call must be made in the end.
    pub pause: Duration,
    pub probe: Duration,
}

impl Default for EtherpadTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            place: Duration::from_millis(500),
            call: Duration::from_secs(10),
            pdf: Duration::from_mins(1),
            deletion: Duration::from_secs(50),
            dismissal: Duration::from_secs(8),
            retry: Duration::from_secs(1),
            pause: Duration::from_secs(10),
            probe: Duration::from_secs(1),
        }
    }
}
