//! Namespace `chat`: who may write, who reads it, and what is kept.

mod history;
mod search;
mod state;
mod store;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub use self::search::Searches;
use self::store::{Key, Store};
use super::{
    Meeting, Refusal, RoomSettings,
    effects::{Cx, Receivers},
    roster::Circle,
};
use crate::{
    ids::{GroupId, MessageId, ParticipantId, Timestamp},
    protocol::{
        chat::{ChatCommand, ChatError, ChatEvent, GroupName, MessageSent, Scope, StoredMessage},
        limits::{CHAT_CHUNK_MESSAGES_MAX, CHAT_MESSAGE_BYTES_MAX, JOIN_HISTORY_BYTES_MAX},
    },
};

/// The chat of one room of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chat {
    store: Store,
    marks: BTreeMap<ParticipantId, Marks>,
}

/// Up to where a participant has read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Marks {
    global: Option<Timestamp>,
    groups: BTreeMap<GroupName, Timestamp>,
    private: BTreeMap<ParticipantId, Timestamp>,
}

impl Meeting {
    pub(super) fn chat(
        &mut self,
        cx: &mut Cx,
        settings: &RoomSettings,
        who: ParticipantId,
        command: ChatCommand,
    ) -> Result<(), Refusal> {
        let moderator = self.people.is_moderator(who);
        match command {
            ChatCommand::SendMessage { content, scope } => {
                self.send_message(cx, settings, who, content, scope)
                    .map_err(Refusal::Chat)?;
            }
            ChatCommand::SetLastSeenTimestamp { scope, timestamp } => self.mark_seen(who, &scope, timestamp),
            ChatCommand::GetHistoryChunk { message_index, scope } => {
                self.send_chunk(cx, who, message_index, &scope)
                    .map_err(Refusal::Chat)?;
            }
            ChatCommand::SearchHistory {
                term,
                message_index,
                scope,
            } => return self.search(cx, who, term.as_str(), message_index, &scope),
            _ if !moderator => return Err(Refusal::Chat(ChatError::InsufficientPermissions)),
            ChatCommand::EnableChat => self.set_chat_enabled(cx, who, true),
            ChatCommand::DisableChat => self.set_chat_enabled(cx, who, false),
            ChatCommand::ClearHistory => {
                let space = self.people.space(who);
                self.space(space).chat.store.clear(Key::Global);
                let to = self.people.around(who);
                cx.send(to, &ChatEvent::HistoryCleared { issued_by: who });
            }
        }
        Ok(())
    }

    /// The flag is of the whole meeting. Saying again what is already so is answered to the sender only.
    fn set_chat_enabled(&mut self, cx: &mut Cx, who: ParticipantId, enabled: bool) {
        let changed = std::mem::replace(&mut self.chat_enabled, enabled) != enabled;
        self.chat_switched_by = Some(who);
        let event = if enabled {
            ChatEvent::ChatEnabled { issued_by: who }
        } else {
            ChatEvent::ChatDisabled { issued_by: who }
        };
        self.tell_flag(cx, changed, Some(who), &event);
    }

    /// Where a message is kept and who reads it; none when it is dropped: to a group that the sender is not in, or to
    /// somebody who was never here.
    fn address(&mut self, who: ParticipantId, scope: &Scope) -> Option<(Key, Receivers)> {
        let space = self.people.space(who);
        match scope {
            Scope::Global => Some((Key::Global, self.people.around(who))),
            Scope::Group(name) => {
                let id = self.group(who, name)?;
                Some((Key::Group(id), self.people.circle(Circle::Group(space, id))))
            }
            Scope::Private(target) => {
                self.people.get(*target).filter(|p| p.is_listed(space))?;
                let other = Some(*target).filter(|target| *target != who);
                let both = [Some(who), other].into_iter().flatten();
                let here = both.filter_map(|id| self.people.line_in(id, space));
                let to = Receivers::from(here.collect::<Vec<_>>());
                Some((Key::private(who, *target), to))
            }
        }
    }

    /// A group that the participant is in.
    fn group(&self, who: ParticipantId, name: &str) -> Option<GroupId> {
        let groups = &self.people.get(who)?.groups;
        groups
            .iter()
            .find(|group| *group.name == *name)
            .map(|group| group.id)
    }

    fn send_message(
        &mut self,
        cx: &mut Cx,
        settings: &RoomSettings,
        who: ParticipantId,
        mut content: String,
        scope: Scope,
    ) -> Result<(), ChatError> {
        if !self.chat_enabled {
            return Err(ChatError::ChatDisabled);
        }
        let Some((key, to)) = self.address(who, &scope) else {
            return Ok(());
        };
        content.truncate(content.floor_char_boundary(CHAT_MESSAGE_BYTES_MAX));
        if content.is_empty() {
            return Ok(());
        }
        let id = MessageId(cx.new_id());
        let event = ChatEvent::MessageSent(MessageSent {
            id,
            source: who,
            content: &content,
            scope: scope.clone(),
        });
        cx.send(to, &event);
        let message = StoredMessage {
            id,
            source: who,
            timestamp: cx.at,
            content,
            scope,
        };
        let space = self.people.space(who);
        let store = &mut self.space(space).chat.store;
        store.add(key, message, settings.chat_messages_per_scope_max);
        Ok(())
    }

    fn mark_seen(&mut self, who: ParticipantId, scope: &Scope, at: Timestamp) {
        let space = self.people.space(who);
        let known = match scope {
            Scope::Global => true,
            Scope::Group(name) => self.group(who, name).is_some(),
            Scope::Private(other) => self.people.get(*other).is_some_and(|p| p.is_listed(space)),
        };
        if !known {
            return;
        }
        let marks = self.space(space).chat.marks.entry(who).or_default();
        match scope {
            Scope::Global => marks.global = Some(at),
            Scope::Group(name) => {
                marks.groups.insert(Arc::clone(name), at);
            }
            Scope::Private(other) => {
                marks.private.insert(*other, at);
            }
        }
    }

    /// The key of a scope for somebody who reads.
    fn readable(&self, who: ParticipantId, scope: &Scope) -> Result<Key, ChatError> {
        Ok(match scope {
            Scope::Global => Key::Global,
            Scope::Group(name) => {
                Key::Group(self.group(who, name).ok_or(ChatError::InsufficientPermissions)?)
            }
            Scope::Private(other) => Key::private(who, *other),
        })
    }

    fn send_chunk(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        index: u64,
        scope: &Scope,
    ) -> Result<(), ChatError> {
        let key = self.readable(who, scope)?;
        let space = self.people.space(who);
        let store = &self.space(space).chat.store;
        let chunk = store.chunk(key, Some(index), CHAT_CHUNK_MESSAGES_MAX, JOIN_HISTORY_BYTES_MAX);
        let history = &*chunk.to_raw(false);
        let event = match (scope, key) {
            (Scope::Private(correspondent), _) => ChatEvent::PrivateChatHistoryChunk {
                correspondent: *correspondent,
                history,
            },
            (Scope::Group(name), Key::Group(id)) => ChatEvent::GroupChatHistoryChunk { id, name, history },
            _ => ChatEvent::RoomChatHistoryChunk { history },
        };
        self.answer_long(cx, who, &event);
        Ok(())
    }

    /// An answer that is too long to be kept for resuming.
    fn answer_long(&mut self, cx: &mut Cx, who: ParticipantId, event: &ChatEvent<'_>) {
        if let Some(line) = self.people.line(who) {
            let seq = cx.send_long(line, event);
            self.people.set_whole_since(who, seq);
        }
    }
}

impl Chat {
    /// The participant is no longer remembered.
    pub fn forget(&mut self, id: ParticipantId) {
        self.store.forget(id);
        self.marks.remove(&id);
        for marks in self.marks.values_mut() {
            marks.private.remove(&id);
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.store.check()
    }
}
