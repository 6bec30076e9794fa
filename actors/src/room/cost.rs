//! What handling an input costs, counted where it could grow with what people have made: the simulator holds it to bounds.

/// What was looked at while one input was handled. A count, no time: the same on every machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of texts.
    pub bytes: u64,
    /// Participants, groups, messages: one for each that was looked at.
    pub entries: u64,
}

impl Cost {
    pub fn bytes(&mut self, count: usize) {
        self.bytes += count as u64;
    }

    pub fn entries(&mut self, count: usize) {
        self.entries += count as u64;
    }
}
