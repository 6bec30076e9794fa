//! What somebody who comes back has missed and `join_success` does not tell: clients keep what they knew before, except
//! what `join_success` overwrites, so the rest follows it as events of today's shapes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Meeting, Place, Room, effects::Cx, roster::Participant};
use crate::{
    ids::{ParticipantId, PollId, SessionNo, Space, TimerId, Timestamp},
    protocol::{
        chat::{ChatEvent, MessageSent},
        control::ControlEvent,
        limits::MISSED_MESSAGES_MAX,
        moderation::ModerationEvent,
        polls::PollsEvent,
        timer::{StopKind, TimerEvent},
    },
};

/// Who changed something last, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub by: ParticipantId,
    pub at: Timestamp,
}

/// What a client shows that `join_success` does not take away: the room that it was in, what ran there, its own hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Screen {
    space: Space,
    timer: Option<TimerId>,
    poll: Option<PollId>,
    hand_was_up: bool,
}

/// From when on a client may have missed something, and what it may still show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    since: Timestamp,
    #[serde(flatten)]
    screen: Screen,
    /// What it showed before, where it may not have heard what it was told when it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Screen>,
    /// When it came back and was told what it had missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Timestamp>,
}

impl Away {
    /// Whether the client may not know of a change.
    fn missed(self, changed: Option<Changed>) -> Option<Changed> {
        changed.filter(|changed| changed.at > self.since)
    }

    fn screens(self) -> impl Iterator<Item = Screen> {
        self.before.into_iter().chain([self.screen])
    }
}

impl Meeting {
    /// The client of somebody who is inside and connected goes away. A broken connection is noticed late: what was sent
    /// shortly before may not have arrived either, also what it was told when it came back from an earlier absence. `at` is
    /// when that was, or the last time that is known to be before it; what was sent more than `unheard_secs` before has arrived.
    pub(super) fn goes_away(&mut self, id: ParticipantId, at: Timestamp, unheard_secs: u64) {
        let here = self.people.get(id);
        let Some(participant) = here.filter(|p| p.place == Place::Inside && p.session.is_some()) else {
            return;
        };
        let there = self.spaces.get(&participant.space);
        let screen = Screen {
            space: participant.space,
            timer: there.and_then(|there| Some(there.timer.as_ref()?.id())),
            poll: there.and_then(|there| Some(there.poll.as_ref()?.id())),
            hand_was_up: participant.hand_is_up,
        };
        let unheard = at.minus_secs(unheard_secs);
        let earlier = participant.away.as_deref().copied();
        let earlier = earlier.filter(|earlier| earlier.told.is_some_and(|told| told > unheard));
        let away = Away {
            since: earlier.map_or(unheard, |earlier| earlier.since.min(unheard)),
            screen,
            before: earlier.map(|earlier| earlier.before.unwrap_or(earlier.screen)),
            told: None,
        };
        self.people.set_away(id, away);
    }

    /// The client is told everything now. Returns what it has missed.
    pub(super) fn is_back(&mut self, id: ParticipantId, now: Timestamp) -> Option<Away> {
        let away = self
            .people
            .get(id)?
            .away
            .as_deref()
            .copied()
            .filter(|away| away.told.is_none())?;
        let told = Some(now);
        self.people.set_away(id, Away { told, ..away });
        Some(away)
    }

    fn tell_missed(&self, cx: &mut Cx, id: ParticipantId, me: &Participant, away: Away) {
        let line = me.line;
        let to = Some(line);
        if let Some(Changed { by: issued_by, .. }) =
            away.missed(self.chat_switched).filter(|_| self.chat_enabled)
        {
            cx.send_one(to, &ChatEvent::ChatEnabled { issued_by });
        }
        let switched = away.missed(self.moderation.raise_hands_switched);
        if let Some(Changed { by: issued_by, .. }) = switched.filter(|_| self.moderation.raise_hands_enabled)
        {
            cx.send_one(to, &ModerationEvent::RaiseHandsEnabled { issued_by });
        }
        if let Some(Changed { by: issued_by, .. }) = away.missed(me.hand_lowered).filter(|_| !me.hand_is_up) {
            cx.send_one(to, &ModerationEvent::RaisedHandResetByModerator { issued_by });
        } else if !me.hand_is_up && away.screens().any(|screen| screen.hand_was_up) {
            // It went down with the connection that its owner closed.
            cx.send_one(to, &ControlEvent::HandLowered);
        }
        if let Some((changed, old_name)) = me.renamed.as_deref()
            && let Some(Changed { by: issued_by, .. }) = away.missed(Some(*changed))
        {
            let event = ModerationEvent::DisplayNameChanged {
                target: id,
                issued_by,
                old_name,
                new_name: &me.display_name,
            };
            cx.send_one(to, &event);
        }
        if !self.has_been_in_breakout(me, away) {
            self.tell_assignment(cx, id, line, away.since);
        }
        self.tell_ended(cx, me, away);
        self.tell_private_messages(cx, id, line, away.since);
    }

    /// To a client that may still show another meeting, of which nothing is known any more: what a new one would take for granted.
    fn tell_anew(&self, cx: &mut Cx, id: ParticipantId, me: &Participant) {
        let to = Some(me.line);
        let has_module = |name| self.facts.tariff.has_module(name);
        if self.chat_enabled && has_module("chat") {
            cx.send_one(to, &ChatEvent::ChatEnabled { issued_by: id });
        }
        if self.has_moderation() && self.moderation.raise_hands_enabled {
            cx.send_one(to, &ModerationEvent::RaiseHandsEnabled { issued_by: id });
        }
        cx.send_one(to, &ControlEvent::HandLowered);
        let has_timer = self
            .spaces
            .get(&me.space)
            .is_some_and(|here| here.timer.is_some());
        if has_module("timer") && !has_timer {
            let event = TimerEvent::Stopped {
                timer_id: TimerId(Uuid::nil()),
                kind: StopKind::Expired,
                reason: None,
            };
            cx.send_one(to, &event);
        }
    }

    /// Whether somebody is in one of the rooms that run now, or was there: then it knows of them, and goes where it wants to.
    fn has_been_in_breakout(&self, me: &Participant, away: Away) -> bool {
        let is_of_now = |space: Space| {
            let breakout = self.breakout.as_ref();
            space
                .0
                .is_some_and(|id| breakout.is_some_and(|breakout| breakout.has(id)))
        };
        is_of_now(me.space) || away.screens().any(|screen| is_of_now(screen.space))
    }

    /// Timers and polls that the client may still show, and that are over or belong to another room.
    fn tell_ended(&self, cx: &mut Cx, me: &Participant, away: Away) {
        let here = self.spaces.get(&me.space);
        let timer = here.and_then(|here| Some(here.timer.as_ref()?.id()));
        let poll = here.and_then(|here| Some(here.poll.as_ref()?.id()));
        let (mut timers, mut polls) = (BTreeSet::new(), BTreeMap::new());
        for screen in away.screens() {
            let there = self.spaces.get(&screen.space);
            let over = there.and_then(|there| there.last_timer);
            let over = over.filter(|(_, at)| *at > away.since).map(|(id, _)| id);
            timers.extend(screen.timer.into_iter().chain(over));
            let over = there.and_then(|there| there.last_poll.as_ref());
            let over = over.filter(|(_, _, at)| *at > away.since).map(|(id, ..)| *id);
            polls.extend(screen.poll.into_iter().chain(over).map(|id| (id, there)));
        }
        // A timer in `join_success` takes the place of what the client shows; it takes the end of any timer for that of all.
        for timer_id in timers.into_iter().filter(|_| timer.is_none()) {
            let event = TimerEvent::Stopped {
                timer_id,
                kind: StopKind::Expired,
                reason: None,
            };
            cx.send_one(Some(me.line), &event);
        }
        for (id, there) in polls.into_iter().filter(|(id, _)| Some(*id) != poll) {
            let results = there.map(|there| there.poll_results(id)).unwrap_or_default();
            cx.send_one(Some(me.line), &PollsEvent::Done { id, results });
        }
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
}

impl Room {
    /// What follows `join_success`: what every client misreads, and what this one has missed.
    pub(super) fn tell_beside_join_success(&mut self, cx: &mut Cx, id: ParticipantId) {
        let shows_past = self.access.set_shows_past(id, false);
        let Some(meeting) = &mut self.meeting else { return };
        let away = meeting.is_back(id, cx.at);
        let Some(me) = meeting.people.get(id) else { return };
        if meeting.has_moderation() {
            if !meeting.moderation.raise_hands_enabled {
                // `raise_hands_enabled` of the state is read by no client.
                let issued_by = meeting
                    .moderation
                    .raise_hands_switched
                    .map_or(id, |changed| changed.by);
                cx.send_one(Some(me.line), &ModerationEvent::RaiseHandsDisabled { issued_by });
            }
            if me.is_moderator() && !meeting.moderation.waiting_room {
                // Clients look at the list of the state only where the waiting room is on.
                meeting.show_waiting(cx, id);
            }
        }
        if let Some(away) = away {
            meeting.tell_missed(cx, id, me, away);
        } else if shows_past && !me.is_hidden() {
            meeting.tell_anew(cx, id, me);
        }
    }
}
