//! `join_success`: put together from pieces that are already encoded, so that a join into a large room copies bytes
//! instead of encoding every participant again.

use std::{borrow::Cow, sync::Arc};

use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Meeting, Room, effects::Cx, participant::push_with_groups};
use crate::{
    encoding::{self, EncodeError},
    ids::{ParticipantId, Timestamp},
    protocol::{
        self, Namespace,
        meeting::{EventInfo, Role, RoomInfo, Tariff},
        names::DisplayName,
    },
};

/// The fields that differ from one joining participant to the next.
#[derive(Serialize)]
struct Head<'a> {
    message: &'static str,
    id: ParticipantId,
    display_name: &'a DisplayName,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_at: Option<Timestamp>,
    tariff: &'a Tariff,
    event_info: Option<Cow<'a, EventInfo>>,
    room_info: Cow<'a, RoomInfo>,
    is_room_owner: bool,
}

impl Room {
    pub(super) fn send_join_success(&mut self, cx: &mut Cx, id: ParticipantId) {
        let seq = cx.next_event();
        let Some(meeting) = &mut self.meeting else { return };
        let Some(me) = meeting.people.get(id) else { return };
        let (line, space) = (me.line, me.space);
        meeting.visited.insert(space);
        if cx.replays {
            return meeting.people.set_whole_since(id, seq);
        }
        let Meeting { people, modules, .. } = meeting;
        let entries = people.entries_for(&mut cx.cost, id, space, |other| modules.peer_states(space, other));
        let Some(head) = self.head(id) else { return };
        let Some((modules, around)) = self.modules() else {
            return;
        };
        let (fields, secrets) = modules.join_fields(cx, &around, id);
        let frame = assemble(&head, &entries, &fields, cx.at, seq);
        cx.push_own(seq, frame, line, secrets);
        around.people.set_whole_since(id, seq);
    }

    /// What comes before the lists.
    fn head(&self, id: ParticipantId) -> Option<String> {
        let meeting = self.meeting.as_ref()?;
        let me = meeting.people.get(id)?;
        let caller = self.access.get(id)?.caller;
        let head = Head {
            message: "join_success",
            id,
            display_name: &me.display_name,
            avatar_url: me.avatar_url.as_deref(),
            role: me.role,
            closes_at: meeting.closes_at,
            tariff: &meeting.facts.tariff,
            event_info: meeting.facts.event.as_ref().map(|event| event.told_to(caller)),
            room_info: meeting.facts.room.told_to(me.kind),
            is_room_owner: me.is_room_owner,
        };
        Some(encoding::encode(&head).unwrap_or_else(EncodeError::undo))
    }
}

fn assemble(
    head: &str,
    entries: &[(Arc<str>, Option<Arc<str>>)],
    fields: &str,
    at: Timestamp,
    seq: u64,
) -> Utf8Bytes {
    let list = entries
        .iter()
        .map(|(entry, names)| entry.len() + 1 + names.as_ref().map_or(0, |names| names.len()));
    let list: usize = list.sum();
    let bytes = head.len() + list + fields.len() + 64;
    let mut text = protocol::begin_envelope(Namespace::Control.name(), at, Some(seq), bytes);
    // The head is an object with fields: its closing brace makes room for the pieces.
    text.push_str(head.strip_suffix('}').unwrap_or(head));
    text.push_str(r#","participants":["#);
    for (index, (entry, names)) in entries.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match names {
            Some(names) => push_with_groups(&mut text, entry, names),
            None => text.push_str(entry),
        }
    }
    text.push(']');
    text.push_str(fields);
    text.push_str("}}");
    text.into()
}
