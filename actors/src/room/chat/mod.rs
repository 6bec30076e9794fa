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
    Place, Refusal, Room, RoomSettings,
    agenda::Agenda,
    effects::{Cx, Receivers},
    missed::{Changed, Missed},
    moderation::tell_flag,
    module::{Around, Module, PerSpace, State},
    roster::Circle,
};
use crate::{
    ids::{GroupId, MessageId, ParticipantId, Space, Timestamp},
    protocol::{
        Namespace,
        chat::{
            ChatCommand, ChatError, ChatEvent, ChunkScope, Content, GroupName, MessageSent, Scope,
            StoredMessage,
        },
        limits::{
            CHAT_CHUNK_MESSAGES_MAX, CHUNKS_PER_ROOM_SECOND, CHUNKS_PER_SESSION_SECOND,
            JOIN_HISTORY_BYTES_MAX, MISSED_MESSAGES_MAX,
        },
    },
};

const CHUNKS: Limits = Limits {
    count: CHUNKS_PER_ROOM_SECOND,
    of_one: CHUNKS_PER_SESSION_SECOND as u64,
    of_all: CHUNKS_PER_ROOM_SECOND as u64,
};

/// The chat of a meeting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chat {
    pub(super) enabled: bool,
    /// Who turned it on or off last.
    pub(super) switched: Option<Changed>,
    pub(super) searches: Budget,
    pub(super) chunks: Budget,
    pub(super) spaces: PerSpace<SpaceChat>,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            enabled: true,
            switched: None,
            searches: Budget::default(),
            chunks: Budget::default(),
            spaces: PerSpace::default(),
        }
    }
}

/// The messages of one room of a meeting. Private ones are of the whole meeting: the main room has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpaceChat {
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

impl Module for Chat {
    type Command = ChatCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: ChatCommand,
    ) -> Result<(), Refusal> {
        match room.modules() {
            Some((modules, mut around)) => modules.chat.obey(cx, &mut around, who, command),
            None => Ok(()),
        }
    }

    /// As the author of a kept message or as one side of a private one.
    fn names(&self, who: ParticipantId) -> bool {
        self.spaces.values().any(|chat| chat.store.names(who))
    }

    fn forgotten(&mut self, who: ParticipantId) {
        for chat in self.spaces.values_mut() {
            chat.store.forget(who);
            chat.marks.remove(&who);
            for marks in chat.marks.values_mut() {
                marks.private.remove(&who);
            }
        }
    }

    fn space_closed(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, space: Space) {
        self.spaces.remove(space);
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        Some(self.state_for(around, who))
    }

    fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
        let Some(me) = around.people.get(who) else { return };
        let enabled_by = match missed {
            Missed::AnotherMeeting => around.has(Namespace::Chat).then_some(who),
            Missed::Since(away) => away.missed(self.switched).map(|changed| changed.by),
        };
        if let Some(issued_by) = enabled_by.filter(|_| self.enabled) {
            cx.send_one(Some(me.line), &ChatEvent::ChatEnabled { issued_by });
        }
        let Missed::Since(away) = missed else { return };
        // Private histories of the state are read by no client: what was said meanwhile is said again, with its own time.
        for message in self.private_messages_since(who, away.since(), MISSED_MESSAGES_MAX) {
            let event = ChatEvent::MessageSent(MessageSent {
                id: message.id,
                source: message.source,
                content: &message.content,
                scope: message.scope.clone(),
            });
            cx.send_dated(me.line, &event, message.timestamp);
        }
    }

    fn check(&self, settings: &RoomSettings, _agenda: &Agenda) -> Result<(), String> {
        for chat in self.spaces.values() {
            chat.store.check()?;
        }
        match self.bytes() {
            bytes if bytes > settings.chat_bytes_max => Err(format!("chat: {bytes} bytes in all")),
            _ => Ok(()),
        }
    }
}

impl Chat {
    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: ChatCommand,
    ) -> Result<(), Refusal> {
        let moderator = around.people.is_moderator(who);
        match command {
            ChatCommand::SendMessage { content, scope } => {
                self.send_message(cx, around, who, content, scope)?;
            }
            ChatCommand::SetLastSeenTimestamp { scope, timestamp } => {
                self.mark_seen(around, who, &scope, timestamp);
            }
            ChatCommand::GetHistoryChunk {
                message_index,
                scope: ChunkScope::Of(scope),
            } => {
                self.send_chunk(cx, around, who, message_index, &scope)?;
            }
            ChatCommand::GetHistoryChunk {
                scope: ChunkScope::OfSomeGroup { .. },
                ..
            } => {}
            ChatCommand::SearchHistory {
                term,
                message_index,
                scope,
            } => return self.search(cx, around, who, (term.as_str(), message_index, &scope)),
            _ if !moderator => return Err(ChatError::InsufficientPermissions.into()),
            ChatCommand::EnableChat => self.set_enabled(cx, around, who, true),
            ChatCommand::DisableChat => self.set_enabled(cx, around, who, false),
            ChatCommand::ClearHistory => {
                let space = around.people.space(who);
                self.spaces.of(space).store.clear(Key::Global);
                let to = around.people.around(who);
                cx.send(to, &ChatEvent::HistoryCleared { issued_by: who });
            }
        }
        Ok(())
    }

    /// The flag is of the whole meeting. Saying again what is already so is answered to the sender only.
    fn set_enabled(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId, enabled: bool) {
        let changed = std::mem::replace(&mut self.enabled, enabled) != enabled;
        self.switched = Some(Changed { by: who, at: cx.at });
        let event = if enabled {
            ChatEvent::ChatEnabled { issued_by: who }
        } else {
            ChatEvent::ChatDisabled { issued_by: who }
        };
        tell_flag(cx, around.people, changed, Some(who), &event);
    }

    fn send_message(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        content: Content,
        scope: Scope,
    ) -> Result<(), ChatError> {
        if !self.enabled {
            return Err(ChatError::ChatDisabled);
        }
        let Some((key, to)) = address(around, who, &scope) else {
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
        let max = around.settings.chat_messages_per_scope_max;
        let space = kept_in(around, who, key);
        self.spaces.of(space).store.add(key, message, max);
        self.bound(around.settings.chat_bytes_max);
        Ok(())
    }

    /// The messages of a scope that somebody sees; none where nothing was ever kept.
    fn kept(&self, around: &Around<'_>, who: ParticipantId, key: Key) -> Option<&Store> {
        Some(&self.spaces.get(kept_in(around, who, key))?.store)
    }

    /// The oldest messages of the whole meeting go until all are within so many bytes.
    fn bound(&mut self, bytes_max: usize) {
        let mut excess = self.bytes().saturating_sub(bytes_max);
        while excess > 0 {
            let stores = self.spaces.values_mut().map(|chat| &mut chat.store);
            let dated = stores.filter_map(|store| Some((store.oldest_time()?, store)));
            let Some((_, store)) = dated.min_by_key(|(at, _)| *at) else {
                return;
            };
            let before = store.bytes();
            store.drop_oldest_of_all();
            excess = excess.saturating_sub(before - store.bytes());
        }
    }

    fn bytes(&self) -> usize {
        self.spaces.values().map(|chat| chat.store.bytes()).sum()
    }

    /// The private messages to and from a participant that are newer than a time, the oldest first; at most the newest
    /// `max`.
    fn private_messages_since(
        &self,
        who: ParticipantId,
        since: Timestamp,
        max: usize,
    ) -> Vec<Arc<StoredMessage>> {
        let main = self.spaces.get(Space::MAIN);
        main.map_or_else(Vec::new, |chat| chat.store.private_since(who, since, max))
    }

    fn mark_seen(&mut self, around: &Around<'_>, who: ParticipantId, scope: &Scope, at: Timestamp) {
        let space = around.people.space(who);
        let known = match scope {
            Scope::Global => true,
            Scope::Group(name) => group(around, who, name).is_some(),
            Scope::Private(other) => {
                let other = around.people.get(*other);
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
        let marks = self.spaces.of(kept_in).marks.entry(who).or_default();
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

    fn send_chunk(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        index: u64,
        scope: &Scope,
    ) -> Result<(), Refusal> {
        let key = readable(around, who, scope)?;
        if !self.chunks.one_more(who, 1, cx.at, &CHUNKS) {
            return Err(Refusal::TooMuch);
        }
        if leaves_out(cx, around, who) {
            return Ok(());
        }
        let chunk = self.kept(around, who, key).map_or_else(Chunk::default, |store| {
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
        answer_long(cx, around, who, &event);
        Ok(())
    }
}

/// Where a message is kept and who reads it; none when it is dropped: to a group that the sender is not in, or to
/// somebody whom it can't reach, in whatever room of the meeting. Whoever is lost will hear it when it resumes.
fn address(around: &mut Around<'_>, who: ParticipantId, scope: &Scope) -> Option<(Key, Receivers)> {
    let space = around.people.space(who);
    match scope {
        Scope::Global => Some((Key::Global, around.people.around(who))),
        Scope::Group(name) => {
            let id = group(around, who, name)?;
            Some((Key::Group(id), around.people.circle(Circle::Group(space, id))))
        }
        Scope::Private(target) => {
            let line = |id| {
                let participant = around.people.get(id)?;
                let reachable = participant.place == Place::Inside && !participant.is_hidden();
                reachable.then_some(participant.line)
            };
            let other = line(*target)?;
            let both = around
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
fn group(around: &Around<'_>, who: ParticipantId, name: &str) -> Option<GroupId> {
    let groups = &around.people.get(who)?.groups;
    groups
        .iter()
        .find(|group| *group.name == *name)
        .map(|group| group.id)
}

/// Where the messages of a scope are kept that somebody sees: in its room, or, what is private, in the main room.
fn kept_in(around: &Around<'_>, who: ParticipantId, key: Key) -> Space {
    match key {
        Key::Global | Key::Group(_) => around.people.space(who),
        Key::Private(..) => Space::MAIN,
    }
}

/// The key of a scope for somebody who reads.
fn readable(around: &Around<'_>, who: ParticipantId, scope: &Scope) -> Result<Key, ChatError> {
    Ok(match scope {
        Scope::Global => Key::Global,
        Scope::Group(name) => Key::Group(group(around, who, name).ok_or(ChatError::InsufficientPermissions)?),
        Scope::Private(other) => Key::private(who, *other),
    })
}

/// While an input is replayed, a long answer is not made: its number is all that stays of it. False in life.
fn leaves_out(cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) -> bool {
    if cx.replays && around.people.line(who).is_some() {
        around.people.set_whole_since(who, cx.leave_out());
    }
    cx.replays
}

/// An answer that is too long to be kept for resuming.
fn answer_long(cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId, event: &ChatEvent<'_>) {
    if let Some(line) = around.people.line(who) {
        let seq = cx.send_long(line, event);
        around.people.set_whole_since(who, seq);
    }
}
