//! A history shown in chunks whose indexes never shift.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fold;
use crate::{
    encoding::{self, EncodeError},
    protocol::{
        chat::{Scope, StoredMessage},
        limits::{CHAT_CHUNK_MESSAGES_MAX, CHAT_MESSAGE_OVERHEAD_BYTES, JOIN_HISTORY_BYTES_MAX},
        plain::has_byte,
    },
};

/// A kept message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, Arc<StoredMessage>)", into = "(u64, Arc<StoredMessage>)")]
pub struct KeptMessage {
    /// Its number among all messages of the room.
    pub number: u64,
    pub message: Arc<StoredMessage>,
    /// Its content as it is searched, where that differs.
    folded: Option<Arc<str>>,
    /// What it takes ([`crate::protocol::limits::CHAT_BYTES_MAX`]).
    pub bytes: usize,
}

impl From<(u64, Arc<StoredMessage>)> for KeptMessage {
    fn from((number, message): (u64, Arc<StoredMessage>)) -> Self {
        let folded = fold::folded(&message.content);
        let group = match &message.scope {
            Scope::Group(name) => encoded_bytes(name),
            Scope::Global | Scope::Private(_) => 0,
        };
        let bytes = encoded_bytes(&message.content)
            + group
            + folded.as_deref().map_or(0, str::len)
            + CHAT_MESSAGE_OVERHEAD_BYTES;
        Self {
            number,
            message,
            folded,
            bytes,
        }
    }
}

impl From<KeptMessage> for (u64, Arc<StoredMessage>) {
    fn from(entry: KeptMessage) -> Self {
        (entry.number, entry.message)
    }
}

impl KeptMessage {
    /// The content as it is searched.
    pub fn searched(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.message.content)
    }
}

/// The length of a text in JSON, without its quotes.
fn encoded_bytes(text: &str) -> usize {
    if !has_byte(text, |byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        return text.len();
    }
    let encoded = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(encoded).sum()
}

/// The kept messages of one scope, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeHistory {
    /// Messages since the meeting began that are no longer kept: the index of the oldest kept one.
    pub first_index: u64,
    messages: VecDeque<KeptMessage>,
    /// What all kept ones take; follows from them ([`ScopeHistory::count`]).
    #[serde(skip)]
    bytes: usize,
}

/// Encoded messages that stand next to each other.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    /// Messages, oldest first, separated by commas.
    messages: String,
    next_index: Option<u64>,
}

impl ScopeHistory {
    pub fn push(&mut self, entry: KeptMessage) {
        self.bytes += entry.bytes;
        self.messages.push_back(entry);
    }

    /// The oldest goes; the indexes of the others stay.
    pub fn pop_oldest(&mut self) -> Option<KeptMessage> {
        let oldest = self.messages.pop_front()?;
        self.first_index += 1;
        self.bytes -= oldest.bytes;
        Some(oldest)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &KeptMessage> {
        self.messages.iter()
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// What a search through all of them looks at.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts what a snapshot does not tell.
    pub fn count(&mut self) {
        self.bytes = self.counted();
    }

    fn counted(&self) -> usize {
        self.messages.iter().map(|entry| entry.bytes).sum()
    }

    /// Whether what is counted is so.
    pub fn is_counted(&self) -> bool {
        self.bytes == self.counted()
    }

    /// The newest messages that end at `last` (inclusive; the newest when absent): at most `messages_max` of them
    /// and `bytes_max`.
    pub fn chunk(&self, last: Option<u64>, messages_max: usize, bytes_max: usize) -> Chunk {
        let Some(end) = end(last, self.first_index, self.messages.len()) else {
            return Chunk::default();
        };
        let newest_first = self.messages.range(..end).rev().map(|entry| &*entry.message);
        Chunk::take(
            newest_first,
            self.first_index + end as u64,
            messages_max,
            bytes_max,
        )
    }

    /// The messages that match, as a history of their own.
    pub fn matches(&self, last: Option<u64>, term: &fold::Term) -> Chunk {
        let found = self.messages.iter().filter(|entry| term.is_in(entry.searched()));
        let found: Vec<_> = found.map(|entry| &*entry.message).collect();
        let Some(end) = end(last, 0, found.len()) else {
            return Chunk::default();
        };
        let newest_first = found[..end].iter().rev().copied();
        Chunk::take(
            newest_first,
            end as u64,
            CHAT_CHUNK_MESSAGES_MAX,
            JOIN_HISTORY_BYTES_MAX,
        )
    }
}

/// How many of the kept messages are not newer than the one with the index `last`; none when it is not kept.
fn end(last: Option<u64>, first_index: u64, kept: usize) -> Option<usize> {
    let Some(last) = last else { return Some(kept) };
    let offset = usize::try_from(last.checked_sub(first_index)?).ok()?;
    (offset < kept).then(|| offset + 1)
}

impl Chunk {
    /// Takes messages, the newest first, as long as they fit. `end` is the index after the newest.
    fn take<'a>(
        newest_first: impl ExactSizeIterator<Item = &'a StoredMessage>,
        end: u64,
        messages_max: usize,
        bytes_max: usize,
    ) -> Self {
        let (all, mut bytes, mut taken) = (newest_first.len(), 0, Vec::new());
        for message in newest_first {
            // Web clients take 0 for the next index as none: the very first message comes along, but never alone.
            let is_first = !taken.is_empty() && end == taken.len() as u64 + 1;
            if taken.len() >= messages_max && !is_first {
                break;
            }
            let encoded = encoding::encode(message).unwrap_or_else(EncodeError::undo);
            bytes += encoded.len() + 1;
            if bytes > bytes_max && !is_first {
                break;
            }
            taken.push(encoded);
        }
        let next_index = (taken.len() < all).then(|| end - taken.len() as u64 - 1);
        taken.reverse();
        Self {
            messages: taken.join(","),
            next_index,
        }
    }

    pub fn bytes(&self) -> usize {
        self.messages.len()
    }

    /// For scopes in which clients can't ask for older messages.
    pub fn without_next(self) -> Self {
        Self {
            next_index: None,
            ..self
        }
    }

    /// As the wire shows it: with the index of the next older message, or as a plain list for older clients.
    pub fn to_raw(&self, as_list: bool) -> Box<RawValue> {
        let next = self
            .next_index
            .map_or_else(|| "null".to_owned(), |index| index.to_string());
        let text = if as_list {
            format!("[{}]", self.messages)
        } else {
            format!(r#"{{"messages":[{}],"next_index":{next}}}"#, self.messages)
        };
        encoding::assembled(text).unwrap_or_else(EncodeError::undo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_as_json_writes_them() {
        let all: String = (0..0x250).filter_map(char::from_u32).collect();
        for text in ["", "plain", "\"\\\n\t\u{1}\u{1f}\u{7f}", "ü今👩", &all] {
            let written = serde_json::to_string(text).unwrap();
            assert_eq!(encoded_bytes(text) + 2, written.len(), "{text:?}");
        }
    }
}
