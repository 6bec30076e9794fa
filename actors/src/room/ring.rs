//! Which events are kept for clients that resume from a number. The state holds where they begin, so that a replay
//! decides the same; the events themselves are held beside the room, by whoever releases its effects.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    ids::Timestamp,
    protocol::limits::{RING_BYTES_MAX, RING_EVENTS_MAX, RING_SEGMENT_SECS, RING_SEGMENTS},
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// Every kept event after this number is there.
    base: u64,
    /// Oldest first; events go by whole segments.
    segments: VecDeque<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Segment {
    first: u64,
    events: usize,
    bytes: usize,
    begun: Timestamp,
}

impl Segment {
    fn is_full(&self, now: Timestamp) -> bool {
        self.events >= RING_EVENTS_MAX / RING_SEGMENTS
            || self.bytes >= RING_BYTES_MAX / RING_SEGMENTS
            || self.begun.plus_secs(RING_SEGMENT_SECS) <= now
    }
}

impl Ring {
    /// An event is kept.
    pub fn add(&mut self, seq: u64, bytes: usize, now: Timestamp) {
        let segment = match self.segments.back_mut() {
            Some(segment) if !segment.is_full(now) => segment,
            _ => {
                if self.segments.len() == RING_SEGMENTS {
                    self.segments.pop_front();
                    self.base = self.segments.front().map_or(seq, |next| next.first) - 1;
                }
                self.segments.push_back_mut(Segment {
                    first: seq,
                    events: 0,
                    bytes: 0,
                    begun: now,
                })
            }
        };
        segment.events += 1;
        segment.bytes += bytes;
    }

    /// Numbers jumped: nothing before is kept.
    pub fn restart(&mut self, base: u64) {
        *self = Self {
            base,
            segments: VecDeque::new(),
        };
    }

    /// Every kept event after this number is there.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_go_by_segments() {
        let now = Timestamp::from_micros(0);
        let mut ring = Ring::default();
        for seq in 1..=RING_EVENTS_MAX as u64 {
            ring.add(seq, 10, now);
        }
        assert_eq!(ring.base(), 0, "all are kept");
        ring.add(RING_EVENTS_MAX as u64 + 1, 10, now);
        assert_eq!(ring.base(), (RING_EVENTS_MAX / RING_SEGMENTS) as u64);
    }

    #[test]
    fn bytes_and_age_count_too() {
        let mut ring = Ring::default();
        for seq in 1..=(RING_SEGMENTS as u64 + 1) {
            ring.add(seq, RING_BYTES_MAX / RING_SEGMENTS, Timestamp::from_micros(0));
        }
        assert_eq!(ring.base(), 1);
        let mut ring = Ring::default();
        for seq in 1..=(RING_SEGMENTS as u64 + 2) {
            ring.add(
                seq,
                1,
                Timestamp::from_micros(0).plus_secs(seq * RING_SEGMENT_SECS),
            );
        }
        assert_eq!(ring.base(), 2);
    }
}
