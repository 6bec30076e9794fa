//! What somebody who comes back has missed and `join_success` does not tell: clients keep what they knew before, except
//! what `join_success` overwrites, so the rest follows it as events of today's shapes.

use serde::{Deserialize, Serialize};

use super::{Meeting, Place, Room, effects::Cx, roster::Participant};
use crate::{
    ids::{BreakoutRoomId, ParticipantId, PollId, SessionNo, Space, TimerId, Timestamp},
    protocol::{
        chat::{ChatEvent, MessageSent},
        limits::MISSED_MESSAGES_MAX,
        moderation::ModerationEvent,
        names::DisplayName,
        polls::PollsEvent,
        timer::{StopKind, TimerEvent},
    },
};

/// What a client knew when its participant was lost, left or moved on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    at: Timestamp,
    space: Space,
    display_name: DisplayName,
    hand_was_up: bool,
    chat_enabled: bool,
    raise_hands_enabled: bool,
    timer: Option<TimerId>,
    poll: Option<PollId>,
    /// The first of the breakout rooms that ran.
    breakout: Option<BreakoutRoomId>,
}

impl Meeting {
    /// Remembers what the client of somebody who is inside and connected knows now.
    pub(super) fn note_known(&mut self, id: ParticipantId, at: Timestamp) {
        let here = self.people.get(id);
        let Some(participant) = here.filter(|p| p.place == Place::Inside && p.session.is_some()) else {
            return;
        };
        let known = self.known(participant, at);
        self.people.set_known(id, Some(Box::new(known)));
    }

    pub(super) fn forget_known(&mut self, id: ParticipantId) {
        self.people.set_known(id, None);
    }

    fn known(&self, participant: &Participant, at: Timestamp) -> Known {
        let state = self.spaces.get(&participant.space);
        Known {
            at,
            space: participant.space,
            display_name: participant.display_name.clone(),
            hand_was_up: participant.hand_is_up,
            chat_enabled: self.chat_enabled,
            raise_hands_enabled: self.moderation.raise_hands_enabled,
            timer: state.and_then(|state| Some(state.timer.as_ref()?.id())),
            poll: state.and_then(|state| Some(state.poll.as_ref()?.id())),
            breakout: self.breakout.as_ref().and_then(super::breakout::Breakout::first),
        }
    }

    fn tell_missed(&self, cx: &mut Cx, id: ParticipantId, me: &Participant, known: &Known) {
        let (line, now) = (me.line, self.known(me, cx.at));
        let to = Some(line);
        if !known.chat_enabled && now.chat_enabled {
            let issued_by = self.chat_switched_by.unwrap_or(id);
            cx.send_one(to, &ChatEvent::ChatEnabled { issued_by });
        }
        if !known.raise_hands_enabled && now.raise_hands_enabled {
            let issued_by = self.moderation.raise_hands_switched_by.unwrap_or(id);
            cx.send_one(to, &ModerationEvent::RaiseHandsEnabled { issued_by });
        }
        if known.hand_was_up
            && !now.hand_was_up
            && let Some(issued_by) = me.hand_lowered_by
        {
            cx.send_one(to, &ModerationEvent::RaisedHandResetByModerator { issued_by });
        }
        if known.display_name != now.display_name
            && let Some(issued_by) = me.renamed_by
        {
            let event = ModerationEvent::DisplayNameChanged {
                target: id,
                issued_by,
                old_name: &known.display_name,
                new_name: &now.display_name,
            };
            cx.send_one(to, &event);
        }
        if known.breakout != now.breakout {
            self.tell_assignment(cx, id, line);
        }
        self.tell_ended(cx, line, known, &now);
        self.tell_private_messages(cx, id, line, known.at);
    }

    /// Private histories of the state are read by no client: what was said meanwhile is said again, with its own time.
    fn tell_private_messages(&self, cx: &mut Cx, id: ParticipantId, line: SessionNo, since: Timestamp) {
        for message in self.private_messages_since(id, since, MISSED_MESSAGES_MAX) {
            let event = ChatEvent::MessageSent(MessageSent {
                id: message.id,
                source: message.source,
                content: &message.content,
                scope: message.scope.clone(),
            });
            cx.send_dated(line, &event, message.timestamp);
        }
    }

    /// A timer or poll that the client still shows, and that is over or belongs to another room.
    fn tell_ended(&self, cx: &mut Cx, line: SessionNo, known: &Known, now: &Known) {
        if let Some(timer_id) = known.timer.filter(|_| known.timer != now.timer) {
            let event = TimerEvent::Stopped {
                timer_id,
                kind: StopKind::Expired,
                reason: None,
            };
            cx.send_one(Some(line), &event);
        }
        if let Some(id) = known.poll.filter(|_| known.poll != now.poll) {
            let results = self.spaces.get(&known.space).map(|state| state.poll_results(id));
            let results = results.unwrap_or_default();
            cx.send_one(Some(line), &PollsEvent::Done { id, results });
        }
    }
}

impl Room {
    /// What follows `join_success`: what every client misreads, and what this one has missed.
    pub(super) fn tell_beside_join_success(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let known = meeting.people.set_known(id, None);
        let Some(me) = meeting.people.get(id) else { return };
        if meeting.has_moderation() {
            if !meeting.moderation.raise_hands_enabled {
                // `raise_hands_enabled` of the state is read by no client.
                let issued_by = meeting.moderation.raise_hands_switched_by.unwrap_or(id);
                cx.send_one(Some(me.line), &ModerationEvent::RaiseHandsDisabled { issued_by });
            }
            if me.is_moderator() && !meeting.moderation.waiting_room {
                // Clients look at the list of the state only where the waiting room is on.
                meeting.show_waiting(cx, id);
            }
        }
        if let Some(known) = known {
            meeting.tell_missed(cx, id, me, &known);
        }
    }
}
