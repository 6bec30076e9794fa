//! Large messages in small pieces: a recorder's chunk may have a hundred million bytes, and a WebSocket library holds a whole
//! message in memory. This stands between the library and the connection and rewrites what comes: each frame with data becomes
//! one or more whole binary messages of [`PIECE_BYTES`] at the most. What each of them is a part of is told beside.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a piece. A multiple of four, so that the frame's masking key (RFC 6455, section 5.3) fits each piece as it is.
pub(super) const PIECE_BYTES: usize = 1024 * 1024;

/// Bytes of a message as it is sent. A longer one yields an empty piece that tells its size, and nothing after it is read.
pub(super) const MESSAGE_BYTES_MAX: u64 = 100_000_000;

/// Bytes that are thrown away at once.
const THROWN_BYTES: usize = 8 * 1024;

/// Longest head of a frame (RFC 6455, section 5.2): two bytes, eight of length, four of the masking key.
const HEAD_BYTES_MAX: usize = 14;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// What a message that the library yields is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Whether the sender's message begins with it.
    pub(super) begins: bool,
    /// Whether it ends with it.
    pub(super) ends: bool,
    pub(super) is_text: bool,
    /// Bytes of the sender's message, as far as its frames have told.
    pub(super) announced: u64,
}

/// What the next messages are parts of, in their order. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts(Arc<Mutex<VecDeque<Piece>>>);

impl Parts {
    /// What the message is a part of that the library has just yielded.
    pub(super) fn next(&self) -> Option<Piece> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, piece: Piece) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(piece);
    }
}

/// A stream on which no data frame is larger than a piece, and none is a fragment.
#[derive(Debug)]
pub(super) struct Pieces<S> {
    stream: S,
    parts: Parts,
    /// The head of the next frame, as far as it has come.
    head: Head,
    /// What goes to the library before anything else.
    out: Head,
    /// Bytes that go on as they come.
    through: u64,
    /// What of a frame with data is left for further pieces.
    rest: Option<Rest>,
    /// The sender's message that is under way.
    message: Option<Message>,
    /// Whether what comes is thrown away, so that the sender gets to our word about it.
    is_deaf: bool,
}

/// A head of a frame, or its beginning.
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    length: usize,
    /// What of it was passed on.
    passed: usize,
}

#[derive(Debug, Clone, Copy)]
struct Message {
    is_text: bool,
    announced: u64,
}

/// A frame with data of which pieces are to come.
#[derive(Debug, Clone, Copy)]
struct Rest {
    left: u64,
    is_final: bool,
    mask: Option<[u8; 4]>,
    begins: bool,
}

impl<S> Pieces<S> {
    pub(super) fn new(stream: S) -> (Self, Parts) {
        let parts = Parts::default();
        let pieces = Self {
            stream,
            parts: parts.clone(),
            head: Head::default(),
            out: Head::default(),
            through: 0,
            rest: None,
            message: None,
            is_deaf: false,
        };
        (pieces, parts)
    }

    /// The head of a frame is whole.
    fn begin_frame(&mut self) -> io::Result<()> {
        let head = std::mem::take(&mut self.head);
        let [first, second, ..] = head.bytes;
        let opcode = first & 0x0f;
        // The library refuses what is reserved, and knows control frames.
        if first & RESERVED != 0 || opcode > BINARY {
            self.through = head.payload();
            self.out = head;
            return Ok(());
        }
        let begins = opcode != CONTINUATION;
        if begins == self.message.is_some() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "fragments of a message are out of order",
            ));
        }
        let message = self.message.get_or_insert(Message {
            is_text: opcode == TEXT,
            announced: 0,
        });
        message.announced = message.announced.saturating_add(head.payload());
        self.is_deaf = message.announced > MESSAGE_BYTES_MAX;
        self.rest = Some(Rest {
            left: if self.is_deaf { 0 } else { head.payload() },
            is_final: first & FINAL != 0 && !self.is_deaf,
            mask: (second & MASKED != 0).then(|| head.mask()),
            begins,
        });
        self.begin_piece();
        Ok(())
    }

    /// Lays out the head of the next piece of a frame.
    fn begin_piece(&mut self) {
        let (Some(rest), Some(message)) = (self.rest.take(), self.message) else {
            return;
        };
        let now = rest.left.min(PIECE_BYTES as u64);
        let left = rest.left - now;
        let ends = rest.is_final && left == 0;
        self.parts.push(Piece {
            begins: rest.begins,
            ends,
            is_text: message.is_text,
            announced: message.announced,
        });
        self.out = Head::of_piece(now, rest.mask);
        self.through = now;
        self.rest = (left > 0).then_some(Rest {
            left,
            begins: false,
            ..rest
        });
        if ends {
            self.message = None;
        }
    }
}

impl Head {
    /// Bytes of a head that begins so; the first two tell.
    fn wanted(&self) -> usize {
        if self.length < 2 {
            return 2;
        }
        let mask = if self.bytes[1] & MASKED == 0 { 0 } else { 4 };
        2 + self.length_bytes() + mask
    }

    fn length_bytes(&self) -> usize {
        match self.bytes[1] & !MASKED {
            127 => 8,
            126 => 2,
            _ => 0,
        }
    }

    /// Bytes of the payload.
    fn payload(&self) -> u64 {
        let extended = &self.bytes[2..2 + self.length_bytes()];
        if extended.is_empty() {
            return u64::from(self.bytes[1] & !MASKED);
        }
        extended
            .iter()
            .fold(0, |length, byte| (length << 8) | u64::from(*byte))
    }

    fn mask(&self) -> [u8; 4] {
        let at = 2 + self.length_bytes();
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.bytes[at..at + 4]);
        mask
    }

    /// The head of a whole binary message.
    fn of_piece(payload: u64, mask: Option<[u8; 4]>) -> Self {
        let mut head = Self::default();
        head.push(&[FINAL | BINARY]);
        let masked = if mask.is_some() { MASKED } else { 0 };
        match (u8::try_from(payload), u16::try_from(payload)) {
            (Ok(short @ ..126), _) => head.push(&[masked | short]),
            (_, Ok(medium)) => {
                head.push(&[masked | 0x7e]);
                head.push(&medium.to_be_bytes());
            }
            _ => {
                head.push(&[masked | 0x7f]);
                head.push(&payload.to_be_bytes());
            }
        }
        head.push(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
        head
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Passes on what fits; whether that was anything.
    fn pass_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let now = (self.length - self.passed).min(buf.remaining());
        buf.put_slice(&self.bytes[self.passed..self.passed + now]);
        self.passed += now;
        now > 0
    }
}

impl<S: AsyncRead + Unpin> Pieces<S> {
    /// Reads on until the head of a frame is whole; false at the end of the stream.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.head.length < self.head.wanted() {
            let wanted = self.head.wanted();
            let mut space = ReadBuf::new(&mut self.head.bytes[self.head.length..wanted]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
            let come = space.filled().len();
            if come == 0 {
                return Poll::Ready(Ok(false));
            }
            self.head.length += come;
        }
        Poll::Ready(Ok(true))
    }

    /// Throws away what comes, to the end of the stream.
    fn poll_throw(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut thrown = [0; THROWN_BYTES];
        loop {
            let mut space = ReadBuf::new(&mut thrown);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
            if space.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Passes payload on as it comes.
    fn poll_through(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = usize::try_from(self.through)
            .unwrap_or(usize::MAX)
            .min(buf.remaining());
        let mut space = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        let come = space.filled().len();
        buf.advance(come);
        self.through -= come as u64;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pieces<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.out.pass_on(buf) || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if this.through > 0 {
                return this.poll_through(cx, buf);
            }
            if this.is_deaf {
                return this.poll_throw(cx);
            }
            if this.rest.is_some() {
                this.begin_piece();
            } else if ready!(this.poll_head(cx))? {
                this.begin_frame()?;
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pieces<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
