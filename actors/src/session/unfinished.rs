//! Long messages that have come in part: the library keeps them until they are whole, and all of them together shall take little.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::protocol::limits::{MESSAGE_BEFORE_JOIN_BYTES_MAX, UNFINISHED_BYTES_MAX};

/// Bytes of those of all clients.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// That of one client.
#[derive(Debug, Default)]
pub(super) struct Unfinished(usize);

impl Unfinished {
    /// So many bytes of it have come. Short ones do not count.
    pub fn set(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let is_long = bytes > MESSAGE_BEFORE_JOIN_BYTES_MAX;
        let counted = if is_long { bytes } else { 0 };
        let before = std::mem::replace(&mut self.0, counted);
        BYTES.fetch_add(counted, Ordering::Relaxed);
        BYTES.fetch_sub(before, Ordering::Relaxed);
    }

    /// Whether all take more than they may, and this one a part of it.
    pub fn is_too_much(&self) -> bool {
        self.0 > 0 && BYTES.load(Ordering::Relaxed) > UNFINISHED_BYTES_MAX
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ones_are_too_much_where_all_take_too_much() {
        let all = || {
            let mut one = Unfinished::default();
            one.set(1024 * 1024);
            one
        };
        let (mut short, mut long) = (Unfinished::default(), Unfinished::default());
        short.set(MESSAGE_BEFORE_JOIN_BYTES_MAX as u64);
        long.set(100_000);
        assert!(!long.is_too_much());
        let many: Vec<_> = (0..=UNFINISHED_BYTES_MAX / 1024 / 1024).map(|_| all()).collect();
        assert!(long.is_too_much() && many[0].is_too_much() && !short.is_too_much());
        drop(many);
        assert!(!long.is_too_much());
    }
}
