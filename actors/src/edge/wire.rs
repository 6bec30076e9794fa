//! What two nodes say to each other about rooms: frames with their length before them, in little-endian.
//!
//! Events go as they were encoded for clients, once for all sessions of the other node; everything else is JSON.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    encoding::{self, EncodeError},
    ids::{RoomId, SessionNo, TokenHash, UserId},
    livekit::{MediaRoom, Seen},
    protocol::{Command, codes::CloseCode, limits::LINK_FRAME_BYTES_MAX, meeting::Caller},
    registry::{Beginner, Life},
    room::{
        input::{Ending, Notice, Reattach, SeatTaken, Start, StartOutcome},
        locations::StreamLocations,
    },
    shell::Redeemed,
};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Heartbeat = 0,
    Json = 1,
    Delivery = 2,
    Told = 3,
}

/// A life of a room, as its owner counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoomLife {
    pub room: RoomId,
    pub life: Life,
}

/// What an edge tells an owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Up {
    Call {
        number: u64,
        call: NodeCall,
    },
    /// A redeemed ticket's socket stands.
    Attach(RoomLife, SeatTaken),
    /// A session that has outlived a life of the room, or a connection, asks to go on.
    Reattach(RoomLife, Reattach),
    Command {
        of: RoomLife,
        session: SessionNo,
        number: u64,
        /// What it was on the wire.
        bytes: usize,
        command: Command,
    },
    /// A socket has ended.
    Ended(RoomLife, SessionNo, Ending),
}

/// What an edge asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeCall {
    /// Finds a room that the other node owns, or begins it there.
    Find {
        room: RoomId,
        begin: Option<Beginner>,
    },
    /// A call of `start`.
    Start {
        of: RoomLife,
        start: Box<Start>,
        /// How long ago anything was read for it; absent where only a token speaks for the caller.
        read_millis_ago: Option<u64>,
    },
    /// Whether a resumption token speaks for a caller.
    Knows {
        of: RoomLife,
        token: TokenHash,
        caller: Caller,
    },
    /// Redeems a ticket, once.
    Redeem {
        of: RoomLife,
        ticket: TokenHash,
    },
    /// Word from REST for a room.
    Notice {
        room: RoomId,
        notice: Notice,
    },
    /// The same for all rooms of the other node.
    NoticeToAll(Notice),
    /// LiveKit tells of somebody, or that a room was made.
    Sighted {
        media: MediaRoom,
        seen: Option<Box<Seen>>,
    },
    HasMediaRoom(MediaRoom),
    /// Where streams are sent to.
    Locations {
        room: RoomId,
        locations: StreamLocations,
    },
    /// Whether the other node runs a room, or is about to.
    Runs(RoomId),
    /// Whether the other node has a lease, so that it may do something.
    HasLease,
    /// For how long the store has answered the other node without having lost anything.
    TrustsStore,
    /// The other node owns a room now, and takes it up.
    TakeUp(RoomId),
}

/// What an owner answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Found {
        life: Life,
        /// Whose room it is, if that is known.
        owner: Option<UserId>,
    },
    /// There is no such room.
    NotFound,
    TooMany,
    /// Not at this moment.
    Unavailable,
    /// The room belongs to another node, or this life of it is over.
    Elsewhere,
    Started(StartOutcome),
    Redeemed(Option<Redeemed>),
    /// Milliseconds.
    For(u64),
    /// To a question that is answered by yes or no; none where that can't be said at the moment.
    Says(Option<bool>),
    Done,
}

/// What an owner tells an edge, besides events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    TakesPartIn(u64),
    GoesOn {
        handled: u64,
    },
    /// The room's life is over for it.
    Lost,
    /// Namespaces are open, by their bits.
    Opened(u32),
    Shut,
    Close(CloseCode),
    /// So many commands were handled.
    Handled(u32),
}

/// A message of an owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    Answer { number: u64, answer: Answer },
    Note(RoomLife, SessionNo, Note),
}

/// A frame that was read.
#[derive(Debug)]
pub enum Read<T> {
    Heartbeat,
    Message(T),
    /// An event with its number, for these sessions.
    Delivery {
        of: RoomLife,
        seq: u64,
        sessions: Vec<SessionNo>,
        text: Bytes,
    },
    /// Something without a number for one session.
    Told {
        of: RoomLife,
        session: SessionNo,
        text: Bytes,
    },
}

/// What was read is none of what nodes say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the other node talks nonsense: {0}")]
pub struct Nonsense(pub String);

impl From<Nonsense> for io::Error {
    fn from(nonsense: Nonsense) -> Self {
        Self::new(io::ErrorKind::InvalidData, nonsense)
    }
}

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
/// Bytes that name a life of a room.
const OF_BYTES: usize = 16 + 8;

fn begin(into: &mut BytesMut, kind: Kind, bytes: usize) {
    // Longer ones than the limit are never made: an event is far below it.
    into.put_u32_le(u32::try_from(bytes + 1).unwrap_or(u32::MAX));
    into.put_u8(kind as u8);
}

fn put_of(into: &mut BytesMut, of: RoomLife) {
    into.put_slice(of.room.0.as_bytes());
    into.put_u64_le(of.life.0);
}

pub fn put_heartbeat(into: &mut BytesMut) {
    begin(into, Kind::Heartbeat, 0);
}

/// Appends a message as a frame.
pub fn put_message<T: Serialize>(into: &mut BytesMut, message: &T) {
    let text = encoding::encode(message).unwrap_or_else(EncodeError::undo);
    begin(into, Kind::Json, text.len());
    into.put_slice(text.as_bytes());
}

/// Appends an event.
pub fn put_delivery(into: &mut BytesMut, of: RoomLife, seq: u64, sessions: &[SessionNo], text: &[u8]) {
    begin(
        into,
        Kind::Delivery,
        OF_BYTES + 8 + 4 + 8 * sessions.len() + text.len(),
    );
    put_of(into, of);
    into.put_u64_le(seq);
    into.put_u32_le(u32::try_from(sessions.len()).unwrap_or(u32::MAX));
    for session in sessions {
        into.put_u64_le(session.0);
    }
    into.put_slice(text);
}

/// Appends something without a number.
pub fn put_told(into: &mut BytesMut, of: RoomLife, session: SessionNo, text: &[u8]) {
    begin(into, Kind::Told, OF_BYTES + 8 + text.len());
    put_of(into, of);
    into.put_u64_le(session.0);
    into.put_slice(text);
}

/// Takes the first whole frame out of what was read; none while it is not there.
pub fn take_frame<T: DeserializeOwned>(read: &mut BytesMut) -> Result<Option<Read<T>>, Nonsense> {
    take_frame_up_to(read, LINK_FRAME_BYTES_MAX)
}

/// The same, where frames are no longer than this.
pub fn take_frame_up_to<T: DeserializeOwned>(
    read: &mut BytesMut,
    bytes_max: usize,
) -> Result<Option<Read<T>>, Nonsense> {
    let Some(length) = read.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > bytes_max {
        return Err(Nonsense(format!("a frame of {length} bytes")));
    }
    if read.len() < LENGTH_BYTES + length {
        read.reserve(LENGTH_BYTES + length - read.len());
        return Ok(None);
    }
    read.advance(LENGTH_BYTES);
    let mut frame = read.split_to(length).freeze();
    parse(frame.get_u8(), frame).map(Some)
}

fn parse<T: DeserializeOwned>(kind: u8, mut frame: Bytes) -> Result<Read<T>, Nonsense> {
    let too_short = || Nonsense("a frame that ends in the middle".to_owned());
    match kind {
        kind if kind == Kind::Heartbeat as u8 && frame.is_empty() => Ok(Read::Heartbeat),
        kind if kind == Kind::Json as u8 => serde_json::from_slice(&frame)
            .map(Read::Message)
            .map_err(|error| Nonsense(error.to_string())),
        kind if kind == Kind::Delivery as u8 => {
            let of = take_of(&mut frame).ok_or_else(too_short)?;
            let seq = frame.try_get_u64_le().map_err(|_| too_short())?;
            let count = frame.try_get_u32_le().map_err(|_| too_short())? as usize;
            if frame.len() / 8 < count {
                return Err(too_short());
            }
            let sessions = (0..count).map(|_| SessionNo(frame.get_u64_le())).collect();
            let text = frame;
            Ok(Read::Delivery {
                of,
                seq,
                sessions,
                text,
            })
        }
        kind if kind == Kind::Told as u8 => {
            let of = take_of(&mut frame).ok_or_else(too_short)?;
            let session = SessionNo(frame.try_get_u64_le().map_err(|_| too_short())?);
            let text = frame;
            Ok(Read::Told { of, session, text })
        }
        other => Err(Nonsense(format!("a frame of kind {other}"))),
    }
}

fn take_of(frame: &mut Bytes) -> Option<RoomLife> {
    let room = RoomId(Uuid::from_u128(frame.try_get_u128().ok()?));
    let life = Life(frame.try_get_u64_le().ok()?);
    Some(RoomLife { room, life })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    fn of() -> RoomLife {
        RoomLife {
            room: RoomId(Uuid::from_u128(7)),
            life: Life(9),
        }
    }

    #[test]
    fn frames_are_read_as_they_were_written_however_they_arrive() {
        let mut written = BytesMut::new();
        put_heartbeat(&mut written);
        put_delivery(&mut written, of(), 5, &[SessionNo(1), SessionNo(2)], b"{}");
        put_told(&mut written, of(), SessionNo(3), b"told");
        put_message(&mut written, &Down::Note(of(), SessionNo(1), Note::Handled(3)));
        let (mut read, mut frames) = (BytesMut::new(), Vec::new());
        for byte in written {
            read.put_u8(byte);
            if let Some(frame) = take_frame::<Down>(&mut read).unwrap_or_else(|error| panic!("{error}")) {
                frames.push(format!("{frame:?}"));
            }
        }
        assert_eq!(frames.len(), 4);
        assert!(
            frames[1].contains("seq: 5") && frames[1].contains("SessionNo(2)"),
            "{frames:?}"
        );
        assert!(
            frames[2].contains("told") && frames[3].contains("Handled(3)"),
            "{frames:?}"
        );
        assert!(read.is_empty());
    }

    #[test]
    fn nonsense_is_told_from_what_is_not_there_yet() {
        let read = |bytes: &[u8]| take_frame::<Down>(&mut BytesMut::from(bytes)).map(|frame| frame.is_some());
        assert_eq!(read(&[1, 0, 0]), Ok(false));
        assert!(read(&[0, 0, 0, 0]).is_err(), "without a kind");
        assert!(read(&[255, 255, 255, 255]).is_err(), "too long");
        assert!(read(&[1, 0, 0, 0, 9]).is_err(), "of no kind");
        assert!(read(&[3, 0, 0, 0, 1, b'{', b'x']).is_err());
        let mut many = BytesMut::new();
        put_delivery(&mut many, of(), 1, &[], b"");
        let count = many.len() - 4;
        many[count..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&many).is_err(), "more sessions than it has");
    }

    /// Frames of any content, also such as begin like those that nodes send.
    #[test]
    fn whatever_a_node_says_is_read_or_refused() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(22);
        let (mut read, mut refused) = (0, 0);
        for _ in 0..50_000 {
            let mut said = BytesMut::new();
            match rng.random_range(0..4) {
                0 => put_delivery(&mut said, of(), rng.random(), &[SessionNo(1); 3], b"{}"),
                1 => put_message(&mut said, &Up::Ended(of(), SessionNo(rng.random()), Ending::Lost)),
                2 => put_told(&mut said, of(), SessionNo(1), "text".as_bytes()),
                _ => said.resize(rng.random_range(0..64), 0),
            }
            for _ in 0..rng.random_range(0..4) {
                if !said.is_empty() {
                    let at = rng.random_range(0..said.len());
                    said[at] = rng.random();
                }
            }
            loop {
                match take_frame::<Up>(&mut said) {
                    Ok(Some(_)) => read += 1,
                    Ok(None) => break,
                    Err(Nonsense(_)) => {
                        refused += 1;
                        break;
                    }
                }
            }
        }
        assert!(read > 10_000 && refused > 1_000, "{read} {refused}");
    }
}
