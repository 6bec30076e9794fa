//! What the library answers by itself, pongs and the reply to a close frame, on its way to the writer: nobody else writes to a
//! socket.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Bytes that wait at the most. A client that takes nothing and pings on gets the last pongs only (RFC 6455, section 5.5.3).
const WAITING_BYTES_MAX: usize = 4_096;

/// The operation code of a close frame, and where it stands.
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x08;
const SHORT_LENGTH: u8 = 0x7f;

/// Frames that the library has made, until the writer takes them.
#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: Mutex<Waiting>,
    /// Whether something waits: read without the lock.
    is_waiting: AtomicBool,
    /// Wakes the writer.
    pub arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Vec<u8>,
    /// The client's close frame was answered, or ours is sent: nothing more follows.
    is_closed: bool,
}

impl Replies {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes whole control frames of ours, which have no mask.
    pub fn add(&self, frames: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return;
        }
        if waiting.frames.len() + frames.len() > WAITING_BYTES_MAX {
            waiting.frames.clear();
        }
        waiting.frames.extend_from_slice(frames);
        waiting.is_closed = has_close(frames);
        drop(waiting);
        self.is_waiting.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    /// What is to be written before anything else; where it ends with a close frame, nothing follows.
    pub fn take(&self) -> Option<Vec<u8>> {
        if !self.is_waiting.swap(false, Ordering::Acquire) {
            return None;
        }
        let frames = std::mem::take(&mut self.waiting().frames);
        (!frames.is_empty()).then_some(frames)
    }

    /// Whether the client's close frame was answered, or ours is sent.
    pub fn is_closed(&self) -> bool {
        self.waiting().is_closed
    }

    /// Nothing more is answered; whether the client's close frame has been.
    pub fn close(&self) -> bool {
        std::mem::replace(&mut self.waiting().is_closed, true)
    }
}

fn has_close(mut frames: &[u8]) -> bool {
    while let [first, second, rest @ ..] = frames {
        if first & OPCODE == CLOSE {
            return true;
        }
        let length = usize::from(second & SHORT_LENGTH);
        frames = rest.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const PONG: &[u8] = &[0x8a, 2, b'h', b'i'];
    const CLOSE_FRAME: &[u8] = &[0x88, 2, 0x03, 0xe8];

    #[test]
    fn pongs_are_taken_in_order_and_the_last_of_too_many() {
        let replies = Replies::default();
        assert_eq!(replies.take(), None);
        replies.add(PONG);
        replies.add(PONG);
        assert_eq!(replies.take(), Some([PONG, PONG].concat()));
        assert_eq!(replies.take(), None);
        for _ in 0..2_000 {
            replies.add(PONG);
        }
        let last = replies.take().unwrap();
        assert!(last.len() <= WAITING_BYTES_MAX && last.ends_with(PONG));
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let replies = Replies::default();
        replies.add(&[PONG, CLOSE_FRAME].concat());
        replies.add(PONG);
        assert_eq!(replies.take(), Some([PONG, CLOSE_FRAME].concat()));
        assert!(replies.close(), "the client's was answered");
        let replies = Replies::default();
        assert!(!replies.close());
        replies.add(CLOSE_FRAME);
        assert_eq!(replies.take(), None, "ours is sent");
    }
}
