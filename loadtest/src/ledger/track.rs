//! What one receiver of a flood got, in a few words of memory: the next number of each sender, and a digest of the order.

use std::collections::BTreeSet;

use super::{Audit, MessageId};

/// Spreads a message's number over all bits of the digest (2^64 divided by the golden ratio, odd).
const DIGEST_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number further ahead than this is none of ours.
const SKIPPED_MAX: u32 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The number that comes next from each sender.
    next: Vec<u32>,
    /// Numbers that were skipped.
    skipped: BTreeSet<MessageId>,
    received: u64,
    duplicated: u64,
    late: u64,
    unknown: u64,
    /// Equal for receivers that got the same messages in the same order.
    digest: u64,
}

impl Track {
    /// For a receiver that has got everything before these numbers.
    pub fn starting_at(next: &[u32]) -> Self {
        Self {
            next: next.to_vec(),
            skipped: BTreeSet::new(),
            received: 0,
            duplicated: 0,
            late: 0,
            unknown: 0,
            digest: 0,
        }
    }

    /// The number that comes next from this sender.
    pub fn next_of(&self, sender: u32) -> u32 {
        self.next.get(sender as usize).copied().unwrap_or_default()
    }

    pub fn note(&mut self, message: MessageId) {
        let Some(next) = self.next.get_mut(message.sender as usize) else {
            self.unknown += 1;
            return;
        };
        if message.counter.saturating_sub(*next) > SKIPPED_MAX {
            self.unknown += 1;
            return;
        }
        if message.counter < *next {
            if !self.skipped.remove(&message) {
                self.duplicated += 1;
                return;
            }
            self.late += 1;
        } else {
            for counter in *next..message.counter {
                self.skipped.insert(MessageId { counter, ..message });
            }
            *next = message.counter.saturating_add(1);
        }
        self.received += 1;
        let number = u64::from(message.sender) << 32 | u64::from(message.counter);
        self.digest = (self.digest.rotate_left(5) ^ number).wrapping_mul(DIGEST_FACTOR);
    }

    fn audit(&self, before: &[u32], sent: &[u32]) -> Audit {
        let expected = before
            .iter()
            .zip(sent)
            .map(|(before, sent)| u64::from(sent - before))
            .sum();
        let missing = |(next, sent): (&u32, &u32)| u64::from(sent.saturating_sub(*next));
        let invented = |(next, sent): (&u32, &u32)| u64::from(next.saturating_sub(*sent));
        let unexpected = self.next.iter().zip(sent).map(invented).sum::<u64>();
        Audit {
            expected,
            received: self.received,
            lost: self.skipped.len() as u64 + self.next.iter().zip(sent).map(missing).sum::<u64>(),
            duplicated: self.duplicated,
            out_of_order: self.late,
            unexpected: self.unknown + unexpected,
        }
    }
}

/// All receivers of a room, whose senders' numbers were `before` and are `sent` now.
pub fn audit<'a>(tracks: impl Iterator<Item = &'a Track>, before: &[u32], sent: &[u32]) -> Audit {
    let mut total = Audit::default();
    let mut common_digest = None;
    for track in tracks {
        let audit = track.audit(before, sent);
        let is_whole = (audit.lost, audit.duplicated, audit.out_of_order, audit.unexpected) == (0, 0, 0, 0);
        total += audit;
        // Whoever got everything in each sender's order can still have mixed the senders differently.
        if is_whole && track.digest != *common_digest.get_or_insert(track.digest) {
            total.out_of_order += 1;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(messages: &[(u32, u32)]) -> Track {
        let mut track = Track::starting_at(&[0, 10]);
        for &(sender, counter) in messages {
            track.note(MessageId { sender, counter });
        }
        track
    }

    /// Sender 0 sent 0 to 2, sender 1 sent 10 and 11; answers lost, duplicated, out of order, unexpected.
    fn faults(receivers: &[&[(u32, u32)]]) -> (u64, u64, u64, u64) {
        let tracks: Vec<_> = receivers.iter().map(|messages| track(messages)).collect();
        let found = audit(tracks.iter(), &[0, 10], &[3, 12]);
        assert_eq!(found.expected, 5 * receivers.len() as u64);
        (found.lost, found.duplicated, found.out_of_order, found.unexpected)
    }

    const ALL: &[(u32, u32)] = &[(0, 0), (1, 10), (0, 1), (1, 11), (0, 2)];

    #[test]
    fn the_same_order_everywhere_is_clean() {
        assert_eq!(faults(&[ALL, ALL, ALL]), (0, 0, 0, 0));
        assert_eq!(track(ALL).received, 5);
        assert_eq!(track(ALL).next_of(1), 12);
    }

    #[test]
    fn every_fault_is_told_apart() {
        let lost_within: &[_] = &[(0, 0), (1, 10), (1, 11), (0, 2)];
        let lost_at_the_end: &[_] = &[(0, 0), (1, 10), (0, 1)];
        let doubled: &[_] = &[(0, 0), (1, 10), (0, 1), (0, 1), (1, 11), (0, 2)];
        let late: &[_] = &[(0, 1), (0, 0), (1, 10), (1, 11), (0, 2)];
        let other_mix: &[_] = &[(1, 10), (0, 0), (0, 1), (1, 11), (0, 2)];
        let stranger: &[_] = &[(0, 0), (1, 10), (0, 1), (1, 11), (0, 2), (7, 0)];
        let far_ahead: &[_] = &[(0, 0), (1, 10), (0, 1), (1, 11), (0, 2), (0, u32::MAX)];
        let invented: &[_] = &[(0, 0), (1, 10), (0, 1), (1, 11), (0, 2), (0, 3)];
        assert_eq!(faults(&[ALL, lost_within]), (1, 0, 0, 0));
        assert_eq!(faults(&[ALL, lost_at_the_end]), (2, 0, 0, 0));
        assert_eq!(faults(&[doubled, ALL]), (0, 1, 0, 0));
        assert_eq!(faults(&[ALL, late]), (0, 0, 1, 0));
        assert_eq!(faults(&[ALL, other_mix, ALL]), (0, 0, 1, 0));
        assert_eq!(faults(&[stranger]), (0, 0, 0, 1));
        assert_eq!(faults(&[far_ahead]), (0, 0, 0, 1));
        assert_eq!(faults(&[invented]), (0, 0, 0, 1));
        assert_eq!(faults(&[&[]]), (5, 0, 0, 0));
    }
}
