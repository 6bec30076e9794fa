//! Frames on their way into a socket: as they lie in memory, heads beside payloads, as many at a time as wait.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::{
    link::{Outgoing, Shared},
    pieces::{self, Head, framed_bytes},
};

/// Frames that one call of the system takes.
const FRAMES_AT_ONCE: usize = 32;

/// What has been taken from the queue, and how far it is with the socket.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub queued: Vec<Outgoing>,
    /// What is next, and how many bytes of its frames the socket has.
    pub index: usize,
    offset: usize,
    /// An answer of the library that is on its way.
    reply: Vec<u8>,
    /// It answers the client's close frame: nothing follows.
    pub is_over: bool,
}

/// How far a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    EndOfBatch,
    /// Only what is begun: a frame that ends in the middle would swallow the next one.
    EndOfFrame,
}

impl Batch {
    /// A batch of which the socket has nothing.
    #[cfg(test)]
    pub fn of(queued: Vec<Outgoing>) -> Self {
        Self {
            queued,
            ..Self::default()
        }
    }

    /// Lets go of everything that the socket has nothing of.
    pub fn keep_what_is_begun(&mut self) {
        let begun = if self.offset > 0 {
            self.queued.drain(..).nth(self.index)
        } else {
            None
        };
        self.queued.clear();
        self.queued.extend(begun);
        self.index = 0;
    }

    pub fn poll<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut socket: Pin<&mut W>,
        shared: &Shared,
        until: Until,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut frames = next_frames(&self.queued[self.index..], self.offset);
            let is_between = self.reply.is_empty() && frames.skipped == 0;
            if is_between && until == Until::EndOfFrame {
                return Poll::Ready(Ok(()));
            }
            if until == Until::EndOfFrame {
                frames.count = frames.count.min(1);
            }
            if is_between && let Some(reply) = shared.replies.take() {
                self.reply = reply;
                self.is_over = shared.replies.is_closed();
            }
            if self.is_over && self.reply.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let written = if !self.reply.is_empty() {
                ready!(socket.as_mut().poll_write(cx, &self.reply))?
            } else if frames.count > 0 {
                let mut slices = [IoSlice::new(&[]); 2 * FRAMES_AT_ONCE];
                let slices = frames.slices(&mut slices);
                ready!(socket.as_mut().poll_write_vectored(cx, slices))?
            } else {
                return Poll::Ready(Ok(()));
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            shared.taken.fetch_add(written as u64, Ordering::Relaxed);
            if self.reply.is_empty() {
                self.has_written(written, shared, until);
            } else {
                self.reply.drain(..written);
            }
        }
    }

    /// The socket has so many bytes more. A frame is held, and counts, until it has all of it.
    fn has_written(&mut self, bytes: usize, shared: &Shared, until: Until) {
        self.offset += bytes;
        while let Some(outgoing) = self.queued.get_mut(self.index) {
            let length = match outgoing {
                Outgoing::Text(frame) => framed_bytes(frame.text()),
                Outgoing::Ping => Head::PING.bytes().len(),
                Outgoing::Close(_) => return,
            };
            if self.offset < length {
                return;
            }
            self.offset -= length;
            self.index += 1;
            // At the end nothing is counted any more.
            if let Outgoing::Text(frame) = std::mem::replace(outgoing, Outgoing::Ping)
                && until == Until::EndOfBatch
            {
                shared.unread.taken(frame.bytes());
            }
        }
    }
}

/// The frames that are next, of whose first the socket has `offset` bytes, up to the end of a long message's one: between two of
/// those an answer may stand.
fn next_frames(queued: &[Outgoing], mut offset: usize) -> Frames<'_> {
    let mut next = Frames::default();
    for outgoing in queued {
        match outgoing {
            Outgoing::Text(frame) => {
                for (head, payload) in pieces::frames(frame.text()) {
                    let bytes = head.bytes().len() + payload.len();
                    if offset >= bytes {
                        offset -= bytes;
                        continue;
                    }
                    let is_whole = payload.len() == frame.text().len();
                    next.push(head, payload.as_bytes(), std::mem::take(&mut offset));
                    if !is_whole {
                        return next;
                    }
                }
            }
            Outgoing::Ping => next.push(Head::PING, &[], std::mem::take(&mut offset)),
            Outgoing::Close(_) => return next,
        }
        if next.count == FRAMES_AT_ONCE {
            break;
        }
    }
    next
}

/// Frames that are next, without the bytes of the first that the socket has.
#[derive(Default)]
struct Frames<'b> {
    list: [(Head, &'b [u8]); FRAMES_AT_ONCE],
    count: usize,
    skipped: usize,
}

impl<'b> Frames<'b> {
    fn push(&mut self, head: Head, payload: &'b [u8], skipped: usize) {
        self.list[self.count] = (head, payload);
        self.skipped += skipped;
        self.count += 1;
    }

    fn slices<'s>(&'s self, room: &'s mut [IoSlice<'s>]) -> &'s [IoSlice<'s>] {
        let frames = &self.list[..self.count];
        for (pair, (head, payload)) in room.chunks_exact_mut(2).zip(frames) {
            pair[0] = IoSlice::new(head.bytes());
            pair[1] = IoSlice::new(payload);
        }
        let mut slices = &mut room[..2 * self.count];
        IoSlice::advance_slices(&mut slices, self.skipped);
        slices
    }
}
