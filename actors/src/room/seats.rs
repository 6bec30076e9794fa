//! Taking a seat: `start`, tickets redeemed, sockets that end, tokens that expire.

use super::{
    Meeting, Place, Room,
    agenda::Due,
    effects::{Cx, Receivers},
    input::{Ending, Start, StartOutcome},
};
use crate::{
    ids::{ParticipantId, SessionNo, TokenHash},
    protocol::{
        codes::CloseCode,
        control::{ControlEvent, LeaveReason},
        limits::{RESUMPTION_SECS, TICKET_SECS, UNREDEEMED_TICKETS_MAX},
        meeting::Caller,
    },
};

impl Room {
    pub(super) fn start(&mut self, cx: &mut Cx, start: Start) {
        let resumed = start
            .resumption
            .and_then(|token| self.access.resume(token, start.caller));
        let outcome = if start.breakout_room.is_some() {
            // No breakout is running: nobody can be sent into one of its rooms.
            StartOutcome::NoBreakoutRooms
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
            self.meeting = Some(Meeting::new(*facts));
            self.agenda
                .set(Due::Drop, cx.at.plus_secs(self.settings.meeting_grace_secs));
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

    pub(super) fn seat_taken(
        &mut self,
        cx: &mut Cx,
        id: ParticipantId,
        token: TokenHash,
        session: SessionNo,
    ) {
        let is_good = self
            .access
            .get(id)
            .is_some_and(|holder| holder.tokens.contains(&token));
        if !is_good || self.meeting.is_none() {
            // The id expired, its access was withdrawn or the meeting ended between ticket and socket: the client
            // starts anew.
            cx.close(session, CloseCode::Restart);
            return;
        }
        self.agenda.clear(Due::Expiry(id));
        if let Some(old) = self.access.sit(id, session, token) {
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
            }
        }
    }

    /// Everything of the meeting goes; only tokens are kept, and sockets that never joined begin the next one.
    fn drop_meeting(&mut self, cx: &mut Cx) {
        let Some(meeting) = self.meeting.take() else {
            return;
        };
        self.access.forget_acceptances();
        // Hidden participants keep no meeting alive: they go with it.
        let hidden = meeting.people.iter().filter(|(_, p)| p.is_present());
        for (id, _) in hidden {
            // Also a socket that was just taking over.
            if let Some(seat) = self.access.get(id).and_then(|holder| holder.seat) {
                cx.close(seat.session, CloseCode::Normal);
            }
            self.agenda.clear(Due::Timeout(id));
            self.forget(id);
        }
        if self.access.sessions().next().is_some() {
            self.meeting = Some(Meeting::new(meeting.facts));
            self.agenda
                .set(Due::Drop, cx.at.plus_secs(self.settings.meeting_grace_secs));
        }
    }

    /// The process that held the sockets is gone: whoever was there counts as lost from now.
    pub(super) fn restarted(&mut self, cx: &mut Cx) {
        // A number is never used twice, even when a tail of the log was lost with the machine.
        cx.event_seq = ((cx.event_seq >> 32) + 1) << 32;
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
    }

    /// REST deleted the room: everyone hears it, and nothing is left.
    pub(super) fn delete(&mut self, cx: &mut Cx) {
        let sessions: Vec<_> = self.access.sessions().map(|(session, _)| session).collect();
        let joined = |session| {
            self.access
                .of_session(session)
                .is_some_and(|(_, seat)| seat.joined)
        };
        let to = Receivers::Many {
            sessions: sessions
                .iter()
                .copied()
                .filter(|session| joined(*session))
                .collect(),
            except: None,
        };
        cx.send(to, &ControlEvent::RoomDeleted);
        for session in sessions {
            cx.close(session, CloseCode::Normal);
        }
        *self = Self {
            input_seq: self.input_seq,
            at: self.at,
            ..Self::new(self.id, self.settings.clone())
        };
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
