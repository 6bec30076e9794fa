//! Namespace `chat`: who may write, who reads it, and what is kept.

mod history;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::store::{Key, Store};
use super::{
    effects::{Cx, Receivers},
    roster::{Participant, Roster},
};
use crate::{
    ids::{MessageId, ParticipantId, Timestamp},
    protocol::{
        chat::{ChatCommand, ChatError, ChatEvent, MessageSent, Scope, StoredMessage},
        limits::{CHAT_CHUNK_MESSAGES_MAX, CHAT_MESSAGE_BYTES_MAX, JOIN_HISTORY_BYTES_MAX},
        meeting::Tariff,
    },
};

/// The chat of one room of a meeting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    enabled: bool,
    #[serde(default)]
    store: Store,
    #[serde(default)]
    marks: BTreeMap<ParticipantId, Marks>,
}

/// Up to where a participant has read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Marks {
    global: Option<Timestamp>,
    private: BTreeMap<ParticipantId, Timestamp>,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            enabled: true,
            store: Store::default(),
            marks: BTreeMap::new(),
        }
    }
}

impl Chat {
    pub fn handle(
        &mut self,
        cx: &mut Cx,
        people: &mut Roster,
        who: ParticipantId,
        command: ChatCommand,
        messages_per_scope_max: usize,
    ) -> Result<(), ChatError> {
        let moderator = people.get(who).is_some_and(Participant::is_moderator);
        match command {
            ChatCommand::SendMessage { content, scope } => {
                self.send_message(cx, people, who, content, scope, messages_per_scope_max)?;
            }
            ChatCommand::SetLastSeenTimestamp { scope, timestamp } => {
                self.mark_seen(people, who, &scope, timestamp);
            }
            ChatCommand::GetHistoryChunk { message_index, scope } => {
                self.send_chunk(cx, people, who, message_index, &scope);
            }
            ChatCommand::SearchHistory { .. } => {}
            _ if !moderator => return Err(ChatError::InsufficientPermissions),
            ChatCommand::EnableChat => self.set_enabled(cx, people, who, true),
            ChatCommand::DisableChat => self.set_enabled(cx, people, who, false),
            ChatCommand::ClearHistory => {
                self.store.clear(Key::Global);
                cx.send(people.all(), &ChatEvent::HistoryCleared { issued_by: who });
            }
        }
        Ok(())
    }

    fn set_enabled(&mut self, cx: &mut Cx, people: &mut Roster, who: ParticipantId, enabled: bool) {
        let changed = std::mem::replace(&mut self.enabled, enabled) != enabled;
        let event = if enabled {
            ChatEvent::ChatEnabled { issued_by: who }
        } else {
            ChatEvent::ChatDisabled { issued_by: who }
        };
        let to = if changed {
            Some(people.all())
        } else {
            people.session(who).map(Receivers::One)
        };
        if let Some(to) = to {
            cx.send(to, &event);
        }
    }

    fn send_message(
        &mut self,
        cx: &mut Cx,
        people: &mut Roster,
        who: ParticipantId,
        mut content: String,
        scope: Scope,
        messages_per_scope_max: usize,
    ) -> Result<(), ChatError> {
        if !self.enabled {
            return Err(ChatError::ChatDisabled);
        }
        let key = match scope {
            Scope::Global => Key::Global,
            Scope::Private(target) if people.get(target).is_some_and(Participant::is_listed) => {
                Key::private(who, target)
            }
            // To someone who was never here, or to a group that the sender is not in.
            Scope::Private(_) | Scope::Group(_) => return Ok(()),
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
        match scope {
            Scope::Private(target) => {
                let both = [Some(who), Some(target).filter(|target| *target != who)];
                let sessions = both
                    .into_iter()
                    .flatten()
                    .filter_map(|id| people.session_inside(id))
                    .collect();
                cx.send(
                    Receivers::Many {
                        sessions,
                        except: None,
                    },
                    &event,
                );
            }
            Scope::Global | Scope::Group(_) => cx.send(people.all(), &event),
        }
        let message = StoredMessage {
            id,
            source: who,
            timestamp: cx.at,
            content,
            scope,
        };
        self.store.add(key, message, messages_per_scope_max);
        Ok(())
    }

    fn mark_seen(&mut self, people: &Roster, who: ParticipantId, scope: &Scope, at: Timestamp) {
        match scope {
            Scope::Global => self.marks.entry(who).or_default().global = Some(at),
            Scope::Private(other) if people.get(*other).is_some_and(Participant::is_listed) => {
                self.marks.entry(who).or_default().private.insert(*other, at);
            }
            Scope::Private(_) | Scope::Group(_) => {}
        }
    }

    fn send_chunk(&mut self, cx: &mut Cx, people: &Roster, who: ParticipantId, index: u64, scope: &Scope) {
        let session = people.session(who);
        match *scope {
            Scope::Global => {
                let history = self
                    .store
                    .chunk(
                        Key::Global,
                        Some(index),
                        CHAT_CHUNK_MESSAGES_MAX,
                        JOIN_HISTORY_BYTES_MAX,
                    )
                    .to_raw(false);
                cx.send_one(session, &ChatEvent::RoomChatHistoryChunk { history: &history });
            }
            Scope::Private(correspondent) => {
                let key = Key::private(who, correspondent);
                let history = self
                    .store
                    .chunk(key, Some(index), CHAT_CHUNK_MESSAGES_MAX, JOIN_HISTORY_BYTES_MAX)
                    .to_raw(false);
                cx.send_one(
                    session,
                    &ChatEvent::PrivateChatHistoryChunk {
                        correspondent,
                        history: &history,
                    },
                );
            }
            Scope::Group(_) => cx.send_one(session, &ChatEvent::Error(ChatError::InsufficientPermissions)),
        }
    }

    /// What a joining participant gets: always an object, disabled and empty where the tariff has no chat.
    pub fn state_for(
        &mut self,
        who: ParticipantId,
        bytes_max: usize,
        as_list: bool,
        tariff: &Tariff,
    ) -> Box<RawValue> {
        #[derive(Serialize)]
        struct State<'a> {
            enabled: bool,
            room_history: &'a RawValue,
            groups_history: [(); 0],
            private_history: Vec<Private>,
            last_seen_timestamp_global: Option<Timestamp>,
            last_seen_timestamps_private: &'a BTreeMap<ParticipantId, Timestamp>,
            last_seen_timestamps_group: BTreeMap<String, Timestamp>,
        }
        #[derive(Serialize)]
        struct Private {
            correspondent: ParticipantId,
            history: Box<RawValue>,
        }
        // Clients that take plain lists can't ask for more.
        let messages_max = if as_list {
            usize::MAX
        } else {
            CHAT_CHUNK_MESSAGES_MAX
        };
        let room_history = self
            .store
            .newest_global(messages_max, bytes_max / 2)
            .to_raw(as_list);
        let mut left = bytes_max.saturating_sub(room_history.get().len());
        let mut private_history = Vec::new();
        for correspondent in self.store.correspondents(who) {
            let chunk = self
                .store
                .chunk(Key::private(who, correspondent), None, messages_max, left);
            left = left.saturating_sub(chunk.bytes());
            private_history.push(Private {
                correspondent,
                history: chunk.to_raw(as_list),
            });
        }
        let none = Marks::default();
        let marks = self.marks.get(&who).unwrap_or(&none);
        let state = State {
            enabled: self.enabled && tariff.has_module("chat"),
            room_history: &room_history,
            groups_history: [],
            private_history,
            last_seen_timestamp_global: marks.global,
            last_seen_timestamps_private: &marks.private,
            last_seen_timestamps_group: BTreeMap::new(),
        };
        // A struct of encoded pieces and times always encodes.
        serde_json::value::to_raw_value(&state).unwrap_or_default()
    }

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
