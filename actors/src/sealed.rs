//! Secrets that a room keeps without knowing them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password that was sealed on its way into a room: state, journal and snapshots hold nothing else of it. It is opened when an event
/// leaves the room ([`Unsealer`]). What the text says is between those who seal and who open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Opens what was sealed on its way into a room.
pub trait Unsealer: fmt::Debug + Send + Sync {
    /// The secret itself; an empty one where it can't be read any more.
    fn open(&self, sealed: &Sealed) -> String;
}
