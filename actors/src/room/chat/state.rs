//! What a joining participant gets of the chat.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Chat, Marks, store::Key};
use crate::{
    ids::{GroupId, ParticipantId, Timestamp},
    protocol::{
        chat::GroupName,
        limits::{CHAT_CHUNK_MESSAGES_MAX, JOIN_HISTORY_BYTES_MAX},
        meeting::Group,
    },
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
    /// [`JOIN_HISTORY_BYTES_MAX`], half of it for the room's.
    pub fn state_for(
        &mut self,
        who: ParticipantId,
        groups: &[Group],
        enabled: bool,
        as_list: bool,
    ) -> Box<RawValue> {
        // Clients that take plain lists can't ask for more.
        let messages_max = if as_list {
            usize::MAX
        } else {
            CHAT_CHUNK_MESSAGES_MAX
        };
        let room_history = self
            .store
            .newest_global(messages_max, JOIN_HISTORY_BYTES_MAX / 2)
            .to_raw(as_list);
        let mut left = JOIN_HISTORY_BYTES_MAX.saturating_sub(room_history.get().len());
        let mut take = |key| {
            let chunk = self.store.chunk(key, None, messages_max, left);
            left = left.saturating_sub(chunk.bytes());
            chunk.to_raw(as_list)
        };
        let groups_history = groups.iter().map(|group| OfGroup {
            id: (!as_list).then_some(group.id),
            name: &group.name,
            history: take(Key::Group(group.id)),
        });
        let groups_history = groups_history.collect();
        let correspondents = self.store.correspondents(who).into_iter();
        let private_history = correspondents.map(|correspondent| Private {
            correspondent,
            history: take(Key::private(who, correspondent)),
        });
        let private_history = private_history.collect();
        let none = Marks::default();
        let marks = self.marks.get(&who).unwrap_or(&none);
        let state = State {
            enabled,
            room_history: &room_history,
            groups_history,
            private_history,
            last_seen_timestamp_global: marks.global,
            last_seen_timestamps_private: &marks.private,
            last_seen_timestamps_group: &marks.groups,
        };
        // A struct of encoded pieces and times always encodes.
        serde_json::value::to_raw_value(&state).unwrap_or_default()
    }
}
