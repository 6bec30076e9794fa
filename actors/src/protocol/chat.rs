//! Namespace `chat`: messages, their history in chunks, and what each participant has seen of it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Event, limits::SEARCH_TERM_CHARS_MAX, names::Text};
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
        content: String,
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
        scope: Scope,
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

/// The name of a group of users.
pub type GroupName = std::sync::Arc<str>;

/// Who reads a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "scope", content = "target", rename_all = "snake_case")]
pub enum Scope {
    Global,
    Group(GroupName),
    Private(ParticipantId),
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
    const NAMESPACE: &'static str = "chat";
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
