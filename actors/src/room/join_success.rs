//! `join_success`: put together from pieces that are already encoded, so that a join into a large room copies bytes
//! instead of encoding every participant again.

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    Meeting, Place, Room,
    effects::{Cx, Secret},
    participant::push_with_groups,
};
use crate::{
    encoding::{self, EncodeError},
    ids::{ParticipantId, Space, Timestamp},
    protocol::{
        self,
        breakout::BreakoutState,
        livekit::LivekitState,
        meeting::{ControlState, EventInfo, Role, RoomInfo, Tariff},
        moderation::WaitingRoomState,
        names::DisplayName,
        polls::PollsState,
        timer::TimerState,
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
    #[serde(flatten)]
    modules: Modules<'a>,
}

/// What the modules have to say; those that are not on, or have nothing to say, are absent.
#[derive(Serialize)]
struct Modules<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation: Option<ModerationState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breakout: Option<BreakoutState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timer: Option<TimerState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polls: Option<PollsState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    livekit: Option<LivekitState<'a>>,
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
        let as_list = self.settings.chat_history_as_list;
        let Some(meeting) = &mut self.meeting else { return };
        let Some(me) = meeting.people.get(id) else { return };
        let (line, space, groups) = (me.line, me.space, Arc::clone(&me.groups));
        meeting.space(space);
        if cx.replays {
            return meeting.people.set_whole_since(id, seq);
        }
        let chat = meeting.chat_state(id, space, &groups, as_list);
        let timer = meeting.spaces.get(&space).and_then(|state| state.timer.as_ref());
        let entries = meeting.people.entries_for(&mut cx.cost, id, space, |other| {
            timer.and_then(|timer| timer.ready(other))
        });
        let Some((head, secret)) = self.head(cx, id, space) else {
            return;
        };
        let frame = assemble(&head, &entries, &chat, cx.at, seq);
        cx.push_own(seq, frame, line, secret);
        if let Some(meeting) = &mut self.meeting {
            meeting.people.set_whole_since(id, seq);
        }
    }

    /// What comes before the lists, and the secret in it.
    fn head(&self, cx: &Cx, id: ParticipantId, space: Space) -> Option<(String, Option<Secret>)> {
        let meeting = self.meeting.as_ref()?;
        let me = meeting.people.get(id)?;
        let caller = self.access.get(id)?.caller;
        let state = meeting.spaces.get(&space)?;
        let has = |module| meeting.facts.tariff.has_module(module);
        let (credentials, secret) = self.credentials(cx, id).unzip();
        let modules = Modules {
            moderation: has("moderation").then(|| ModerationState {
                moderator: me.is_moderator().then(|| self.moderator_state(meeting)),
                raise_hands_enabled: meeting.moderation.raise_hands_enabled,
            }),
            breakout: meeting.breakout_state(space),
            timer: state.timer.as_ref().map(|timer| timer.state_for(id)),
            polls: state.poll.as_ref().map(super::polls::Poll::state),
            livekit: credentials.as_ref().map(|credentials| LivekitState {
                credentials,
                microphone_restriction_state: &state.media.restrictions,
            }),
        };
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
            modules,
        };
        Some((encoding::encode(&head).unwrap_or_else(EncodeError::undo), secret))
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
                    control: p.waiting_state(),
                    state: state(id),
                })
                .collect(),
        }
    }
}

fn assemble(
    head: &str,
    entries: &[(Arc<str>, Option<Arc<str>>)],
    chat: &RawValue,
    at: Timestamp,
    seq: u64,
) -> Utf8Bytes {
    let list = entries
        .iter()
        .map(|(entry, names)| entry.len() + 1 + names.as_ref().map_or(0, |names| names.len()));
    let list: usize = list.sum();
    let bytes = head.len() + list + chat.get().len() + 64;
    let mut text = protocol::begin_envelope("control", at, Some(seq), bytes);
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
    // Writing to a string does not fail.
    let _ = write!(text, r#"],"chat":{chat}}}}}"#);
    text.into()
}
