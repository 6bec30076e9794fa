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
}

impl UnderWay {
    /// Counts an upload of so many announced bytes, 0 when nobody knows, if `is_free` allows it beside the bytes of the
    /// owner that are under way already.
    pub(super) fn begin(
        &self,
        owner: Uuid,
        announced: u64,
        is_free: impl FnOnce(u64) -> bool,
    ) -> Option<Counted> {
        // One after the other: of two the second sees the first.
        let mut bytes = self.0.entry(owner).or_insert(0);
        if !is_free(*bytes) {
            let is_empty = *bytes == 0;
            drop(bytes);
            if is_empty {
                self.0.remove_if(&owner, |_, bytes| *bytes == 0);
            }
            return None;
        }
        *bytes = bytes.saturating_add(announced);
        Some(Counted {
            all: self.clone(),
            owner,
            bytes: announced,
        })
    }
}

impl Counted {
    /// So many have come, perhaps more than were announced.
    pub(super) fn has_come(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            let mut all = self.all.0.entry(self.owner).or_insert(0);
            *all = all.saturating_add(more);
            self.bytes = bytes;
        }
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
        let below = |most: u64| move |bytes: u64| bytes <= most;
        let first = all.begin(ANN, 20, below(10)).expect("nothing is under way");
        assert!(all.begin(ANN, 1, below(10)).is_none());
        assert!(all.begin(BEN, 1, below(10)).is_some());
        drop(first);
        let second = all.begin(ANN, 5, below(10));
        let third = all.begin(ANN, 5, below(10));
        assert!(second.is_some() && third.is_some());
        drop((second, third));
        assert!(all.0.is_empty());
    }

    #[test]
    fn what_comes_counts_where_nothing_was_announced() {
        let all = UnderWay::default();
        let mut upload = all.begin(ANN, 0, |_| true).expect("a place");
        for bytes in [3, 7, 7] {
            upload.has_come(bytes);
        }
        assert!(all.begin(ANN, 0, |bytes| bytes < 7).is_none());
        assert!(all.begin(ANN, 0, |bytes| bytes == 7).is_some());
        drop(upload);
        assert!(all.begin(BEN, 0, |_| false).is_none());
        assert!(all.0.is_empty(), "{all:?}");
    }
}
