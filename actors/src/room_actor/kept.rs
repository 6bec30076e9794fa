//! The last events of a room, for sessions that resume from a number. Which ones are kept, the room's state says.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{ids::SessionNo, room::effects::Receivers};

/// Events as they were sent, the oldest first.
#[derive(Debug, Default)]
pub struct Kept {
    events: VecDeque<(u64, Utf8Bytes, Receivers)>,
}

impl Kept {
    pub fn add(&mut self, seq: u64, frame: Utf8Bytes, to: Receivers) {
        self.events.push_back((seq, frame, to));
    }

    /// Lets go what the room's state does not keep any more.
    pub fn trim(&mut self, base: u64) {
        while self.events.pop_front_if(|(seq, ..)| *seq <= base).is_some() {}
    }

    /// What went to a line after the event `from`, in order.
    pub fn after(&self, from: u64, line: SessionNo) -> impl Iterator<Item = &Utf8Bytes> {
        let begin = self.events.partition_point(|(seq, ..)| *seq <= from);
        let missed = self.events.range(begin..);
        missed
            .filter(move |(_, _, to)| to.contains(line))
            .map(|(_, frame, _)| frame)
    }
}
