//! The last events of a room, for clients that go on from a number and for sessions that outlive the room's shell. They are part of
//! its state, so that they outlive the process too.

use std::{collections::VecDeque, sync::Arc};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use super::effects::Receivers;
use crate::{
    frame::EncodedEvent,
    ids::{SessionNo, Timestamp},
    protocol::limits::{
        LARGE_RING_BYTES_MAX, LARGE_RING_EVENTS_MAX, LARGE_RING_PEOPLE, RING_BYTES_MAX, RING_EVENTS_MAX,
        RING_SECS,
    },
};

/// Numbers of events in one epoch: each life of a room begins a new one.
const EPOCH_BITS: u32 = 32;

/// Lives of a room that its ring reaches at most.
const EPOCHS_MAX: usize = 16;

/// The first number of the life that gave out this number.
const fn epoch_of(number: u64) -> u64 {
    (number >> EPOCH_BITS) << EPOCH_BITS
}

/// The first number of the life after the one that gave out this number.
const fn after(number: u64) -> u64 {
    ((number >> EPOCH_BITS) + 1) << EPOCH_BITS
}

/// Events as they were sent, the oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ring {
    /// Every kept event after this number is there.
    base: u64,
    events: VecDeque<KeptEvent>,
    /// What they take, see [`KeptEvent::bytes`].
    bytes: usize,
    /// Earlier lives of the room that the ring reaches, the oldest first.
    past: VecDeque<Epoch>,
    /// Of this life, see [`Epoch::nonce`].
    nonce: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct KeptEvent {
    seq: u64,
    at: Timestamp,
    frame: EncodedEvent,
    to: Receivers,
}

impl KeptEvent {
    /// Its text, and a byte for each receiver: lists of them are shared by what is sent to the same people.
    fn bytes(&self) -> usize {
        self.frame.len() + self.to.count() as usize
    }
}

/// A life of the room that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Epoch {
    /// Tells it from others that gave out the same numbers: what a disk has lost may be lived once more.
    nonce: u64,
    /// Its last number, as far as the log knows: whoever has heard more knows what nobody else does.
    last: u64,
}

impl Ring {
    /// An event is kept, while so many people are inside.
    pub fn add(&mut self, (seq, at): (u64, Timestamp), frame: EncodedEvent, to: Receivers, people: u32) {
        if self.base == u64::MAX {
            self.base = seq - 1;
        }
        let event = KeptEvent { seq, at, frame, to };
        self.bytes += event.bytes();
        self.events.push_back(event);
        let (events_max, bytes_max) = if people > LARGE_RING_PEOPLE {
            (LARGE_RING_EVENTS_MAX, LARGE_RING_BYTES_MAX)
        } else {
            (RING_EVENTS_MAX, RING_BYTES_MAX)
        };
        while self.events.len() > events_max
            || self.bytes > bytes_max
            || self
                .events
                .front()
                .is_some_and(|oldest| oldest.at.plus_secs(RING_SECS) <= at)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.bytes();
            self.base = oldest.seq;
            while self.past.pop_front_if(|epoch| epoch.last < oldest.seq).is_some() {}
        }
    }

    /// The older half goes.
    pub fn let_go(&mut self) {
        for _ in 0..self.events.len().div_ceil(2) {
            self.drop_oldest();
        }
    }

    /// The room's life is over, `last` being its last number; returns the first of its next life. No number is used twice, even when
    /// a tail of the log was lost with the machine.
    pub fn begin_epoch(&mut self, last: u64, nonce: u64) -> u64 {
        let nonce = std::mem::replace(&mut self.nonce, nonce);
        self.past.push_back(Epoch { nonce, last });
        while self.past.len() > EPOCHS_MAX
            && let Some(epoch) = self.past.pop_front()
        {
            while self.events.front().is_some_and(|oldest| oldest.seq <= epoch.last) {
                self.drop_oldest();
            }
            self.base = self.base.max(after(epoch.last));
        }
        after(last)
    }

    /// Whether everything is there that was kept after this number, and no later one than `newest` is meant.
    #[must_use]
    pub fn reaches(&self, from: u64, newest: u64) -> bool {
        let its = self
            .past
            .iter()
            .find(|epoch| epoch_of(epoch.last) >= epoch_of(from));
        from >= self.base && from <= newest && its.is_none_or(|epoch| from <= epoch.last)
    }

    /// [`Ring::reaches`], for a session that took part in the life with this nonce.
    #[must_use]
    pub fn reaches_in(&self, nonce: u64, from: u64, newest: u64) -> bool {
        let its = self.past.iter().find(|epoch| epoch.nonce == nonce);
        (nonce == self.nonce || its.is_some_and(|epoch| from <= epoch.last)) && self.reaches(from, newest)
    }

    /// Of this life of the room.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Every kept event after this number is there.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// What the kept events take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What went to a line after the event `from`, in order.
    #[must_use]
    pub fn after(&self, from: u64, line: SessionNo) -> Vec<(u64, EncodedEvent)> {
        let begin = self.events.partition_point(|event| event.seq <= from);
        // Events in a row mostly go to the same people.
        let mut last: Option<(&Receivers, bool)> = None;
        let mut is_meant = |to| match last {
            Some((known, is_in)) if Receivers::are_one(known, to) => is_in,
            _ => {
                let is_in = Receivers::contains(to, line);
                last = Some((to, is_in));
                is_in
            }
        };
        let missed = self.events.range(begin..).filter(|event| is_meant(&event.to));
        missed.map(|event| (event.seq, event.frame.clone())).collect()
    }
}

/// As it is written: lists of receivers once, each session as the difference to the one before.
#[derive(Serialize, Deserialize)]
struct Written<F> {
    base: u64,
    #[serde(default)]
    nonce: u64,
    #[serde(default)]
    past: VecDeque<Epoch>,
    #[serde(default)]
    lists: Vec<Vec<i64>>,
    /// Earlier versions wrote none: then the ring reaches back to nothing.
    #[serde(default)]
    events: Option<Vec<WrittenEvent<F>>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenEvent<F> {
    seq: u64,
    at: Timestamp,
    #[serde(flatten)]
    to: WrittenReceivers,
    frame: F,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenReceivers {
    To(SessionNo),
    /// The list of this index.
    List(usize, Option<SessionNo>),
}

fn differences(sessions: &[SessionNo]) -> Vec<i64> {
    let before = [SessionNo(0)].into_iter().chain(sessions.iter().copied());
    let pairs = sessions.iter().zip(before);
    pairs
        .map(|(session, before)| session.0.wrapping_sub(before.0).cast_signed())
        .collect()
}

fn sums(differences: &[i64]) -> Arc<[SessionNo]> {
    let mut session = 0_u64;
    let sessions = differences.iter().map(|difference| {
        session = session.wrapping_add(difference.cast_unsigned());
        SessionNo(session)
    });
    sessions.collect()
}

impl Serialize for Ring {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let (mut lists, mut known) = (Vec::new(), FxHashMap::default());
        let written = |event: &KeptEvent| {
            let to = match &event.to {
                Receivers::One(line) => WrittenReceivers::To(*line),
                Receivers::Many { sessions, except } => {
                    let index = known.entry(Arc::as_ptr(sessions)).or_insert_with(|| {
                        lists.push(differences(sessions));
                        lists.len() - 1
                    });
                    WrittenReceivers::List(*index, *except)
                }
            };
            Ok(WrittenEvent {
                seq: event.seq,
                at: event.at,
                to,
                frame: RawValue::from_string(event.frame.to_string()).map_err(S::Error::custom)?,
            })
        };
        let events: Result<Vec<_>, S::Error> = self.events.iter().map(written).collect();
        let written = Written {
            base: self.base,
            nonce: self.nonce,
            past: self.past.clone(),
            events: Some(events?),
            lists,
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::<Box<RawValue>>::deserialize(deserializer)?;
        let lists: Vec<_> = written.lists.iter().map(|list| sums(list)).collect();
        let base = if written.events.is_some() {
            written.base
        } else {
            u64::MAX
        };
        let mut this = Self {
            base,
            nonce: written.nonce,
            past: written.past,
            ..Self::default()
        };
        for event in written.events.unwrap_or_default() {
            let to = match event.to {
                WrittenReceivers::To(line) => Receivers::One(line),
                WrittenReceivers::List(index, except) => Receivers::Many {
                    sessions: lists
                        .get(index)
                        .cloned()
                        .ok_or_else(|| D::Error::custom("no such list"))?,
                    except,
                },
            };
            let frame = EncodedEvent::new(String::from(Box::<str>::from(event.frame)).into());
            let (seq, at) = (event.seq, event.at);
            let event = KeptEvent { seq, at, frame, to };
            this.bytes += event.bytes();
            this.events.push_back(event);
        }
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn frame(text: &str) -> EncodedEvent {
        EncodedEvent::new(format!("\"{text}\"").into())
    }

    fn filled(count: u64, people: u32, bytes: usize) -> Ring {
        let mut ring = Ring::default();
        for seq in 1..=count {
            let (frame, to) = (frame(&"x".repeat(bytes)), Receivers::One(SessionNo(1)));
            ring.add((seq, NOW), frame, to, people);
        }
        ring
    }

    #[test]
    fn the_oldest_events_go_by_count_bytes_and_age() {
        assert_eq!(filled(RING_EVENTS_MAX as u64, 1, 1).base(), 0, "all are kept");
        assert_eq!(filled(RING_EVENTS_MAX as u64 + 1, 1, 1).base(), 1);
        assert_eq!(
            filled(RING_EVENTS_MAX as u64 + 1, LARGE_RING_PEOPLE + 1, 1).base(),
            0
        );
        assert_eq!(filled(5, 1, RING_BYTES_MAX / 4).base(), 2);
        let mut ring = filled(3, 1, 1);
        let late = NOW.plus_secs(RING_SECS);
        ring.add((4, late), frame("x"), Receivers::One(SessionNo(1)), 1);
        assert_eq!((ring.base(), ring.bytes()), (3, 4));
        let mut ring = filled(5, 1, 1);
        ring.let_go();
        assert_eq!((ring.base(), ring.bytes()), (3, 8));
    }

    #[test]
    fn a_number_is_good_in_the_life_that_gave_it_out() {
        let mut ring = filled(3, 1, 1);
        let first = ring.begin_epoch(3, 7);
        assert_eq!(first, 1 << 32);
        assert!(ring.reaches(3, first), "the last of before");
        assert!(!ring.reaches(4, first), "what the log has lost");
        assert!(
            ring.reaches_in(0, 3, first) && !ring.reaches_in(0, 4, first) && !ring.reaches_in(9, 2, first)
        );
        assert!(ring.reaches_in(7, 2, first), "it went on from there");
        let second = ring.begin_epoch(first + 5, 8);
        assert!(ring.reaches(first + 5, second) && !ring.reaches(first + 6, second));
        assert!(ring.reaches_in(7, first, second) && ring.reaches_in(8, second, second));
        assert!(!ring.reaches(second + 1, second), "it is yet to come");
        let mut last = second;
        for life in 0..EPOCHS_MAX as u64 {
            last = ring.begin_epoch(last, 100 + life);
        }
        assert!(!ring.reaches(first, last) && !ring.reaches(first + 100, last));
        assert!(ring.reaches(second, last) && ring.reaches_in(100, second, last));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut ring = filled(2, 1, 1);
        let _ = ring.begin_epoch(2, 7);
        let many = Receivers::from(vec![SessionNo(5 << 32), SessionNo(3), SessionNo(9)]);
        for seq in 3..6 {
            let to = many.clone().but((seq == 4).then_some(SessionNo(3)));
            ring.add((seq, NOW), frame("to many"), to, 1);
        }
        let text = serde_json::to_string(&ring).expect("it can be written");
        assert_eq!(text.matches("lists").count(), 1);
        let read: Ring = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read, ring);
        let heard = |line| {
            read.after(2, SessionNo(line))
                .into_iter()
                .map(|(seq, _)| seq)
                .collect()
        };
        let (three, nine): (Vec<_>, Vec<_>) = (heard(3), heard(9));
        assert_eq!((three, nine), (vec![3, 5], vec![3, 4, 5]));
        let older =
            r#"{"base":3,"segments":[{"first":4,"events":1,"bytes":9,"begun":"2026-01-01T00:00:00Z"}]}"#;
        let mut older: Ring = serde_json::from_str(older).expect("what an older version wrote");
        assert!(!older.reaches(4, 4));
        older.add((9, NOW), frame("x"), Receivers::One(SessionNo(1)), 1);
        assert!(older.reaches(8, 9) && !older.reaches(7, 9));
    }
}
