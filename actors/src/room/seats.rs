//! Taking a seat: `start`, tickets redeemed, sockets that end, tokens that expire.

use super::{
    Meeting, Place, Room,
    access::Seat,
    agenda::Due,
    effects::{Cx, Receivers},
    input::{Ending, Start, StartOutcome},
};
use crate::{
    ids::{ParticipantId, SessionNo},
    protocol::{
        breakout::BreakoutEvent,
        codes::CloseCode,
        control::{ControlEvent, LeaveReason},
        limits::{LIVEKIT_CALLS_SECS, RESUMPTION_SECS, TICKET_SECS, UNREDEEMED_TICKETS_MAX},
        meeting::{Caller, MeetingFacts},
        timer::StopKind,
    },
};

impl Room {
    pub(super) fn start(&mut self, cx: &mut Cx, start: Start) {
        let resumed = start
            .resumption
            .and_then(|token| self.access.resume(token, start.caller));
        let meeting = self.meeting.as_ref();
        let breakout = meeting.and_then(|meeting| meeting.breakout.as_ref());
        let outcome = if meeting.is_some_and(|meeting| meeting.is_banned(start.caller)) {
            StartOutcome::Banned
        } else if start.breakout_room.is_some() && breakout.is_none() {
            StartOutcome::NoBreakoutRooms
        } else if breakout.is_some_and(|breakout| start.breakout_room.is_some_and(|id| !breakout.has(id))) {
            StartOutcome::InvalidBreakoutRoomId
        } else if resumed.is_none() && start.identity.is_none() {
            StartOutcome::NeedsIdentity
        } else if self.meeting.is_none() && start.facts.is_none() {
            StartOutcome::NeedsFacts
        } else if resumed.is_none() && self.access.fresh() >= UNREDEEMED_TICKETS_MAX {
            StartOutcome::Busy
        } else {
            self.issue(cx, start, resumed)
        };
        cx.answer(outcome);
    }

    fn issue(&mut self, cx: &mut Cx, start: Start, resumed: Option<ParticipantId>) -> StartOutcome {
        if let (None, Some(facts)) = (&self.meeting, start.facts) {
            // The rooms of the last meeting are to be used again.
            self.calls.give_up(cx);
            self.agenda.clear(Due::Calls);
            self.begin_meeting(cx, *facts);
        }
        let id = match (resumed, start.identity) {
            (Some(id), _) => id,
            (None, Some(identity)) => {
                let id = ParticipantId(cx.new_id());
                self.access.add(id, start.caller, identity);
                id
            }
            (None, None) => return StartOutcome::NeedsIdentity,
        };
        self.access.add_token(id, start.token);
        // The ticket must find its holder, and the token that went out with it lives as long as any other.
        if self.access.get(id).is_some_and(|holder| holder.seat.is_none()) && !self.is_lost(id) {
            self.agenda
                .set(Due::Expiry(id), cx.at.plus_secs(TICKET_SECS + RESUMPTION_SECS));
        }
        StartOutcome::Issued(id)
    }

    pub(super) fn seat_taken(&mut self, cx: &mut Cx, id: ParticipantId, seat: Seat) {
        if self.meeting.is_none() {
            // The meeting ended between ticket and socket: the client starts anew.
            return cx.close(seat.session, CloseCode::Restart);
        }
        let holder = self.access.get(id);
        if holder.is_none_or(|holder| !holder.tokens.contains(&seat.token)) {
            // Another session of the same participant was faster, or its access was withdrawn: it must not come back
            // by itself as somebody new.
            return cx.close(seat.session, CloseCode::Normal);
        }
        self.agenda.clear(Due::Expiry(id));
        if let Some(old) = self.access.sit(id, seat) {
            cx.close(old, CloseCode::Normal);
            self.lose(cx, id);
        }
    }

    pub(super) fn ended(&mut self, cx: &mut Cx, session: SessionNo, how: Ending) {
        let Some((id, seat)) = self.access.stand_up(session) else {
            return;
        };
        if self.place(id) == Place::Outside {
            self.expire_later(cx, id);
        } else if how == Ending::Quit {
            self.leave(cx, id, LeaveReason::Quit);
        } else if seat.joined && self.settings.reconnect_grace_secs > 0 {
            self.lose(cx, id);
        } else if seat.joined {
            self.leave(cx, id, LeaveReason::Timeout);
        }
        // A socket that took over and did not join leaves its participant lost, as it was.
    }

    /// Nobody is there for this participant any more, but it may come back within the grace time.
    fn lose(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        if meeting
            .people
            .get(id)
            .is_none_or(|p| !p.is_present() || p.session.is_none())
        {
            return;
        }
        meeting.people.set_session(id, None);
        self.agenda.set(
            Due::Timeout(id),
            cx.at.plus_secs(self.settings.reconnect_grace_secs),
        );
    }

    /// Listed as present, but without a session.
    pub(super) fn is_lost(&self, id: ParticipantId) -> bool {
        self.agenda.get(Due::Timeout(id)).is_some()
    }

    pub(super) fn place(&self, id: ParticipantId) -> Place {
        let participant = self.meeting.as_ref().and_then(|meeting| meeting.people.get(id));
        participant.map_or(Place::Outside, |p| p.place)
    }

    /// Without a session, the tokens live on for two minutes. Without tokens, nothing is left to keep.
    pub(super) fn expire_later(&mut self, cx: &Cx, id: ParticipantId) {
        let Some(holder) = self.access.get(id) else { return };
        if holder.seat.is_some() {
            return;
        }
        if holder.tokens.is_empty() {
            self.forget(id);
        } else {
            self.agenda.set(Due::Expiry(id), cx.at.plus_secs(RESUMPTION_SECS));
        }
    }

    /// Forgets a participant's access; a departed participant stays in the list.
    pub(super) fn forget(&mut self, id: ParticipantId) {
        self.agenda.clear(Due::Expiry(id));
        self.access.forget(id);
    }

    pub(super) fn tick(&mut self, cx: &mut Cx) {
        while let Some(due) = self.agenda.take_due(cx.at) {
            match due {
                Due::Timeout(id) => self.leave(cx, id, LeaveReason::Timeout),
                Due::Expiry(id) => self.forget(id),
                Due::Drop => self.drop_meeting(cx),
                Due::TimeLimit => self.end_meeting(cx, &ControlEvent::TimeLimitQuotaElapsed),
                Due::Breakout => self.end_breakout(cx, &BreakoutEvent::Expired),
                Due::Leave(id) => self.clear_breakout_room(cx, id),
                Due::Timer(space) => {
                    if let Some(meeting) = &mut self.meeting {
                        meeting.end_timer(cx, space, StopKind::Expired, None);
                    }
                }
                Due::Poll(space) => {
                    if let Some(meeting) = &mut self.meeting {
                        meeting.end_poll(cx, &mut self.agenda, space);
                    }
                }
                Due::LiveResults(space) => {
                    if let Some(meeting) = &mut self.meeting {
                        meeting.show_results(cx, space);
                    }
                }
                Due::Calls => self.calls.give_up(cx),
            }
        }
    }

    fn begin_meeting(&mut self, cx: &Cx, facts: MeetingFacts) {
        self.meeting = Some(Meeting::new(facts));
        self.agenda
            .set(Due::Drop, cx.at.plus_secs(self.settings.meeting_grace_secs));
    }

    /// Everything of the meeting goes; only tokens are kept, and sockets that never joined begin the next one.
    fn drop_meeting(&mut self, cx: &mut Cx) {
        let Some(meeting) = self.meeting.take() else {
            return;
        };
        self.agenda.end_meeting();
        self.access.forget_acceptances();
        // Hidden participants keep no meeting alive: they go with it.
        let hidden = meeting.people.iter().filter(|(_, p)| p.is_present());
        for (id, _) in hidden {
            // Also a socket that was just taking over.
            if let Some(seat) = self.access.get(id).and_then(|holder| holder.seat) {
                cx.close(seat.session, CloseCode::Normal);
            }
            self.forget(id);
        }
        self.after_meeting(cx, &meeting);
        if self.access.sessions().next().is_some() {
            self.begin_meeting(cx, meeting.facts);
        }
    }

    /// The time is up: everybody hears it, those who wait too, and is sent out. Nothing of the meeting is kept.
    fn end_meeting(&mut self, cx: &mut Cx, word: &ControlEvent<'_>) {
        let Some(meeting) = &self.meeting else { return };
        let present = meeting.people.iter().filter(|(_, p)| p.is_present());
        let (ids, lines): (Vec<_>, Vec<_>) = present.map(|(id, p)| (id, p.line)).unzip();
        cx.send(Receivers::from(lines), word);
        for id in ids {
            if let Some(seat) = self.access.get(id).and_then(|holder| holder.seat) {
                self.access.stand_up(seat.session);
                cx.close(seat.session, CloseCode::Normal);
            }
            self.agenda.clear(Due::Timeout(id));
            if let Some(meeting) = &mut self.meeting {
                meeting
                    .people
                    .change(id, |p| (p.place, p.session) = (Place::Outside, None));
            }
            self.expire_later(cx, id);
        }
        self.drop_meeting(cx);
    }

    /// The rooms of LiveKit go with the meeting; the room waits for that a while.
    fn after_meeting(&mut self, cx: &mut Cx, meeting: &Meeting) {
        if meeting.has_media() {
            for space in meeting.spaces.keys() {
                self.delete_media_room(cx, *space);
            }
        }
        if !self.calls.is_empty() {
            self.agenda.set(Due::Calls, cx.at.plus_secs(LIVEKIT_CALLS_SECS));
        }
    }

    /// The process that held the sockets is gone: whoever was there counts as lost from now.
    pub(super) fn restarted(&mut self, cx: &mut Cx) {
        // A number is never used twice, even when a tail of the log was lost with the machine.
        cx.event_seq = ((cx.event_seq >> 32) + 1) << 32;
        self.ring.restart(cx.event_seq);
        let sessions: Vec<_> = self.access.sessions().collect();
        for (session, id) in sessions {
            self.access.stand_up(session);
            self.lose(cx, id);
            if !self.is_lost(id) {
                self.expire_later(cx, id);
            }
        }
        let present = self.meeting.iter().flat_map(|meeting| meeting.people.iter());
        let present: Vec<_> = present
            .filter(|(_, p)| p.is_present())
            .map(|(id, _)| id)
            .collect();
        for id in present {
            self.agenda.set(
                Due::Timeout(id),
                cx.at.plus_secs(self.settings.reconnect_grace_secs),
            );
        }
        self.repeat_calls(cx);
    }

    /// REST deleted the room: everyone hears it, and nothing is left.
    pub(super) fn delete(&mut self, cx: &mut Cx) {
        self.end_meeting(cx, &ControlEvent::RoomDeleted);
        // Sockets that never joined, and whoever had a token: there is nothing to come back to.
        for (session, _) in self.access.sessions().collect::<Vec<_>>() {
            cx.close(session, CloseCode::Normal);
        }
        *self = Self {
            input_seq: self.input_seq,
            at: self.at,
            ring: std::mem::take(&mut self.ring),
            agenda: std::mem::take(&mut self.agenda),
            calls: std::mem::take(&mut self.calls),
            ..Self::new(self.id, self.settings.clone())
        };
        self.agenda.keep_calls_only();
    }

    pub(super) fn withdraw(&mut self, caller: Caller) {
        for id in self.access.withdraw(caller) {
            // A lost participant stays listed until its grace time is over.
            if !self.is_lost(id) {
                self.forget(id);
            }
        }
    }
}
