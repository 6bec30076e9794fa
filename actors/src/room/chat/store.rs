//! All kept messages of a room of the meeting, bounded per scope; the meeting bounds them together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    fold::Term,
    history::{Chunk, Entry, History},
};
use crate::{
    ids::{GroupId, ParticipantId, Timestamp},
    protocol::chat::StoredMessage,
};

/// A scope: the whole room, a group, or two participants in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    Global,
    Group(GroupId),
    Private(ParticipantId, ParticipantId),
}

impl Key {
    pub fn private(a: ParticipantId, b: ParticipantId) -> Self {
        Self::Private(a.min(b), a.max(b))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Store {
    histories: BTreeMap<Key, History>,
    next_number: u64,
    bytes: usize,
    /// Scope of each kept message by its number: the oldest of the room is found at once.
    by_number: BTreeMap<u64, Key>,
    correspondents: BTreeMap<ParticipantId, BTreeSet<ParticipantId>>,
    /// How many kept messages name somebody: their authors, and both sides of private ones.
    named: BTreeMap<ParticipantId, usize>,
    newest_global: Newest,
}

/// The newest chunk of the global history, encoded once for all joins until it changes.
#[derive(Debug, Clone, Default)]
struct Newest(Option<Arc<RawValue>>);

impl PartialEq for Newest {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// What a snapshot holds; the rest follows from it.
#[derive(Serialize, Deserialize)]
struct Kept {
    histories: Vec<(Key, History)>,
    next_number: u64,
}

impl From<Kept> for Store {
    fn from(kept: Kept) -> Self {
        let mut store = Self {
            next_number: kept.next_number,
            ..Self::default()
        };
        for (key, mut history) in kept.histories {
            history.count();
            for entry in history.iter() {
                store.count(key, entry);
            }
            store.introduce(key);
            store.histories.insert(key, history);
        }
        store
    }
}

impl From<Store> for Kept {
    fn from(store: Store) -> Self {
        Self {
            histories: store.histories.into_iter().collect(),
            next_number: store.next_number,
        }
    }
}

/// Whom a message names.
fn names(key: Key, message: &StoredMessage) -> impl Iterator<Item = ParticipantId> {
    let (one, other) = match key {
        Key::Private(a, b) => (a, Some(b).filter(|b| *b != a)),
        Key::Global | Key::Group(_) => (message.source, None),
    };
    [Some(one), other].into_iter().flatten()
}

impl Store {
    /// Keeps a message; the scope's oldest goes when it has more than `per_scope_max`.
    pub fn add(&mut self, key: Key, message: StoredMessage, per_scope_max: usize) {
        let number = self.next_number;
        self.next_number += 1;
        let entry = Entry::from((number, Arc::new(message)));
        self.count(key, &entry);
        self.introduce(key);
        let history = self.histories.entry(key).or_default();
        history.push(entry);
        if history.len() > per_scope_max {
            self.drop_oldest(key);
        }
        self.touched(key);
    }

    fn count(&mut self, key: Key, entry: &Entry) {
        self.bytes += entry.bytes;
        self.by_number.insert(entry.number, key);
        for id in names(key, &entry.message) {
            *self.named.entry(id).or_default() += 1;
        }
    }

    fn introduce(&mut self, key: Key) {
        if let Key::Private(a, b) = key {
            self.correspondents.entry(a).or_default().insert(b);
            self.correspondents.entry(b).or_default().insert(a);
        }
    }

    fn drop_oldest(&mut self, key: Key) {
        let Some(entry) = self.histories.get_mut(&key).and_then(History::pop_oldest) else {
            return;
        };
        self.bytes -= entry.bytes;
        self.by_number.remove(&entry.number);
        for id in names(key, &entry.message) {
            if let Some(count) = self.named.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    self.named.remove(&id);
                }
            }
        }
        self.touched(key);
        if let Key::Private(one, other) = key
            && self.len(key) == 0
        {
            self.part(one, other);
        }
    }

    /// Two participants of whom no private message is kept are strangers again: of all pairs of a large meeting there are too many.
    fn part(&mut self, one: ParticipantId, other: ParticipantId) {
        self.histories.remove(&Key::private(one, other));
        for (who, whom) in [(one, other), (other, one)] {
            if let Some(others) = self.correspondents.get_mut(&who) {
                others.remove(&whom);
                if others.is_empty() {
                    self.correspondents.remove(&who);
                }
            }
        }
    }

    /// What all kept messages take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn oldest(&self) -> Option<(Key, &Entry)> {
        let (_, key) = self.by_number.first_key_value()?;
        Some((*key, self.histories.get(key)?.iter().next()?))
    }

    /// When the oldest kept message was sent.
    pub fn oldest_time(&self) -> Option<Timestamp> {
        self.oldest().map(|(_, entry)| entry.message.timestamp)
    }

    /// The oldest message of all scopes goes.
    pub fn drop_oldest_of_all(&mut self) {
        if let Some((key, _)) = self.oldest() {
            self.drop_oldest(key);
        }
    }

    /// Empties a history; its indexes go on counting.
    pub fn clear(&mut self, key: Key) {
        while self.len(key) > 0 {
            self.drop_oldest(key);
        }
    }

    fn len(&self, key: Key) -> usize {
        self.histories.get(&key).map_or(0, History::len)
    }

    fn touched(&mut self, key: Key) {
        if key == Key::Global {
            self.newest_global.0 = None;
        }
    }

    pub fn chunk(&self, key: Key, last: Option<u64>, messages_max: usize, bytes_max: usize) -> Chunk {
        self.histories.get(&key).map_or_else(Chunk::default, |history| {
            history.chunk(last, messages_max, bytes_max)
        })
    }

    /// What a search in a scope looks at, in bytes.
    pub fn searched_bytes(&self, key: Key) -> usize {
        self.histories.get(&key).map_or(0, History::bytes)
    }

    /// The newest chunk of the messages that match, which ends at the match `last`; indexes count matches.
    pub fn matches(&self, key: Key, last: Option<u64>, term: &Term) -> Chunk {
        self.histories
            .get(&key)
            .map_or_else(Chunk::default, |history| history.matches(last, term))
    }

    /// The newest chunk of the global history, always asked for in the same way.
    pub fn newest_global(&mut self, messages_max: usize, bytes_max: usize, as_list: bool) -> Arc<RawValue> {
        if let Some(chunk) = &self.newest_global.0 {
            return Arc::clone(chunk);
        }
        let chunk = self.chunk(Key::Global, None, messages_max, bytes_max);
        let chunk = Arc::from(chunk.to_raw(as_list));
        self.newest_global.0 = Some(Arc::clone(&chunk));
        chunk
    }

    /// Nobody knows this participant any more: its private messages go, and of other scopes all up to its last, so that
    /// no kept message names somebody unknown.
    pub fn forget(&mut self, who: ParticipantId) {
        for other in self.correspondents(who) {
            self.clear(Key::private(who, other));
        }
        if !self.names(who) {
            return;
        }
        // How many messages there are up to the last of this author.
        let until_last = |history: &History| {
            let last = history.iter().rev().position(|entry| entry.message.source == who);
            last.map_or(0, |newer| history.len() - newer)
        };
        let to_drop = self
            .histories
            .iter()
            .map(|(key, history)| (*key, until_last(history)));
        for (key, count) in to_drop.collect::<Vec<_>>() {
            for _ in 0..count {
                self.drop_oldest(key);
            }
        }
    }

    /// Whether a kept message names somebody: as its author, or as one side of a private one.
    pub fn names(&self, who: ParticipantId) -> bool {
        self.named.contains_key(&who)
    }

    /// Everybody with whom a participant has exchanged private messages.
    pub fn correspondents(&self, who: ParticipantId) -> Vec<ParticipantId> {
        self.correspondents
            .get(&who)
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }

    /// The private messages of a participant that are newer than a time, the oldest first; at most the newest `max`.
    pub fn private_since(&self, who: ParticipantId, since: Timestamp, max: usize) -> Vec<Arc<StoredMessage>> {
        let scopes = self.correspondents(who).into_iter();
        let histories = scopes.filter_map(|other| self.histories.get(&Key::private(who, other)));
        let newer = |history: &'_ History| {
            let newest_first = history.iter().rev().map(|entry| Arc::clone(&entry.message));
            let newer = newest_first.take_while(|message| message.timestamp > since);
            newer.take(max).collect::<Vec<_>>()
        };
        let mut messages: Vec<_> = histories.flat_map(newer).collect();
        messages.sort_unstable_by_key(|message| message.timestamp);
        messages.drain(..messages.len().saturating_sub(max));
        messages
    }

    pub fn check(&self) -> Result<(), String> {
        let again = Self::from(Kept::from(self.clone()));
        if again == *self {
            Ok(())
        } else {
            Err(format!(
                "chat: {} bytes are counted as {}, {} numbers as {}",
                again.bytes,
                self.bytes,
                again.by_number.len(),
                self.by_number.len()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::protocol::chat::Scope;

    #[test]
    fn nothing_stays_of_pairs_whose_messages_are_gone() {
        let id = |number: u128| ParticipantId::from(Uuid::from_u128(number));
        let mut store = Store::default();
        for other in 2..100 {
            let message = StoredMessage {
                id: Uuid::from_u128(other).into(),
                source: id(1),
                timestamp: Timestamp::from_micros(0),
                content: "x".to_owned(),
                scope: Scope::Private(id(other)),
            };
            store.add(Key::private(id(1), id(other)), message, 10);
            while store.by_number.len() > 3 {
                store.drop_oldest_of_all();
            }
            assert_eq!(store.check(), Ok(()));
        }
        assert_eq!((store.histories.len(), store.correspondents.len()), (3, 4));
        assert_eq!(store.correspondents(id(1)), [97, 98, 99].map(id));
        store.forget(id(98));
        assert_eq!(store.correspondents(id(1)), [97, 99].map(id));
        assert_eq!(store.check(), Ok(()));
    }
}
