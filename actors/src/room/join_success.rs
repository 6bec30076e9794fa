//! `join_success`: put together from pieces that are already encoded, so that a join into a large room copies bytes
//! instead of encoding every participant again.

use serde::Serialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    Meeting, Place, Room,
    effects::{Cx, Receivers},
};
use crate::{
    ids::{ParticipantId, Timestamp},
    protocol::{
        limits,
        meeting::{ControlState, EventInfo, Role, RoomInfo, Tariff},
        moderation::WaitingRoomState,
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
    tariff: &'a Tariff,
    event_info: Option<&'a EventInfo>,
    room_info: &'a RoomInfo,
    is_room_owner: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation: Option<ModerationState<'a>>,
}

#[derive(Serialize)]
struct ModerationState<'a> {
    #[serde(flatten)]
    moderator: Option<ModeratorState<'a>>,
    raise_hands_enabled: bool,
}

#[derive(Serialize)]
struct ModeratorState<'a> {
    waiting_room_enabled: bool,
    waiting_room_participants: Vec<Waiting<'a>>,
}

#[derive(Serialize)]
struct Waiting<'a> {
    id: ParticipantId,
    control: ControlState<'a>,
    #[serde(rename = "waiting_room_state")]
    state: WaitingRoomState,
}

impl Room {
    pub(super) fn send_join_success(&mut self, cx: &mut Cx, id: ParticipantId) {
        let seq = cx.next_event();
        let Some(meeting) = &mut self.meeting else { return };
        let Some(session) = meeting.people.session(id) else {
            return;
        };
        let as_list = self.settings.chat_history_as_list;
        let chat = meeting
            .chat
            .state_for(id, limits::JOIN_HISTORY_BYTES_MAX, as_list, &meeting.facts.tariff);
        let entries: Vec<_> = meeting.people.entries_but(id).collect();
        let Some(head) = self.head(id) else { return };
        let frame = assemble(&head, &entries, &chat, cx.at, seq);
        cx.push_frame(seq, frame, Receivers::One(session));
    }

    fn head(&self, id: ParticipantId) -> Option<String> {
        let meeting = self.meeting.as_ref()?;
        let me = meeting.people.get(id)?;
        let moderator = me.is_moderator().then(|| self.moderator_state(meeting));
        let head = Head {
            message: "join_success",
            id,
            display_name: &me.display_name,
            avatar_url: me.avatar_url.as_deref(),
            role: me.role,
            tariff: &meeting.facts.tariff,
            event_info: meeting.facts.event.as_ref(),
            room_info: &meeting.facts.room,
            is_room_owner: me.is_room_owner,
            moderation: meeting
                .facts
                .tariff
                .has_module("moderation")
                .then_some(ModerationState {
                    moderator,
                    raise_hands_enabled: meeting.moderation.raise_hands_enabled,
                }),
        };
        serde_json::to_string(&head).ok()
    }

    fn moderator_state<'a>(&'a self, meeting: &'a Meeting) -> ModeratorState<'a> {
        let waiting = meeting.people.iter().filter(|(_, p)| p.place == Place::Waiting);
        let state = |id| {
            let accepted = self.access.get(id).is_some_and(|holder| holder.accepted);
            if accepted {
                WaitingRoomState::Accepted
            } else {
                WaitingRoomState::Waiting
            }
        };
        ModeratorState {
            waiting_room_enabled: meeting.moderation.waiting_room,
            waiting_room_participants: waiting
                .map(|(id, p)| Waiting {
                    id,
                    control: p.control_state(),
                    state: state(id),
                })
                .collect(),
        }
    }
}

fn assemble(
    head: &str,
    entries: &[std::sync::Arc<RawValue>],
    chat: &RawValue,
    at: Timestamp,
    seq: u64,
) -> Utf8Bytes {
    let list: usize = entries.iter().map(|entry| entry.get().len() + 1).sum();
    let mut text = String::with_capacity(head.len() + list + chat.get().len() + 200);
    text.push_str(r#"{"namespace":"control","timestamp":""#);
    text.push_str(&at.to_string());
    text.push_str(r#"","seq":"#);
    text.push_str(&seq.to_string());
    text.push_str(r#","payload":"#);
    // The head is an object with fields: its closing brace makes room for the pieces.
    text.push_str(head.strip_suffix('}').unwrap_or(head));
    text.push_str(r#","participants":["#);
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(entry.get());
    }
    text.push_str(r#"],"chat":"#);
    text.push_str(chat.get());
    text.push_str("}}");
    text.into()
}
