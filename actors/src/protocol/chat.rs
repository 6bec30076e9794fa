//! Namespace `chat`: messages, their history in chunks, and what each participant has seen of it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Event, limits::SEARCH_TERM_CHARS_MAX, names::Text};
use crate::ids::{GroupId, MessageId, ParticipantId, Timestamp};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ChatCommand {
    EnableChat,
    DisableChat,
    ClearHistory,
    SendMessage {
        content: String,
        #[serde(flatten)]
        scope: Scope,
    },
    SetLastSeenTimestamp {
        #[serde(flatten)]
        scope: Scope,
        timestamp: Timestamp,
    },
    GetHistoryChunk {
        message_index: u64,
        #[serde(flatten)]
        scope: Scope,
    },
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", content = "target", rename_all = "snake_case")]
pub enum Scope {
    Global,
    Group(GroupName),
    Private(ParticipantId),
}

#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ChatEvent<'a> {
    ChatEnabled {
        issued_by: ParticipantId,
    },
    ChatDisabled {
        issued_by: ParticipantId,
    },
    HistoryCleared {
        issued_by: ParticipantId,
    },
    MessageSent(MessageSent<'a>),
    RoomChatHistoryChunk {
        history: &'a RawValue,
    },
    GroupChatHistoryChunk {
        id: GroupId,
        name: &'a str,
        history: &'a RawValue,
    },
    PrivateChatHistoryChunk {
        correspondent: ParticipantId,
        history: &'a RawValue,
    },
    SearchResults {
        matches: &'a RawValue,
        #[serde(flatten)]
        scope: &'a Scope,
    },
    Error(ChatError),
}

impl Event for ChatEvent<'_> {
    const NAMESPACE: &'static str = "chat";
}

/// A message on its way; the envelope carries its time.
#[derive(Debug, Serialize)]
pub struct MessageSent<'a> {
    pub id: MessageId,
    pub source: ParticipantId,
    pub content: &'a str,
    #[serde(flatten)]
    pub scope: Scope,
}

/// A message as a history shows it and a snapshot keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredMessage {
    pub id: MessageId,
    pub source: ParticipantId,
    pub timestamp: Timestamp,
    pub content: String,
    #[serde(flatten)]
    pub scope: Scope,
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ChatError {
    #[error("the chat is disabled")]
    ChatDisabled,
    #[error("moderators only, or members of the group only")]
    InsufficientPermissions,
    #[error("a search term has at least {min} characters")]
    InvalidSearchTermLength { min: usize },
}
