//! All kept messages of a room, bounded per scope and together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::history::{Chunk, History};
use crate::{
    ids::{GroupId, ParticipantId},
    protocol::{
        chat::StoredMessage,
        limits::{CHAT_BYTES_MAX, CHAT_MESSAGE_OVERHEAD_BYTES},
    },
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
    newest_global: Newest,
}

/// The newest chunk of the global history, encoded once for all joins until it changes.
#[derive(Debug, Clone, Default)]
struct Newest(Option<Arc<Chunk>>);

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
        for (key, history) in kept.histories {
            for (number, message) in &history.messages {
                store.by_number.insert(*number, key);
                store.bytes += cost(message);
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

fn cost(message: &StoredMessage) -> usize {
    message.content.len() + CHAT_MESSAGE_OVERHEAD_BYTES
}

impl Store {
    pub fn add(&mut self, key: Key, message: StoredMessage, per_scope_max: usize) {
        let number = self.next_number;
        self.next_number += 1;
        self.bytes += cost(&message);
        self.by_number.insert(number, key);
        self.introduce(key);
        let history = self.histories.entry(key).or_default();
        history.messages.push_back((number, Arc::new(message)));
        if history.messages.len() > per_scope_max {
            self.drop_oldest(key);
        }
        while self.bytes > CHAT_BYTES_MAX
            && let Some((_, oldest)) = self.by_number.first_key_value()
        {
            self.drop_oldest(*oldest);
        }
        self.touched(key);
    }

    fn introduce(&mut self, key: Key) {
        if let Key::Private(a, b) = key {
            self.correspondents.entry(a).or_default().insert(b);
            self.correspondents.entry(b).or_default().insert(a);
        }
    }

    fn drop_oldest(&mut self, key: Key) {
        let Some(history) = self.histories.get_mut(&key) else {
            return;
        };
        if let Some((number, message)) = history.messages.pop_front() {
            history.first_index += 1;
            self.bytes -= cost(&message);
            self.by_number.remove(&number);
        }
        self.touched(key);
    }

    /// Empties a history; its indexes go on counting.
    pub fn clear(&mut self, key: Key) {
        while self
            .histories
            .get(&key)
            .is_some_and(|history| !history.messages.is_empty())
        {
            self.drop_oldest(key);
        }
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

    /// The newest chunk of the messages that match, which ends at the match `last`; indexes count matches.
    pub fn matches(&self, key: Key, last: Option<u64>, is_match: impl Fn(&str) -> bool) -> Chunk {
        self.histories
            .get(&key)
            .map_or_else(Chunk::default, |history| history.matches(last, is_match))
    }

    /// The newest chunk of the global history.
    pub fn newest_global(&mut self, messages_max: usize, bytes_max: usize) -> Arc<Chunk> {
        if let Some(chunk) = &self.newest_global.0 {
            return Arc::clone(chunk);
        }
        let chunk = Arc::new(self.chunk(Key::Global, None, messages_max, bytes_max));
        self.newest_global.0 = Some(Arc::clone(&chunk));
        chunk
    }

    /// Nobody knows this participant any more: its private messages go.
    pub fn forget(&mut self, who: ParticipantId) {
        for other in self.correspondents.remove(&who).unwrap_or_default() {
            self.clear(Key::private(who, other));
            self.histories.remove(&Key::private(who, other));
            if let Some(others) = self.correspondents.get_mut(&other) {
                others.remove(&who);
            }
        }
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

    pub fn check(&self) -> Result<(), String> {
        let messages = || self.histories.values().flat_map(|history| &history.messages);
        let bytes: usize = messages().map(|(_, message)| cost(message)).sum();
        if bytes != self.bytes || messages().count() != self.by_number.len() || bytes > CHAT_BYTES_MAX {
            return Err(format!(
                "chat: {bytes} bytes counted as {}, {} numbers",
                self.bytes,
                self.by_number.len()
            ));
        }
        Ok(())
    }
}
