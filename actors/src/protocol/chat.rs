//! Namespace `chat`: messages, their history in chunks, and what each participant has seen of it.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{
    Event, Namespace,
    limits::{CHAT_MESSAGE_BYTES_MAX, GROUP_NAME_CHARS_MAX, SEARCH_TERM_CHARS_MAX},
    names::Text,
    plain::has_byte,
};
use crate::ids::{GroupId, MessageId, ParticipantId, Timestamp};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ChatCommand {
    /// For moderators.
    EnableChat,
    /// For moderators.
    DisableChat,
    /// Empties the history of the room. For moderators.
    ClearHistory,
    /// Content beyond 4,096 bytes is cut; empty content is dropped.
    SendMessage {
        content: Content,
        #[serde(flatten)]
        scope: Scope,
    },
    /// Remembers what the sender has read; no answer, `join_success` gives it back.
    SetLastSeenTimestamp {
        #[serde(flatten)]
        scope: Scope,
        timestamp: Timestamp,
    },
    /// Asks for up to 100 messages that end at an index.
    GetHistoryChunk {
        message_index: u64,
        #[serde(flatten)]
        scope: ChunkScope,
    },
    /// Looks for a text, in any case.
    SearchHistory {
        term: SearchTerm,
        #[serde(default)]
        message_index: Option<u64>,
        #[serde(flatten)]
        scope: Scope,
    },
}

/// What is searched for; a term that is too short is answered by an error of the room.
pub type SearchTerm = Text<SEARCH_TERM_CHARS_MAX>;

/// What somebody writes: without control characters but tab and line feed, which JSON would write six times as long, and
/// cut to [`CHAT_MESSAGE_BYTES_MAX`] bytes at a character border.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "String")]
#[schemars(!from, inline, description = "")]
pub struct Content(String);

impl From<String> for Content {
    fn from(mut text: String) -> Self {
        if has_byte(&text, |byte| byte < 0x20) {
            text.retain(|c| !matches!(c, '\0'..='\x08' | '\x0b'..='\x1f'));
        }
        text.truncate(text.floor_char_boundary(CHAT_MESSAGE_BYTES_MAX));
        text.shrink_to_fit();
        Self(text)
    }
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        content.0
    }
}

impl Deref for Content {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The name of a group of users.
pub type GroupName = std::sync::Arc<str>;

/// Who reads a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "scope", content = "target", rename_all = "snake_case")]
pub enum Scope {
    Global,
    Group(#[serde(deserialize_with = "group_name")] GroupName),
    Private(ParticipantId),
}

/// No group has a longer name: one character more is enough to find none.
fn group_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GroupName, D::Error> {
    let mut name = String::deserialize(deserializer)?;
    if let Some((end, _)) = name.char_indices().nth(GROUP_NAME_CHARS_MAX + 1) {
        name.truncate(end);
    }
    Ok(name.into())
}

/// Whose history a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ChunkScope {
    Of(Scope),
    /// The web client forgets to say which group. It has all that is kept from `join_success`: it gets no answer.
    OfSomeGroup {
        scope: GroupScope,
        #[serde(default, skip_serializing)]
        target: (),
    },
}

/// The scope of a group, without the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupScope {
    Group,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ChatEvent<'a> {
    /// Messages can be sent.
    ChatEnabled { issued_by: ParticipantId },
    /// No message can be sent.
    ChatDisabled { issued_by: ParticipantId },
    /// The history of the room is empty.
    HistoryCleared { issued_by: ParticipantId },
    /// A message, also to its sender.
    MessageSent(MessageSent<'a>),
    /// Messages of the room.
    RoomChatHistoryChunk {
        #[schemars(with = "super::shapes::ChatChunk")]
        history: &'a RawValue,
    },
    /// Messages of a group.
    GroupChatHistoryChunk {
        id: GroupId,
        name: &'a str,
        #[schemars(with = "super::shapes::ChatChunk")]
        history: &'a RawValue,
    },
    /// Messages with one other participant.
    PrivateChatHistoryChunk {
        correspondent: ParticipantId,
        #[schemars(with = "super::shapes::ChatChunk")]
        history: &'a RawValue,
    },
    /// Messages that were looked for.
    SearchResults {
        #[schemars(with = "super::shapes::ChatChunk")]
        matches: &'a RawValue,
        #[serde(flatten)]
        scope: &'a Scope,
    },
    /// A command was refused.
    Error(ChatError),
}

impl Event for ChatEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Chat;
}

/// A message on its way; the envelope carries its time.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct MessageSent<'a> {
    pub id: MessageId,
    pub source: ParticipantId,
    pub content: &'a str,
    #[serde(flatten)]
    pub scope: Scope,
}

/// A message as a history shows it and a snapshot keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoredMessage {
    pub id: MessageId,
    pub source: ParticipantId,
    pub timestamp: Timestamp,
    pub content: String,
    #[serde(flatten)]
    pub scope: Scope,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ChatError {
    #[error("the chat is disabled")]
    ChatDisabled,
    #[error("moderators only, or members of the group only")]
    InsufficientPermissions,
    #[error("a search term has at least {min} characters")]
    InvalidSearchTermLength {
        #[schemars(example = super::limits::SEARCH_TERM_CHARS_MIN)]
        min: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Command, Incoming, parse};

    fn command(payload: &str) -> Option<ChatCommand> {
        match parse(&format!(r#"{{"namespace":"chat","payload":{payload}}}"#)) {
            Incoming::Command(Command::Chat(command)) => Some(command),
            _ => None,
        }
    }

    #[test]
    fn what_is_not_kept_is_not_journalled_either() {
        for (text, kept) in [
            ("a".repeat(1_000_000), "a".repeat(4_096)),
            ("ü".repeat(4_000), "ü".repeat(2_048)),
            ("\u{1}".repeat(10_000), String::new()),
            ("a\r\n\tb\u{b}\u{1f}\u{7f}".to_owned(), "a\n\tb\u{7f}".to_owned()),
        ] {
            assert_eq!(&*Content::from(text), kept);
        }
        let scope: Scope =
            serde_json::from_value(serde_json::json!({"scope": "group", "target": "g".repeat(1_000_000)}))
                .unwrap();
        let Scope::Group(name) = scope else {
            panic!("{scope:?}")
        };
        assert_eq!(name.len(), GROUP_NAME_CHARS_MAX + 1);
    }

    #[test]
    fn a_group_may_be_left_out_where_a_history_is_asked_for() {
        for (payload, expected) in [
            (
                r#"{"action":"get_history_chunk","message_index":0,"scope":"group"}"#,
                true,
            ),
            (
                r#"{"action":"get_history_chunk","message_index":0,"scope":"group","target":null}"#,
                true,
            ),
            (
                r#"{"action":"get_history_chunk","message_index":0,"scope":"group","target":"red"}"#,
                false,
            ),
            (
                r#"{"action":"get_history_chunk","message_index":0,"scope":"global"}"#,
                false,
            ),
        ] {
            let Some(ChatCommand::GetHistoryChunk { scope, .. }) = command(payload) else {
                panic!("{payload}");
            };
            assert_eq!(
                matches!(scope, ChunkScope::OfSomeGroup { .. }),
                expected,
                "{payload}"
            );
        }
        for payload in [
            r#"{"action":"get_history_chunk","message_index":0,"scope":"private"}"#,
            r#"{"action":"get_history_chunk","message_index":0,"scope":"group","target":5}"#,
            r#"{"action":"send_message","content":"hi","scope":"group"}"#,
        ] {
            assert_eq!(command(payload), None, "{payload}");
        }
    }
}
