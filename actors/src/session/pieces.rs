//! Long frames in pieces (RFC 6455, section 5.4), both ways: the library keeps room for the longest frame that it ever got or
//! sent as long as the socket is open, and there are thousands of sockets.

use tokio::io::ReadBuf;

use crate::protocol::limits::SOCKET_FRAME_BYTES_MAX;

/// The bits of a head's first two bytes.
const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const CONTINUATION: u8 = 0x00;
const TEXT: u8 = 0x01;
const PING: u8 = 0x09;
const CLOSE: u8 = 0x08;
const MASKED: u8 = 0x80;
/// Instead of a short length: two bytes with it follow, or eight.
const TWO_BYTES: u8 = 0x7e;
const EIGHT_BYTES: u8 = 0x7f;

/// How long the payload is, once the head of its frame is whole.
pub(super) fn payload(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let mask = if second & MASKED == 0 { 0 } else { 4 };
    let (size, length) = match second & !MASKED {
        TWO_BYTES => (2, u64::from(u16::from_be_bytes(*head.get(2..)?.first_chunk()?))),
        EIGHT_BYTES => (8, u64::from_be_bytes(*head.get(2..)?.first_chunk()?)),
        short => (0, u64::from(short)),
    };
    (head.len() == 2 + size + mask).then_some(length)
}

/// Whether a head with this first byte belongs to a message, and whether its frame ends it.
pub(super) const fn of_message(first: u8) -> Option<bool> {
    if first & CONTROL == 0 {
        Some(first & FIN != 0)
    } else {
        None
    }
}

/// The head of one of our frames: they have no mask, and are short enough for four bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    bytes: [u8; 4],
    length: usize,
}

impl Head {
    /// Of a ping without a payload.
    pub const PING: Self = Self {
        bytes: [FIN | PING, 0, 0, 0],
        length: 2,
    };

    fn new(first: u8, payload: usize) -> Self {
        // Not longer than a piece.
        match u16::try_from(payload).unwrap_or(u16::MAX).to_be_bytes() {
            [0, short @ 0..TWO_BYTES] => Self {
                bytes: [first, short, 0, 0],
                length: 2,
            },
            [high, low] => Self {
                bytes: [first, TWO_BYTES, high, low],
                length: 4,
            },
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A close frame of ours.
pub(super) const fn close_frame(code: [u8; 2]) -> [u8; 4] {
    [FIN | CLOSE, 2, code[0], code[1]]
}

/// The frames of a message that goes out: each at most [`SOCKET_FRAME_BYTES_MAX`] long, so that a pong gets through between them, and
/// none ends within a letter.
pub(super) fn frames(text: &str) -> impl Iterator<Item = (Head, &str)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let begin = next?;
        let end = text.floor_char_boundary(begin + SOCKET_FRAME_BYTES_MAX);
        next = (end < text.len()).then_some(end);
        let opcode = if begin == 0 { TEXT } else { CONTINUATION };
        let fin = if next.is_none() { FIN } else { 0 };
        Some((Head::new(fin | opcode, end - begin), &text[begin..end]))
    })
}

/// Bytes of all frames of a message.
pub(super) fn framed_bytes(text: &str) -> usize {
    frames(text)
        .map(|(head, payload)| head.length + payload.len())
        .sum()
}

/// Cuts the long frames of what a client sends.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// The head that is coming.
    head: Vec<u8>,
    /// The head that is passed on, and how much of it has been.
    ready: Vec<u8>,
    passed: usize,
    /// Bytes of payload that are still to come: of this piece, and of the frame's further ones.
    left: u64,
    rest: u64,
    /// Whether the frame that is cut ends its message, and how its payload is masked.
    ends: bool,
    mask: Vec<u8>,
}

impl Cutter {
    /// Passes on what it can; returns how many of the bytes it took.
    pub fn pass(&mut self, raw: &[u8], out: &mut ReadBuf<'_>) -> usize {
        let mut taken = 0;
        while out.remaining() > 0 {
            let came = &raw[taken..];
            if self.passed < self.ready.len() {
                let some = (self.ready.len() - self.passed).min(out.remaining());
                out.put_slice(&self.ready[self.passed..self.passed + some]);
                self.passed += some;
            } else if self.left > 0 {
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let some = left.min(out.remaining()).min(came.len());
                if some == 0 {
                    break;
                }
                out.put_slice(&came[..some]);
                (self.left, taken) = (self.left - some as u64, taken + some);
            } else if self.rest > 0 {
                self.go_on();
            } else {
                let Some(byte) = came.first() else { break };
                self.head.push(*byte);
                taken += 1;
                if let Some(payload) = payload(&self.head) {
                    self.begin(payload);
                }
            }
        }
        taken
    }

    /// The head of a frame is whole. A frame that is no message's is short, or nobody reads it.
    fn begin(&mut self, payload: u64) {
        std::mem::swap(&mut self.ready, &mut self.head);
        self.head.clear();
        self.passed = 0;
        (self.left, self.rest) = (payload, 0);
        let Some(ends) = of_message(self.ready[0]) else {
            return;
        };
        if payload > SOCKET_FRAME_BYTES_MAX as u64 {
            self.ends = ends;
            let mask_at = self.ready.len() - if self.ready[1] & MASKED == 0 { 0 } else { 4 };
            self.mask = self.ready.split_off(mask_at);
            self.rest = payload;
            self.piece(self.ready[0] & !FIN);
        }
    }

    /// The next piece of a frame that is cut.
    fn go_on(&mut self) {
        let is_last = self.ends && self.rest <= SOCKET_FRAME_BYTES_MAX as u64;
        self.piece(if is_last { FIN } else { 0 });
    }

    /// A piece is as long as it may be, a multiple of the mask, which so goes on in step; the last one is what is left.
    fn piece(&mut self, first: u8) {
        const { assert!(SOCKET_FRAME_BYTES_MAX.is_multiple_of(4) && SOCKET_FRAME_BYTES_MAX <= u16::MAX as usize) };
        self.left = self.rest.min(SOCKET_FRAME_BYTES_MAX as u64);
        self.rest -= self.left;
        let masked = if self.mask.is_empty() { 0 } else { MASKED };
        // Not longer than a piece, as was checked above.
        let length = u16::try_from(self.left).unwrap_or(u16::MAX).to_be_bytes();
        self.ready.clear();
        match length {
            [0, short @ 0..TWO_BYTES] => self.ready.extend([first, masked | short]),
            [high, low] => self.ready.extend([first, masked | TWO_BYTES, high, low]),
        }
        self.ready.extend_from_slice(&self.mask);
        self.passed = 0;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{
            Error, Message,
            error::ProtocolError,
            protocol::{
                Role,
                frame::{
                    Frame,
                    coding::{Data, OpCode},
                },
            },
        },
    };

    use super::*;

    /// What comes out of a cutter that gets and gives so many bytes at a time, and the longest frame in it.
    fn cut(stream: &[u8], step: usize) -> (Vec<u8>, u64) {
        let (mut cutter, mut all) = (Cutter::default(), Vec::new());
        let mut longest = 0;
        for mut piece in stream.chunks(step) {
            loop {
                let mut buffer = vec![0; step];
                let mut out = ReadBuf::new(&mut buffer);
                let taken = cutter.pass(piece, &mut out);
                piece = &piece[taken..];
                longest = longest.max(cutter.left);
                if out.filled().is_empty() {
                    break;
                }
                all.extend_from_slice(out.filled());
            }
            assert_eq!(piece.len(), 0, "all is taken");
        }
        (all, longest)
    }

    /// What a client of the library sends for these messages.
    async fn sent(messages: &[Message]) -> Vec<u8> {
        let (ours, mut theirs) = tokio::io::duplex(8 * 1024 * 1024);
        let mut client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        for message in messages {
            client.send(message.clone()).await.unwrap();
        }
        drop(client);
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut theirs, &mut bytes)
            .await
            .unwrap();
        bytes
    }

    /// What the library reads of these bytes.
    async fn read(bytes: Vec<u8>, role: Role) -> Vec<Message> {
        let (ours, mut theirs) = tokio::io::duplex(8 * 1024 * 1024);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, &bytes)
            .await
            .unwrap();
        // Kept: a ping is answered.
        tokio::io::AsyncWriteExt::shutdown(&mut theirs).await.unwrap();
        let reader = WebSocketStream::from_raw_socket(ours, role, None).await;
        // The stream ends without a close frame.
        let whole = |message: &Result<Message, Error>| {
            let ended = matches!(
                message,
                Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))
            );
            std::future::ready(!ended)
        };
        reader.take_while(whole).map(Result::unwrap).collect().await
    }

    #[tokio::test]
    async fn what_a_client_sends_is_read_as_it_was_meant() {
        let max = SOCKET_FRAME_BYTES_MAX;
        let mut messages: Vec<_> = [0, 1, 125, 126, max - 1, max, max + 1, 2 * max, 70_000, 1_000_003]
            .map(|length| Message::text("aä€😀".chars().cycle().take(length / 3).collect::<String>() + "!"))
            .into();
        messages.push(Message::binary(vec![7; 3 * max + 5]));
        messages.push(Message::Ping(Bytes::from_static(b"ping")));
        let stream = sent(&messages).await;
        for step in [1, 3, 1_024, stream.len()] {
            let (bytes, longest) = cut(&stream, step);
            assert!(longest <= max as u64);
            assert_eq!(read(bytes, Role::Server).await, messages, "pieces of {step}");
        }
    }

    #[tokio::test]
    async fn pieces_of_a_client_that_cuts_itself_stay_one_message() {
        let part = |data, length, ends| {
            let frame = Frame::message(vec![b'x'; length], OpCode::Data(data), ends);
            Message::Frame(frame)
        };
        let stream = sent(&[
            part(Data::Text, 20_000, false),
            Message::Ping(Bytes::new()),
            part(Data::Continue, 3, false),
            part(Data::Continue, 30_000, true),
        ])
        .await;
        let (bytes, _) = cut(&stream, 1_000);
        let read = read(bytes, Role::Server).await;
        assert_eq!(
            read,
            [Message::Ping(Bytes::new()), Message::text("x".repeat(50_003))]
        );
    }

    #[tokio::test]
    async fn what_goes_out_is_whole_at_the_other_end() {
        for length in [0, 1, 41, 42, SOCKET_FRAME_BYTES_MAX, 100_001] {
            let text: String = "€".chars().cycle().take(length).collect();
            let mut bytes = Vec::new();
            for (head, payload) in frames(&text) {
                assert!(payload.len() <= SOCKET_FRAME_BYTES_MAX);
                bytes.extend_from_slice(head.bytes());
                bytes.extend_from_slice(payload.as_bytes());
            }
            assert_eq!(bytes.len(), framed_bytes(&text));
            bytes.extend_from_slice(Head::PING.bytes());
            let all = [Message::text(text), Message::Ping(Bytes::new())];
            assert_eq!(read(bytes, Role::Client).await, all);
        }
    }
}
