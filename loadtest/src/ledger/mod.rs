//! Who sent what and who received it: every participant of a room must get every message of the room exactly once, and all
//! of them in one order that keeps each sender's.

mod order;
#[cfg(test)]
mod tests;
pub mod track;

use std::{collections::HashSet, ops::AddAssign};

use serde::Serialize;

/// A message within its room: the sender's index and its count of messages sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    pub sender: u32,
    pub counter: u32,
}

/// The messages of one room.
#[derive(Debug, Default)]
pub struct RoomLedger {
    /// How many messages each sender sent, by index.
    sent: Vec<u32>,
    /// What each receiver got, in its order.
    received: Vec<Vec<MessageId>>,
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Messages sent times their receivers.
    #[serde(rename = "deliveries_expected")]
    pub expected: u64,
    /// Deliveries of messages that were sent, repetitions left out.
    #[serde(skip)]
    pub received: u64,
    /// Expected but not received.
    pub lost: u64,
    /// Received again.
    pub duplicated: u64,
    /// Received after a message that belongs behind it. At least 1 when no common order exists.
    pub out_of_order: u64,
    /// Received though nobody sent it.
    pub unexpected: u64,
}

impl RoomLedger {
    /// Notes that `sender` sent its messages 0 to `count - 1`.
    pub fn sent(&mut self, sender: u32, count: u32) {
        let index = sender as usize;
        if self.sent.len() <= index {
            self.sent.resize(index + 1, 0);
        }
        self.sent[index] = count;
    }

    /// Notes what one participant received, in its order.
    pub fn received(&mut self, messages: Vec<MessageId>) {
        self.received.push(messages);
    }

    pub fn audit(&self) -> Audit {
        let sent: u64 = self.sent.iter().copied().map(u64::from).sum();
        let mut audit = Audit {
            expected: sent * self.received.len() as u64,
            ..Audit::default()
        };
        let mut sequences = Vec::with_capacity(self.received.len());
        for messages in &self.received {
            let mut known = HashSet::with_capacity(messages.len());
            let mut sequence = Vec::with_capacity(messages.len());
            for &message in messages {
                if !self.was_sent(message) {
                    audit.unexpected += 1;
                } else if known.insert(message) {
                    sequence.push(message);
                } else {
                    audit.duplicated += 1;
                }
            }
            audit.received += sequence.len() as u64;
            sequences.push(sequence);
        }
        audit.lost = audit.expected - audit.received;
        audit.out_of_order = order::violations(&sequences);
        audit
    }

    fn was_sent(&self, message: MessageId) -> bool {
        self.sent
            .get(message.sender as usize)
            .is_some_and(|&count| message.counter < count)
    }
}

impl AddAssign for Audit {
    fn add_assign(&mut self, other: Self) {
        self.expected += other.expected;
        self.received += other.received;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.unexpected += other.unexpected;
    }
}
