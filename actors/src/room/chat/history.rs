//! A history shown in chunks whose indexes never shift.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::chat::StoredMessage;

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
        let end = match last {
            None => self.messages.len(),
            Some(index) if index < self.first_index => return Chunk::default(),
            Some(index) => match usize::try_from(index - self.first_index) {
                Ok(offset) if offset < self.messages.len() => offset + 1,
                _ => return Chunk::default(),
            },
        };
        let (mut taken, mut bytes, mut start) = (Vec::new(), 0, end);
        for (_, message) in self.messages.range(..end).rev().take(messages_max) {
            // A struct of strings and times always encodes.
            let encoded = serde_json::to_string(&**message).unwrap_or_default();
            bytes += encoded.len() + 1;
            if bytes > bytes_max {
                break;
            }
            taken.push(encoded);
            start -= 1;
        }
        taken.reverse();
        let next_index = (start > 0).then(|| self.first_index + start as u64 - 1);
        Chunk {
            messages: taken.join(","),
            next_index,
        }
    }
}

impl Chunk {
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
