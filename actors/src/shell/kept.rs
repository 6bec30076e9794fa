//! The last events of a room, for sessions that resume from a number. Which ones are kept, the room's state says.

use std::collections::VecDeque;

use crate::{
    frame::{Frame, FrameAtRest},
    ids::SessionNo,
    room::effects::Receivers,
};

/// Events as they were sent, the oldest first.
#[derive(Debug, Default)]
pub struct Kept {
    events: VecDeque<(u64, FrameAtRest, Receivers)>,
}

impl Kept {
    pub fn add(&mut self, seq: u64, frame: FrameAtRest, to: Receivers) {
        self.events.push_back((seq, frame, to));
    }

    /// Lets go what the room's state does not keep any more.
    pub fn trim(&mut self, base: u64) {
        while self.events.pop_front_if(|(seq, ..)| *seq <= base).is_some() {}
    }

    /// What went to a line after the event `from`, in order.
    pub fn after(&mut self, from: u64, line: SessionNo) -> impl Iterator<Item = Frame> {
        let begin = self.events.partition_point(|(seq, ..)| *seq <= from);
        let missed = self.events.range_mut(begin..);
        missed
            .filter(move |(_, _, to)| to.contains(line))
            .map(|(_, frame, _)| frame.frame())
    }
}
