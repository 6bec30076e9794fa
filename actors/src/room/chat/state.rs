//! What a joining participant gets of the chat.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Around, Chat, Marks, SpaceChat,
    history::Chunk,
    store::{Key, Store},
};
use crate::{
    ids::{GroupId, ParticipantId, Space, Timestamp},
    protocol::{
        Namespace,
        chat::GroupName,
        limits::{CHAT_CHUNK_MESSAGES_MAX, JOIN_GROUPS_BYTES_MAX, JOIN_HISTORY_BYTES_MAX},
    },
    room::module,
};

/// `chat` of `join_success`.
#[derive(Serialize)]
struct State<'a> {
    enabled: bool,
    room_history: &'a RawValue,
    groups_history: Vec<OfGroup<'a>>,
    private_history: Vec<Private>,
    last_seen_timestamp_global: Option<Timestamp>,
    last_seen_timestamps_private: &'a BTreeMap<ParticipantId, Timestamp>,
    last_seen_timestamps_group: &'a BTreeMap<GroupName, Timestamp>,
}

#[derive(Serialize)]
struct OfGroup<'a> {
    /// Absent for older clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<GroupId>,
    name: &'a str,
    history: Box<RawValue>,
}

#[derive(Serialize)]
struct Private {
    correspondent: ParticipantId,
    history: Box<RawValue>,
}

impl Chat {
    /// Always an object, disabled and empty where the tariff has no chat. All histories together stay within
    /// [`JOIN_HISTORY_BYTES_MAX`] (and one message), half of it for the room's. Of groups everything is there that is kept
    /// and fits into [`JOIN_GROUPS_BYTES_MAX`]: clients ask for no more.
    pub(super) fn state_for(&mut self, around: &Around<'_>, who: ParticipantId) -> module::State {
        let as_list = around.settings.chat_history_as_list;
        // Clients that take plain lists can't ask for more.
        let messages_max = if as_list {
            usize::MAX
        } else {
            CHAT_CHUNK_MESSAGES_MAX
        };
        let enabled = self.enabled && around.has(Namespace::Chat);
        let groups = around.people.get(who).map(|me| Arc::clone(&me.groups));
        let groups = groups.as_deref().unwrap_or_default();
        let mut nothing = SpaceChat::default();
        let chat = self.spaces.get_mut(around.people.space(who));
        let chat = chat.unwrap_or(&mut nothing);
        let room_history = chat
            .store
            .newest_global(messages_max, JOIN_HISTORY_BYTES_MAX / 2, as_list);
        let mut left = JOIN_HISTORY_BYTES_MAX.saturating_sub(room_history.get().len());
        let keys = groups.iter().map(|group| Key::Group(group.id)).collect();
        let chunks = chat
            .store
            .share(keys, usize::MAX, left.min(JOIN_GROUPS_BYTES_MAX));
        let groups_history = groups.iter().zip(chunks).map(|(group, chunk)| {
            left = left.saturating_sub(chunk.bytes());
            OfGroup {
                id: (!as_list).then_some(group.id),
                name: &group.name,
                history: chunk.without_next().to_raw(as_list),
            }
        });
        let groups_history = groups_history.collect();
        let marks = chat.marks.get(&who).cloned().unwrap_or_default();
        // What is private is of the whole meeting.
        let nothing = SpaceChat::default();
        let chat = self.spaces.get(Space::MAIN).unwrap_or(&nothing);
        let correspondents = chat.store.correspondents(who);
        let keys = correspondents
            .iter()
            .map(|other| Key::private(who, *other))
            .collect();
        let chunks = chat.store.share(keys, messages_max, left);
        let private_history = correspondents.into_iter().zip(chunks);
        let private_history = private_history.map(|(correspondent, chunk)| Private {
            correspondent,
            history: chunk.to_raw(as_list),
        });
        let none = Marks::default();
        module::State::of(&State {
            enabled,
            room_history: &room_history,
            groups_history,
            private_history: private_history.collect(),
            last_seen_timestamp_global: marks.global,
            last_seen_timestamps_private: &chat.marks.get(&who).unwrap_or(&none).private,
            last_seen_timestamps_group: &marks.groups,
        })
    }
}

impl Store {
    /// The newest chunks of many scopes, which together take at most `bytes_max` (and one message). Each gets as much as
    /// the others; what short ones leave is for the long ones.
    fn share(&self, keys: Vec<Key>, messages_max: usize, bytes_max: usize) -> Vec<Chunk> {
        let mut chunks = vec![Chunk::default(); keys.len()];
        let mut shortest_first: Vec<_> = keys.into_iter().enumerate().collect();
        shortest_first.sort_by_key(|(_, key)| self.searched_bytes(*key));
        let (mut left, mut others) = (bytes_max, shortest_first.len());
        for (index, key) in shortest_first {
            let chunk = self.chunk(key, None, messages_max, left / others);
            left = left.saturating_sub(chunk.bytes());
            others -= 1;
            chunks[index] = chunk;
        }
        chunks
    }
}
