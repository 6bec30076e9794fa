//! Namespace `chat`: who may write, who reads it, and what is kept.

mod budget;
mod fold;
mod history;
mod search;
mod state;
mod store;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub use self::budget::Budget;
use self::{
    budget::Limits,
    history::Chunk,
    store::{Key, Store},
};
use super::{
    Meeting, Place, Refusal, RoomSettings,
    effects::{Cx, Receivers},
    missed::Changed,
    roster::Circle,
};
use crate::{
    ids::{GroupId, MessageId, ParticipantId, Space, Timestamp},
    protocol::{
        chat::{
            ChatCommand, ChatError, ChatEvent, ChunkScope, Content, GroupName, MessageSent, Scope,
            StoredMessage,
        },
        limits::{
            CHAT_CHUNK_MESSAGES_MAX, CHUNKS_PER_ROOM_SECOND, CHUNKS_PER_SESSION_SECOND,
            JOIN_HISTORY_BYTES_MAX,
        },
    },
};

const CHUNKS: Limits = Limits {
    count: CHUNKS_PER_ROOM_SECOND,
    of_one: CHUNKS_PER_SESSION_SECOND as u64,
    of_all: CHUNKS_PER_ROOM_SECOND as u64,
};

/// The chat of one room of a meeting. Private messages are of the whole meeting: the main room's chat has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chat {
    store: Store,
    marks: BTreeMap<ParticipantId, Marks>,
}

/// Times until which somebody has seen what it exchanged with others in private: of so many others.
const PRIVATE_MARKS_MAX: usize = 256;

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
            ChatCommand::GetHistoryChunk {
                message_index,
                scope: ChunkScope::Of(scope),
            } => {
                self.send_chunk(cx, who, message_index, &scope)?;
            }
            ChatCommand::GetHistoryChunk {
                scope: ChunkScope::OfSomeGroup { .. },
                ..
            } => {}
            ChatCommand::SearchHistory {
                term,
                message_index,
                scope,
            } => {
                let bytes = settings.search_bytes_per_second;
                return self.search(cx, who, term.as_str(), message_index, &scope, bytes);
            }
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
        self.chat_switched = Some(Changed { by: who, at: cx.at });
        let event = if enabled {
            ChatEvent::ChatEnabled { issued_by: who }
        } else {
            ChatEvent::ChatDisabled { issued_by: who }
        };
        self.tell_flag(cx, changed, Some(who), &event);
    }

    /// Where a message is kept and who reads it; none when it is dropped: to a group that the sender is not in, or to
    /// somebody whom it can't reach, in whatever room of the meeting. Whoever is lost will hear it when it resumes.
    fn address(&mut self, who: ParticipantId, scope: &Scope) -> Option<(Key, Receivers)> {
        let space = self.people.space(who);
        match scope {
            Scope::Global => Some((Key::Global, self.people.around(who))),
            Scope::Group(name) => {
                let id = self.group(who, name)?;
                Some((Key::Group(id), self.people.circle(Circle::Group(space, id))))
            }
            Scope::Private(target) => {
                let line = |id| {
                    let participant = self.people.get(id)?;
                    let reachable = participant.place == Place::Inside && !participant.is_hidden();
                    reachable.then_some(participant.line)
                };
                let other = line(*target)?;
                let both = self
                    .people
                    .line(who)
                    .into_iter()
                    .chain(Some(other).filter(|_| *target != who));
                let to = Receivers::from(both.collect::<Vec<_>>());
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
        content: Content,
        scope: Scope,
    ) -> Result<(), ChatError> {
        if !self.chat_enabled {
            return Err(ChatError::ChatDisabled);
        }
        let Some((key, to)) = self.address(who, &scope) else {
            return Ok(());
        };
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
            content: content.into(),
            scope,
        };
        let max = settings.chat_messages_per_scope_max;
        let space = self.kept_in(who, key);
        self.space(space).chat.store.add(key, message, max);
        self.bound_chat(settings.chat_bytes_max);
        Ok(())
    }

    /// Where the messages of a scope are kept that somebody sees: in its room, or, what is private, in the main room.
    fn kept_in(&self, who: ParticipantId, key: Key) -> Space {
        match key {
            Key::Global | Key::Group(_) => self.people.space(who),
            Key::Private(..) => Space::MAIN,
        }
    }

    /// The messages of that room; none where nothing was ever kept.
    fn kept(&self, who: ParticipantId, key: Key) -> Option<&Store> {
        let state = self.spaces.get(&self.kept_in(who, key))?;
        Some(&state.chat.store)
    }

    /// The oldest messages of the whole meeting go until all are within so many bytes.
    fn bound_chat(&mut self, bytes_max: usize) {
        let mut excess = self.chat_bytes().saturating_sub(bytes_max);
        while excess > 0 {
            let stores = self.spaces.values_mut().map(|state| &mut state.chat.store);
            let dated = stores.filter_map(|store| Some((store.oldest_time()?, store)));
            let Some((_, store)) = dated.min_by_key(|(at, _)| *at) else {
                return;
            };
            let before = store.bytes();
            store.drop_oldest_of_all();
            excess = excess.saturating_sub(before - store.bytes());
        }
    }

    fn chat_bytes(&self) -> usize {
        self.spaces.values().map(|state| state.chat.store.bytes()).sum()
    }

    /// Whether a kept message names a participant, as its author or as one side of a private one: it must then stay known,
    /// or its messages must go ([`Chat::forget`]).
    #[must_use]
    pub fn must_remember(&self, id: ParticipantId) -> bool {
        self.spaces.values().any(|state| state.chat.names(id))
    }

    /// The private messages to and from a participant that are newer than a time, the oldest first; at most the newest
    /// `max`.
    #[must_use]
    pub fn private_messages_since(
        &self,
        who: ParticipantId,
        since: Timestamp,
        max: usize,
    ) -> Vec<Arc<StoredMessage>> {
        let main = self.spaces.get(&Space::MAIN);
        main.map_or_else(Vec::new, |state| state.chat.store.private_since(who, since, max))
    }

    /// Describes what is wrong with the kept messages.
    pub(super) fn check_chat(&self, bytes_max: usize) -> Result<(), String> {
        for state in self.spaces.values() {
            state.chat.store.check()?;
        }
        match self.chat_bytes() {
            bytes if bytes > bytes_max => Err(format!("chat: {bytes} bytes in all")),
            _ => Ok(()),
        }
    }

    fn mark_seen(&mut self, who: ParticipantId, scope: &Scope, at: Timestamp) {
        let space = self.people.space(who);
        let known = match scope {
            Scope::Global => true,
            Scope::Group(name) => self.group(who, name).is_some(),
            Scope::Private(other) => {
                let other = self.people.get(*other);
                other.is_some_and(|p| p.was_inside() && !p.is_hidden())
            }
        };
        if !known {
            return;
        }
        let kept_in = match scope {
            Scope::Global | Scope::Group(_) => space,
            Scope::Private(_) => Space::MAIN,
        };
        let marks = self.space(kept_in).chat.marks.entry(who).or_default();
        match scope {
            Scope::Global => marks.global = Some(at),
            Scope::Group(name) => {
                marks.groups.insert(Arc::clone(name), at);
            }
            Scope::Private(other) => {
                marks.private.insert(*other, at);
                if marks.private.len() > PRIVATE_MARKS_MAX {
                    let oldest = marks.private.iter().min_by_key(|(_, at)| **at);
                    if let Some(oldest) = oldest.map(|(id, _)| *id) {
                        marks.private.remove(&oldest);
                    }
                }
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
    ) -> Result<(), Refusal> {
        let key = self.readable(who, scope).map_err(Refusal::Chat)?;
        if !self.chunks.one_more(who, 1, cx.at, &CHUNKS) {
            return Err(Refusal::TooMuch);
        }
        if self.leaves_out(cx, who) {
            return Ok(());
        }
        let chunk = self.kept(who, key).map_or_else(Chunk::default, |store| {
            store.chunk(key, Some(index), CHAT_CHUNK_MESSAGES_MAX, JOIN_HISTORY_BYTES_MAX)
        });
        cx.cost.bytes(chunk.bytes());
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

    /// While an input is replayed, a long answer is not made: its number is all that stays of it. False in life.
    fn leaves_out(&mut self, cx: &mut Cx, who: ParticipantId) -> bool {
        if cx.replays && self.people.line(who).is_some() {
            self.people.set_whole_since(who, cx.leave_out());
        }
        cx.replays
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
    /// Whether a kept message names a participant.
    pub fn names(&self, id: ParticipantId) -> bool {
        self.store.names(id)
    }

    /// The participant is no longer remembered.
    pub fn forget(&mut self, id: ParticipantId) {
        self.store.forget(id);
        self.marks.remove(&id);
        for marks in self.marks.values_mut() {
            marks.private.remove(&id);
        }
    }
}
