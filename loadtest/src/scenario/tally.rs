//! What the participants tell the conductor while a run is going on.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Where a run is. Phases only go forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Participants join and listen.
    Joining,
    /// Everyone sends.
    Talking,
    /// One participant per room raises a hand: an event behind every message of the room, seen by all.
    Settling,
    /// Whoever still waits gives up.
    Over,
}

/// Counters of a whole run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Joined, or failed to.
    pub join_attempts: AtomicU64,
    pub joined: AtomicU64,
    /// Joined participants that will send no more.
    pub silent: AtomicU64,
    /// Deliveries that the messages sent so far will make.
    pub expected: AtomicU64,
    /// Deliveries so far.
    pub delivered: AtomicU64,
}

/// What the participants of one room share.
#[derive(Debug)]
pub struct RoomTally {
    joined: AtomicU32,
    lowest: AtomicU32,
}

impl RoomTally {
    pub fn new() -> Self {
        Self {
            joined: AtomicU32::new(0),
            lowest: AtomicU32::new(u32::MAX),
        }
    }

    pub fn joined(&self, index: u32) {
        self.joined.fetch_add(1, Relaxed);
        self.lowest.fetch_min(index, Relaxed);
    }

    /// Receivers of a message in this room.
    pub fn receivers(&self) -> u64 {
        u64::from(self.joined.load(Relaxed))
    }

    /// Whether this participant is the one that speaks for the room.
    pub fn is_first(&self, index: u32) -> bool {
        self.lowest.load(Relaxed) == index
    }
}
