//! Measures what a client sends while it arrives: the library looks at a message when it is whole, and keeps room for a frame
//! as soon as it is announced.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{
    link::Shared,
    pieces::{Cutter, of_message, payload},
    unfinished::Unfinished,
};
use crate::protocol::{
    codes::CloseCode,
    limits::{
        LONG_MESSAGE_SECS_MIN, MESSAGE_BEFORE_JOIN_BYTES_MAX, MESSAGE_BYTES_MAX, MESSAGE_FRAGMENTS_MAX,
        MESSAGE_SECS_MAX, SOCKET_READ_BYTES,
    },
};

/// Payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// Reads whose bytes are thrown away before others have their turn.
const SWALLOWED_AT_ONCE: usize = 64;

/// Why nothing more is read from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// A message is larger than it may be now.
    Bytes,
    /// A message comes in too many pieces.
    Fragments,
    /// A message was begun and not ended in time.
    Unfinished,
    /// A control frame is longer than any may be.
    Control,
}

impl Excess {
    const fn code(self) -> CloseCode {
        match self {
            Self::Bytes | Self::Control => CloseCode::MessageTooBig,
            Self::Fragments | Self::Unfinished => CloseCode::PolicyViolation,
        }
    }
}

/// Follows the frames of a stream (RFC 6455, section 5.2) by their heads; payloads are passed over.
#[derive(Debug, Default)]
struct Frames {
    head: Vec<u8>,
    /// Bytes of the frame's payload that are still to come.
    left: u64,
    /// Whether the frame belongs to a message, and ends it.
    of_message: bool,
    ends: bool,
    /// The message so far, announced bytes included.
    bytes: u64,
    fragments: usize,
    /// Whether a message came to its end in what was taken last.
    ended: bool,
}

impl Frames {
    /// Takes bytes as they arrive. Returns how many pieces of messages began beyond the first of each.
    fn feed(&mut self, mut bytes: &[u8], bytes_max: u64) -> Result<u32, Excess> {
        let mut pieces = 0;
        self.ended = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                bytes = &bytes[passed..];
                self.left -= passed as u64;
                self.end_if_whole();
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if let Some(payload) = payload(&self.head) {
                pieces += self.begin(payload, bytes_max)?;
            }
        }
        Ok(pieces)
    }

    /// The head of a frame is whole.
    fn begin(&mut self, payload: u64, bytes_max: u64) -> Result<u32, Excess> {
        let of_message = of_message(self.head[0]);
        self.head.clear();
        self.left = payload;
        (self.of_message, self.ends) = (of_message.is_some(), of_message.unwrap_or(false));
        let mut pieces = 0;
        if !self.of_message && payload > CONTROL_BYTES_MAX {
            // Whoever reads it would keep it whole before saying that it is too long.
            return Err(Excess::Control);
        }
        if self.of_message {
            self.bytes = self.bytes.saturating_add(payload);
            pieces = u32::from(self.fragments > 0);
            self.fragments += 1;
            if self.bytes > bytes_max {
                return Err(Excess::Bytes);
            }
            if self.fragments > MESSAGE_FRAGMENTS_MAX {
                return Err(Excess::Fragments);
            }
        }
        self.end_if_whole();
        Ok(pieces)
    }

    fn end_if_whole(&mut self) {
        if self.left == 0 && self.of_message && self.ends {
            (self.bytes, self.fragments, self.ended) = (0, 0, true);
        }
    }

    /// Whether a message or a frame has begun and is not whole.
    fn is_unfinished(&self) -> bool {
        self.fragments > 0 || self.left > 0 || !self.head.is_empty()
    }
}

/// What the stream tells the reader.
#[derive(Debug, Default)]
pub(super) struct Meter {
    excess: AtomicU8,
    pieces: AtomicU32,
}

impl Meter {
    fn exceed(&self, excess: Excess) {
        self.excess.store(excess as u8 + 1, Ordering::Relaxed);
    }

    /// The code that a client gets which has exceeded a limit.
    pub fn excess(&self) -> Option<CloseCode> {
        let excess = [
            Excess::Bytes,
            Excess::Fragments,
            Excess::Unfinished,
            Excess::Control,
        ];
        let index = usize::from(self.excess.load(Ordering::Relaxed)).checked_sub(1)?;
        excess.get(index).map(|excess| excess.code())
    }

    /// Pieces of messages that came since the last call, beyond the first of each.
    pub fn take_pieces(&self) -> u32 {
        self.pieces.swap(0, Ordering::Relaxed)
    }
}

/// A client's stream on which nothing more comes where a message exceeds a limit, and whose frames are short. What the client goes on to
/// send is swallowed: a connection that is closed with something unread is reset, and the client would not hear why.
#[derive(Debug)]
pub(super) struct Metered<S> {
    inner: S,
    frames: Frames,
    cutter: Cutter,
    /// What came and was not passed on, from `start` to `end`.
    raw: Box<[u8]>,
    start: usize,
    end: usize,
    meter: Arc<Meter>,
    /// Knows whether the client has joined.
    shared: Arc<Shared>,
    /// When the unfinished message began, and what wakes the reader when its time is over.
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
    unfinished: Unfinished,
}

impl<S> Metered<S> {
    pub fn new(inner: S, meter: Arc<Meter>, shared: Arc<Shared>) -> Self {
        Self {
            inner,
            frames: Frames::default(),
            cutter: Cutter::default(),
            raw: vec![0; SOCKET_READ_BYTES].into(),
            start: 0,
            end: 0,
            meter,
            shared,
            since: None,
            alarm: None,
            unfinished: Unfinished::default(),
        }
    }

    /// So many bytes have come. What exceeds a limit is passed on to nobody.
    fn heard(&mut self, count: usize) {
        (self.start, self.end) = (0, 0);
        let bytes_max = if self.shared.has_ever_joined() {
            MESSAGE_BYTES_MAX
        } else {
            MESSAGE_BEFORE_JOIN_BYTES_MAX
        };
        let pieces = match self.frames.feed(&self.raw[..count], bytes_max as u64) {
            Ok(pieces) => pieces,
            Err(excess) => return self.meter.exceed(excess),
        };
        self.meter.pieces.fetch_add(pieces, Ordering::Relaxed);
        self.end = count;
        // One that begins where another ends has its own time.
        if self.frames.ended || !self.frames.is_unfinished() {
            (self.since, self.alarm) = (None, None);
        }
        let is_unfinished = self.frames.is_unfinished();
        if is_unfinished {
            self.since.get_or_insert_with(Instant::now);
        }
        let come = self.frames.bytes.saturating_sub(self.frames.left);
        self.unfinished.set(if is_unfinished { come } else { 0 });
    }

    /// Nothing comes at the moment: is the message that has begun too old? Where the unfinished messages of all clients take much, long ones
    /// have little time.
    fn look_at_age(&mut self, cx: &mut Context<'_>) {
        let Some(since) = self.since else { return };
        let until = since + Duration::from_secs(MESSAGE_SECS_MAX);
        let soon = since + Duration::from_secs(LONG_MESSAGE_SECS_MIN);
        loop {
            let now = Instant::now();
            if now >= until || now >= soon && self.unfinished.is_too_much() {
                return self.meter.exceed(Excess::Unfinished);
            }
            let next = until.min((now + Duration::from_secs(1)).max(soon));
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            if alarm.as_mut().poll(cx).is_pending() {
                return;
            }
            self.alarm = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let known = buf.filled().len();
        let mut reads = 0;
        loop {
            this.start += this.cutter.pass(&this.raw[this.start..this.end], buf);
            if buf.filled().len() > known {
                return Poll::Ready(Ok(()));
            }
            // Everything that came is passed on, or part of a head.
            let mut raw = ReadBuf::new(&mut this.raw);
            match Pin::new(&mut this.inner).poll_read(cx, &mut raw) {
                Poll::Ready(Ok(())) if raw.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let count = raw.filled().len();
                    if this.meter.excess().is_none() {
                        this.heard(count);
                    }
                    reads += 1;
                    if this.meter.excess().is_some() && reads > SWALLOWED_AT_ONCE {
                        // Others of this thread have their turn.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    this.look_at_age(cx);
                    return Poll::Pending;
                }
            }
        }
    }
}

/// What the library writes are answers to control frames: they go to the writer, who alone writes to the socket.
impl<S: Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.shared.replies.add(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 100_000;

    /// A masked frame; the mask is zero, so that the payload is as it is.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            length @ 126..65_536 => {
                bytes.push(0xfe);
                bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                bytes.push(0xff);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_of_all_lengths_are_followed_whatever_the_pieces() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];
        let stream: Vec<u8> = lengths
            .iter()
            .flat_map(|length| frame(0x81, &vec![7; *length]))
            .collect();
        for step in [1, 2, 3, 7, 1_024, stream.len()] {
            let mut frames = Frames::default();
            for piece in stream.chunks(step) {
                assert_eq!(frames.feed(piece, MAX), Ok(0));
            }
            assert!(!frames.is_unfinished(), "pieces of {step}");
        }
    }

    #[test]
    fn a_message_is_refused_when_it_is_announced() {
        let mut frames = Frames::default();
        let message = frame(0x81, &[0; 101]);
        assert_eq!(frames.feed(&message[..6], 100), Err(Excess::Bytes));
        let mut frames = Frames::default();
        let huge = [
            0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ];
        assert_eq!(frames.feed(&huge, MAX), Err(Excess::Bytes));
    }

    #[test]
    fn a_control_frame_is_short() {
        let mut frames = Frames::default();
        assert_eq!(frames.feed(&frame(0x89, &[0; 125]), 100), Ok(0));
        assert_eq!(
            frames.feed(&frame(0x89, &[0; 126])[..8], MAX),
            Err(Excess::Control)
        );
    }

    #[test]
    fn fragments_add_up_and_pings_between_them_change_nothing() {
        let mut frames = Frames::default();
        assert_eq!(frames.feed(&frame(0x01, &[0; 60]), 100), Ok(0));
        for _ in 0..3 {
            assert_eq!(frames.feed(&frame(0x89, b"ping"), 100), Ok(0));
            assert!(frames.is_unfinished());
        }
        assert_eq!(frames.feed(&frame(0x00, &[0; 30]), 100), Ok(1));
        assert_eq!(frames.feed(&frame(0x00, &[0; 11]), 100), Err(Excess::Bytes));
        let mut frames = Frames::default();
        frames.feed(&frame(0x01, &[]), 100).unwrap();
        for _ in 1..MESSAGE_FRAGMENTS_MAX {
            assert_eq!(frames.feed(&frame(0x00, &[]), 100), Ok(1));
        }
        assert_eq!(frames.feed(&frame(0x00, &[]), 100), Err(Excess::Fragments));
    }

    #[test]
    fn a_message_that_begins_where_another_ends_is_told_from_it() {
        let mut frames = Frames::default();
        let (one, two) = (frame(0x81, b"one"), frame(0x81, b"two"));
        let (begin, end) = two.split_at(4);
        frames.feed(&[&*one, begin].concat(), MAX).unwrap();
        for _ in 0..3 {
            assert!(frames.ended && frames.is_unfinished());
            frames.feed(&[end, &one, begin].concat(), MAX).unwrap();
        }
        frames.feed(&end[..1], MAX).unwrap();
        assert!(!frames.ended && frames.is_unfinished());
    }

    #[test]
    fn a_new_message_begins_at_nothing() {
        let mut frames = Frames::default();
        for _ in 0..3 {
            frames.feed(&frame(0x01, &[0; 60]), 100).unwrap();
            frames.feed(&frame(0x80, &[0; 40]), 100).unwrap();
            assert!(!frames.is_unfinished());
        }
    }
}
