//! A history shown in chunks whose indexes never shift.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::{
    chat::StoredMessage,
    limits::{CHAT_CHUNK_MESSAGES_MAX, JOIN_HISTORY_BYTES_MAX},
};

/// The kept messages of one scope, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Messages since the meeting began that are no longer kept: the index of the oldest kept one.
    pub first_index: u64,
    /// Each with its number among all messages of the room.
    pub messages: VecDeque<(u64, Arc<StoredMessage>)>,
}

/// Encoded messages that stand next to each other.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    /// Messages, oldest first, separated by commas.
    messages: String,
    next_index: Option<u64>,
}

impl History {
    /// The newest messages that end at `last` (inclusive; the newest when absent): at most `messages_max` of them
    /// and `bytes_max`.
    pub fn chunk(&self, last: Option<u64>, messages_max: usize, bytes_max: usize) -> Chunk {
        let Some(end) = end(last, self.first_index, self.messages.len()) else {
            return Chunk::default();
        };
        let newest_first = self.messages.range(..end).rev().map(|(_, message)| &**message);
        Chunk::take(
            newest_first,
            self.first_index + end as u64,
            messages_max,
            bytes_max,
        )
    }

    /// The messages that match, as a history of their own.
    pub fn matches(&self, last: Option<u64>, is_match: impl Fn(&str) -> bool) -> Chunk {
        let messages = self.messages.iter().map(|(_, message)| &**message);
        let found: Vec<_> = messages.filter(|message| is_match(&message.content)).collect();
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
        for message in newest_first.take(messages_max) {
            // A struct of strings and times always encodes.
            let encoded = serde_json::to_string(message).unwrap_or_default();
            bytes += encoded.len() + 1;
            if bytes > bytes_max {
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
        RawValue::from_string(text).unwrap_or_default()
    }
}
