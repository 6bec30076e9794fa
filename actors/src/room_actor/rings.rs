//! What the rings of all rooms of this process take together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::protocol::limits::{RING_BYTES_KEPT, RINGS_BYTES_MAX};

static BYTES: AtomicUsize = AtomicUsize::new(0);
static ROOMS: AtomicUsize = AtomicUsize::new(0);

/// The share of one room, given back when it is gone.
#[derive(Debug)]
pub(super) struct Share(usize);

impl Share {
    pub fn new() -> Self {
        ROOMS.fetch_add(1, Ordering::Relaxed);
        Self(0)
    }

    /// The room's ring takes so many bytes now. Whether that is too much: all take more than they may together, and this one more
    /// than the others on average.
    pub fn set(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.0, bytes);
        BYTES.fetch_add(bytes, Ordering::Relaxed);
        let all = BYTES.fetch_sub(before, Ordering::Relaxed) - before;
        all > RINGS_BYTES_MAX
            && bytes > RING_BYTES_KEPT.max(RINGS_BYTES_MAX / ROOMS.load(Ordering::Relaxed).max(1))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.0, Ordering::Relaxed);
        ROOMS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rooms of other tests are small.
    #[test]
    fn who_takes_more_than_its_share_lets_go_where_all_take_too_much() {
        let (mut small, mut large) = (Share::new(), Share::new());
        assert!(!large.set(RINGS_BYTES_MAX / 4 * 3), "there is room");
        assert!(!small.set(RING_BYTES_KEPT));
        let mut third = Share::new();
        assert!(third.set(RINGS_BYTES_MAX / 2));
        assert!(large.set(RINGS_BYTES_MAX / 4 * 3));
        assert!(!small.set(RING_BYTES_KEPT));
        drop(third);
        assert!(!large.set(RINGS_BYTES_MAX / 4 * 3));
    }
}
