//! All kept messages of a room of the meeting, bounded per scope; the meeting bounds them together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    fold::Term,
    history::{Chunk, KeptMessage, ScopeHistory},
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

/// A copy costs no more in a long chat: it shares the histories until one of them changes, and finds out what follows from them when it
/// is asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredHistories", into = "StoredHistories")]
pub struct Store {
    histories: BTreeMap<Key, Arc<ScopeHistory>>,
    next_number: u64,
    index: Lazy,
    newest_global: Newest,
}

/// What follows from the histories.
#[derive(Debug, Default, PartialEq)]
struct Index {
    bytes: usize,
    /// Scope of each kept message by its number: the oldest of the room is found at once.
    by_number: BTreeMap<u64, Key>,
    correspondents: BTreeMap<ParticipantId, BTreeSet<ParticipantId>>,
    /// How many kept messages name somebody: their authors, and both sides of private ones.
    named: BTreeMap<ParticipantId, usize>,
}

#[derive(Debug, Default)]
struct Lazy(OnceLock<Index>);

impl Clone for Lazy {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Lazy {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
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
struct StoredHistories {
    histories: Vec<(Key, Arc<ScopeHistory>)>,
    next_number: u64,
}

impl From<StoredHistories> for Store {
    fn from(kept: StoredHistories) -> Self {
        let counted = |(key, mut history): (Key, Arc<ScopeHistory>)| {
            Arc::make_mut(&mut history).count();
            (key, history)
        };
        Self {
            histories: kept.histories.into_iter().map(counted).collect(),
            next_number: kept.next_number,
            ..Self::default()
        }
    }
}

impl From<Store> for StoredHistories {
    fn from(store: Store) -> Self {
        Self {
            histories: store.histories.into_iter().collect(),
            next_number: store.next_number,
        }
    }
}

impl Index {
    fn of(histories: &BTreeMap<Key, Arc<ScopeHistory>>) -> Self {
        let mut index = Self::default();
        for (key, history) in histories {
            index.introduce(*key);
            for entry in history.iter() {
                index.count(*key, entry);
            }
        }
        index
    }

    fn count(&mut self, key: Key, entry: &KeptMessage) {
        self.bytes += entry.bytes;
        self.by_number.insert(entry.number, key);
        for id in names(key, &entry.message) {
            *self.named.entry(id).or_default() += 1;
        }
    }

    fn uncount(&mut self, key: Key, entry: &KeptMessage) {
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
    }

    fn introduce(&mut self, key: Key) {
        if let Key::Private(a, b) = key {
            self.correspondents.entry(a).or_default().insert(b);
            self.correspondents.entry(b).or_default().insert(a);
        }
    }

    fn part(&mut self, one: ParticipantId, other: ParticipantId) {
        for (who, whom) in [(one, other), (other, one)] {
            if let Some(others) = self.correspondents.get_mut(&who) {
                others.remove(&whom);
                if others.is_empty() {
                    self.correspondents.remove(&who);
                }
            }
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
    fn index(&self) -> &Index {
        self.index.0.get_or_init(|| Index::of(&self.histories))
    }

    /// Changes what follows from the histories, which are as before.
    fn change_index(&mut self, change: impl FnOnce(&mut Index)) {
        let mut index = self.index.0.take().unwrap_or_else(|| Index::of(&self.histories));
        change(&mut index);
        self.index.0 = OnceLock::from(index);
    }

    /// Keeps a message; the scope's oldest goes when it has more than `per_scope_max`.
    pub fn add(&mut self, key: Key, message: StoredMessage, per_scope_max: usize) {
        let number = self.next_number;
        self.next_number += 1;
        let entry = KeptMessage::from((number, Arc::new(message)));
        self.change_index(|index| {
            index.count(key, &entry);
            index.introduce(key);
        });
        let history = Arc::make_mut(self.histories.entry(key).or_default());
        history.push(entry);
        if history.len() > per_scope_max {
            self.drop_oldest(key);
        }
        self.touched(key);
    }

    fn drop_oldest(&mut self, key: Key) {
        let _ = self.index();
        let history = self.histories.get_mut(&key).map(Arc::make_mut);
        let Some(entry) = history.and_then(ScopeHistory::pop_oldest) else {
            return;
        };
        self.change_index(|index| index.uncount(key, &entry));
        self.touched(key);
        if let Key::Private(one, other) = key
            && self.len(key) == 0
        {
            self.part(one, other);
        }
    }

    /// Two participants of whom no private message is kept are strangers again: of all pairs of a large meeting there are too many.
    fn part(&mut self, one: ParticipantId, other: ParticipantId) {
        self.change_index(|index| index.part(one, other));
        self.histories.remove(&Key::private(one, other));
    }

    /// What all kept messages take.
    pub fn bytes(&self) -> usize {
        self.index().bytes
    }

    fn oldest(&self) -> Option<(Key, &KeptMessage)> {
        let (_, key) = self.index().by_number.first_key_value()?;
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
        self.histories.get(&key).map_or(0, |history| history.len())
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
        self.histories.get(&key).map_or(0, |history| history.bytes())
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
        let until_last = |history: &ScopeHistory| {
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
        self.index().named.contains_key(&who)
    }

    /// Everybody with whom a participant has exchanged private messages.
    pub fn correspondents(&self, who: ParticipantId) -> Vec<ParticipantId> {
        self.index()
            .correspondents
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
        let newer = |history: &'_ Arc<ScopeHistory>| {
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
        let (known, so) = (self.index(), Index::of(&self.histories));
        if *known == so && self.histories.values().all(|history| history.is_counted()) {
            Ok(())
        } else {
            Err(format!(
                "chat: {} bytes are counted as {}, {} numbers as {}",
                so.bytes,
                known.bytes,
                so.by_number.len(),
                known.by_number.len()
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
            while store.index().by_number.len() > 3 {
                store.drop_oldest_of_all();
            }
            assert_eq!(store.check(), Ok(()));
        }
        assert_eq!(
            (store.histories.len(), store.index().correspondents.len()),
            (3, 4)
        );
        assert_eq!(store.correspondents(id(1)), [97, 98, 99].map(id));
        store.forget(id(98));
        assert_eq!(store.correspondents(id(1)), [97, 99].map(id));
        assert_eq!(store.check(), Ok(()));
    }
}
