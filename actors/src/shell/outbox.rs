//! Commands of a session that its room has not handled: what a broken room has not done, its next life is told once more.

use std::collections::VecDeque;

use crate::protocol::{
    Command,
    limits::{SESSION_UNHANDLED_BYTES_MAX, SESSION_UNHANDLED_COMMANDS_MAX},
};

/// A command on its way to the room.
#[derive(Debug, Clone)]
pub struct SentCommand {
    /// Its number in the session, from 1.
    pub number: u64,
    pub command: Command,
    /// What it was on the wire.
    pub bytes: usize,
}

#[derive(Debug, Default)]
pub struct Outbox {
    last: u64,
    unhandled: VecDeque<SentCommand>,
    bytes: usize,
}

impl Outbox {
    /// Gives a command its number; none when too many are on their way.
    pub fn add(&mut self, command: Command, bytes: usize) -> Option<SentCommand> {
        let fits = self.unhandled.is_empty() || self.bytes + bytes <= SESSION_UNHANDLED_BYTES_MAX;
        if self.unhandled.len() >= SESSION_UNHANDLED_COMMANDS_MAX || !fits {
            return None;
        }
        self.last += 1;
        let sent = SentCommand {
            number: self.last,
            command,
            bytes,
        };
        self.bytes += bytes;
        self.unhandled.push_back(sent.clone());
        Some(sent)
    }

    /// The oldest was handled, or never will be.
    pub fn handled(&mut self) {
        if let Some(sent) = self.unhandled.pop_front() {
            self.bytes -= sent.bytes;
        }
    }

    /// The room's next life has handled all up to this number: the others are to be sent once more.
    pub fn go_on_after(&mut self, handled: u64) -> impl Iterator<Item = &SentCommand> {
        while self.unhandled.front().is_some_and(|sent| sent.number <= handled) {
            self.handled();
        }
        self.unhandled.iter()
    }

    #[must_use]
    pub fn unhandled(&self) -> usize {
        self.unhandled.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::control::ControlCommand;

    fn raise_hand() -> Command {
        Command::Control(ControlCommand::RaiseHand)
    }

    #[test]
    fn what_was_handled_is_not_sent_again() {
        let mut outbox = Outbox::default();
        for number in 1..=5 {
            assert_eq!(outbox.add(raise_hand(), 10).map(|sent| sent.number), Some(number));
        }
        outbox.handled();
        let again: Vec<_> = outbox.go_on_after(3).map(|sent| sent.number).collect();
        assert_eq!(again, [4, 5]);
        assert_eq!((outbox.unhandled(), outbox.bytes), (2, 20));
    }

    #[test]
    fn so_many_are_on_their_way() {
        let mut outbox = Outbox::default();
        for _ in 0..SESSION_UNHANDLED_COMMANDS_MAX {
            assert!(outbox.add(raise_hand(), 1).is_some());
        }
        assert!(outbox.add(raise_hand(), 1).is_none());
        outbox.handled();
        assert!(outbox.add(raise_hand(), SESSION_UNHANDLED_BYTES_MAX).is_none());
        assert!(outbox.add(raise_hand(), 1).is_some());
        let mut outbox = Outbox::default();
        assert!(outbox.add(raise_hand(), usize::MAX).is_some(), "one always is");
    }
}
