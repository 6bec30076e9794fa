//! An encoded message on its way to sockets. Its bytes lie in memory once, and are counted once, until the last of those who get it
//! has taken it.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering},
};

use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Bytes that a message takes beside its text.
const FRAME_BYTES: usize = 128;

/// Bytes of a place in a queue.
const PLACE_BYTES: usize = 48;

/// Of all messages of this process that somebody has not taken.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes of all messages that somebody has not taken yet.
#[must_use]
pub fn bytes_held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// A message that somebody is to get. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
pub struct Frame {
    text: Utf8Bytes,
    held: Arc<Held>,
}

/// Counts until it is dropped.
#[derive(Debug)]
struct Held(usize);

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl Frame {
    /// A message for so many.
    #[must_use]
    pub fn new(text: Utf8Bytes, receivers: u32) -> Self {
        let bytes = text.len() + FRAME_BYTES + PLACE_BYTES * receivers as usize;
        HELD.fetch_add(bytes, Ordering::Relaxed);
        Self {
            text,
            held: Arc::new(Held(bytes)),
        }
    }

    #[must_use]
    pub fn text(&self) -> &Utf8Bytes {
        &self.text
    }

    /// What it takes where it waits.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + FRAME_BYTES
    }

    /// The same for whoever keeps it anyway.
    #[must_use]
    pub fn at_rest(&self) -> FrameAtRest {
        FrameAtRest {
            text: self.text.clone(),
            held: Arc::downgrade(&self.held),
        }
    }
}

/// A message that is kept, and counts only while somebody is to get it.
#[derive(Debug)]
pub struct FrameAtRest {
    text: Utf8Bytes,
    held: Weak<Held>,
}

impl FrameAtRest {
    /// For one more who is to get it.
    pub fn frame(&mut self) -> Frame {
        if let Some(held) = self.held.upgrade() {
            return Frame {
                text: self.text.clone(),
                held,
            };
        }
        let frame = Frame::new(self.text.clone(), 1);
        self.held = Arc::downgrade(&frame.held);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far above what other tests hold at the same time.
    const BYTES: usize = 64 * 1024 * 1024;

    fn is_held() -> bool {
        bytes_held() >= BYTES
    }

    #[test]
    fn what_many_get_counts_once_and_until_the_last_has_it() {
        let frame = Frame::new("x".repeat(BYTES).into(), 100);
        let mut receivers: Vec<_> = (0..100).map(|_| frame.clone()).collect();
        let mut kept = frame.at_rest();
        assert!(is_held() && bytes_held() < 2 * BYTES);
        drop(frame);
        receivers.truncate(1);
        assert!(is_held());
        let again = kept.frame();
        assert!(bytes_held() < 2 * BYTES);
        drop((receivers, again));
        assert!(!is_held());
        let (once_more, and_again) = (kept.frame(), kept.frame());
        assert!(is_held() && bytes_held() < 2 * BYTES);
        assert_eq!(once_more.text().len(), BYTES);
        drop((once_more, and_again));
        assert!(!is_held());
    }
}
