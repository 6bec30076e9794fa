//! Bytes of uploads that are under way, by who owns the room: they count as if they were stored already.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use uuid::Uuid;

/// Bytes by owner. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<DashMap<Uuid, u64>>);

/// An upload that counts; dropping it ends that.
#[derive(Debug)]
pub struct Counted {
    all: UnderWay,
    owner: Uuid,
    bytes: u64,
    /// Bytes of the owner's other uploads beside which it may come; `None`: any number.
    beside: Option<u64>,
}

impl UnderWay {
    /// Counts an upload of so many announced bytes, 0 when nobody knows. None where more than `beside` bytes of the owner are under way
    /// already.
    pub(super) fn begin(&self, owner: Uuid, announced: u64, beside: Option<u64>) -> Option<Counted> {
        // One after the other: of two the second sees the first.
        let mut bytes = self.0.entry(owner).or_insert(0);
        if beside.is_some_and(|beside| *bytes > beside) {
            return None;
        }
        *bytes = bytes.saturating_add(announced);
        Some(Counted {
            all: self.clone(),
            owner,
            bytes: announced,
            beside,
        })
    }
}

impl Counted {
    /// So many have come, perhaps more than were announced. Whether these may be: one upload of several may exceed the quota, as one alone
    /// may.
    #[must_use]
    pub(super) fn has_come(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let mut all = self.all.0.entry(self.owner).or_insert(0);
        let others = all.saturating_sub(self.bytes);
        *all = all.saturating_add(more);
        self.bytes = bytes;
        self.beside.is_none_or(|beside| others <= beside)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut all) = self.all.0.entry(self.owner) {
            let left = all.get().saturating_sub(self.bytes);
            if left == 0 {
                all.remove();
            } else {
                all.insert(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Uuid = Uuid::from_u128(1);
    const BEN: Uuid = Uuid::from_u128(2);

    #[test]
    fn what_is_under_way_counts_until_it_ends() {
        let all = UnderWay::default();
        let first = all.begin(ANN, 20, Some(10)).expect("nothing is under way");
        assert!(all.begin(ANN, 1, Some(10)).is_none());
        assert!(all.begin(BEN, 1, Some(10)).is_some());
        drop(first);
        let second = all.begin(ANN, 5, Some(10));
        let third = all.begin(ANN, 5, Some(10));
        assert!(second.is_some() && third.is_some());
        drop((second, third));
        assert!(all.0.is_empty());
    }

    #[test]
    fn what_comes_counts_where_nothing_was_announced() {
        let all = UnderWay::default();
        let mut upload = all.begin(ANN, 0, None).expect("a place");
        for bytes in [3, 7, 7] {
            assert!(upload.has_come(bytes));
        }
        assert!(all.begin(ANN, 0, Some(6)).is_none());
        assert!(all.begin(ANN, 0, Some(7)).is_some());
        drop(upload);
        assert!(all.0.is_empty(), "{all:?}");
    }

    #[test]
    fn of_several_that_announced_nothing_one_may_exceed() {
        let all = UnderWay::default();
        let begin = || all.begin(ANN, 0, Some(10)).expect("nothing has come");
        let (mut one, mut two, mut three) = (begin(), begin(), begin());
        assert!(one.has_come(4) && two.has_come(4) && three.has_come(4));
        assert!(one.has_come(30), "the first");
        assert!(!two.has_come(5) && !three.has_come(5), "beside it nothing may");
        drop((two, three));
        assert!(one.has_come(1_000));
    }
}
