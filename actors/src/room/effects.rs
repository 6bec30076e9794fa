//! What a room wants done, and the context in which a rule says so.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

use super::input::StartOutcome;
use crate::{
    ids::{SessionNo, Timestamp},
    protocol::{self, Event, codes::CloseCode},
};

/// Sessions that an event goes to, resolved when it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receivers {
    One(SessionNo),
    Many {
        sessions: Arc<[SessionNo]>,
        except: Option<SessionNo>,
    },
}

impl Receivers {
    /// The same without one session.
    #[must_use]
    pub fn but(self, session: Option<SessionNo>) -> Self {
        match self {
            Self::Many { sessions, .. } => Self::Many {
                sessions,
                except: session,
            },
            one @ Self::One(_) => one,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = SessionNo> {
        let (sessions, except) = match self {
            Self::One(session) => (std::slice::from_ref(session), None),
            Self::Many { sessions, except } => (&**sessions, *except),
        };
        sessions
            .iter()
            .copied()
            .filter(move |session| Some(*session) != except)
    }
}

/// Something to do outside, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// One encoded event for all its receivers.
    Send {
        seq: u64,
        frame: Utf8Bytes,
        to: Receivers,
    },
    /// The session has joined: other namespaces open, larger messages are allowed.
    Joined(SessionNo),
    /// The session ends after what was sent to it before.
    Close(SessionNo, CloseCode),
    /// The answer to a `start`.
    Answer(StartOutcome),
}

/// What handling one input brought about.
#[derive(Debug, Default)]
pub struct Effects {
    pub list: Vec<Effect>,
    /// Events encoded so far: must not grow with the number of receivers.
    pub encodings: usize,
}

/// The context of one input: its time, ids from its seed, and where effects go.
#[derive(Debug)]
pub struct Cx {
    pub at: Timestamp,
    random: u64,
    pub(super) event_seq: u64,
    pub(super) effects: Effects,
}

impl Cx {
    pub(super) fn new(at: Timestamp, seed: u64, event_seq: u64) -> Self {
        Self {
            at,
            random: seed,
            event_seq,
            effects: Effects::default(),
        }
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014): ids need be unique, not secret; every secret is made outside the room.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A UUID v4 that depends on the seed and on how many were made before.
    pub fn new_id(&mut self) -> Uuid {
        let (high, low) = (self.next_random(), self.next_random());
        uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes()).into_uuid()
    }

    /// Encodes an event once and sends it to all receivers under one number.
    pub fn send<E: Event>(&mut self, to: Receivers, event: &E) {
        let seq = self.next_event();
        let frame = protocol::encode(event, self.at, Some(seq));
        self.push_frame(seq, frame, to);
    }

    /// [`Cx::send`] to one session, if it is there.
    pub fn send_one<E: Event>(&mut self, session: Option<SessionNo>, event: &E) {
        if let Some(session) = session {
            self.send(Receivers::One(session), event);
        }
    }

    /// The number of the next event.
    pub(super) fn next_event(&mut self) -> u64 {
        self.event_seq += 1;
        self.event_seq
    }

    pub(super) fn push_frame(&mut self, seq: u64, frame: Utf8Bytes, to: Receivers) {
        self.effects.encodings += 1;
        self.effects.list.push(Effect::Send { seq, frame, to });
    }

    pub fn joined(&mut self, session: SessionNo) {
        self.effects.list.push(Effect::Joined(session));
    }

    pub fn close(&mut self, session: SessionNo, code: CloseCode) {
        self.effects.list.push(Effect::Close(session, code));
    }

    pub fn answer(&mut self, outcome: StartOutcome) {
        self.effects.list.push(Effect::Answer(outcome));
    }
}
