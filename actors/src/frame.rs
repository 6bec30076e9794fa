//! An encoded message on its way to sockets. Its bytes lie in memory once, and are counted once, until the last of those who get it
//! has taken it.

use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
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

    /// Whether both are clones of one.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
    }
}

/// An encoded event, for those who get it now and for those who come back: its bytes count only while somebody is to get it.
/// Cheap to clone; clones are one.
#[derive(Clone)]
pub struct EncodedEvent(Arc<Encoded>);

struct Encoded {
    text: Utf8Bytes,
    held: Mutex<Weak<Held>>,
}

impl EncodedEvent {
    #[must_use]
    pub fn new(text: Utf8Bytes) -> Self {
        let held = Mutex::default();
        Self(Arc::new(Encoded { text, held }))
    }

    /// For so many who are to get it.
    #[must_use]
    pub fn frame(&self, receivers: u32) -> Frame {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let text = self.0.text.clone();
        if let Some(held) = held.upgrade() {
            return Frame { text, held };
        }
        let frame = Frame::new(text, receivers);
        *held = Arc::downgrade(&frame.held);
        frame
    }
}

impl Deref for EncodedEvent {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for EncodedEvent {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for EncodedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
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
        let kept = EncodedEvent::new("x".repeat(BYTES).into());
        let frame = kept.frame(100);
        let mut receivers: Vec<_> = (0..100).map(|_| frame.clone()).collect();
        assert!(is_held() && bytes_held() < 2 * BYTES);
        drop(frame);
        receivers.truncate(1);
        assert!(is_held());
        let again = kept.frame(1);
        assert!(bytes_held() < 2 * BYTES);
        drop((receivers, again));
        assert!(!is_held());
        let (once_more, and_again) = (kept.frame(1), kept.frame(1));
        assert!(is_held() && bytes_held() < 2 * BYTES);
        assert_eq!(once_more.text().len(), BYTES);
        drop((once_more, and_again));
        assert!(!is_held());
    }
}
