//! Taking a seat: `start`, tickets redeemed, sockets that end, tokens that expire.

use super::{
    Meeting, Place, Room,
    access::Seat,
    agenda::Due,
    effects::{Cx, Receivers},
    input::{Ending, SeatTaken, Start, StartOutcome},
    tickets::Grant,
};
use crate::{
    ids::{ParticipantId, SessionNo, Timestamp},
    protocol::{
        breakout::BreakoutEvent,
        codes::CloseCode,
        control::{ControlEvent, LeaveReason},
        limits::{REVIVAL_GRACE_SECS, TICKET_SECS, UNHEARD_SECS},
        meeting::{Caller, MeetingFacts},
        moderation::ModerationEvent,
    },
    task::Work,
};

impl Room {
    pub(super) fn start(&mut self, cx: &mut Cx, start: Start) {
        let resumed = start
            .resumption
            .and_then(|token| self.access.resume(token, start.caller));
        let meeting = self.meeting.as_ref();
        let breakout = meeting.and_then(|meeting| meeting.modules.breakout.running());
        let outcome = if meeting.is_some_and(|meeting| meeting.is_banned(start.caller, start.signed_in)) {
            StartOutcome::Banned
        } else if resumed.is_none() && start.identity.is_none() {
            // Before anything else is said of the meeting: who this is, nobody knows.
            StartOutcome::NeedsIdentity
        } else if start
            .breakout_room
            .is_some_and(|id| breakout.is_none_or(|breakout| !breakout.has(id)))
        {
            StartOutcome::NoBreakoutRooms
        } else if self.meeting.is_none() && start.facts.is_none() {
            StartOutcome::NeedsFacts
        } else {
            self.issue(cx, start, resumed)
        };
        cx.answer(outcome);
    }

    fn issue(&mut self, cx: &mut Cx, start: Start, resumed: Option<ParticipantId>) -> StartOutcome {
        if let (None, Some(facts)) = (&self.meeting, start.facts) {
            // What is left of the last meeting goes on: its rooms have other names outside.
            self.agenda.clear(Due::Tasks);
            self.begin_meeting(cx, *facts);
        }
        let id = match (resumed, start.identity) {
            (Some(id), _) => id,
            (None, Some(identity)) => {
                let id = ParticipantId(cx.new_id());
                if let Some(pushed_out) = self.access.add(id, start.caller, identity, start.origin) {
                    self.forget(pushed_out);
                }
                // Whoever shows the token that was taken from it is known again, and asks to be let in.
                if start
                    .resumption
                    .is_some_and(|token| self.access.is_void(token, cx.at))
                {
                    self.access.set_must_wait(id);
                }
                id
            }
            (None, None) => return StartOutcome::NeedsIdentity,
        };
        if start.resumption.is_some() && self.meeting.as_ref().is_some_and(|m| m.people.get(id).is_none()) {
            self.access.set_shows_past(id, true);
        }
        if let Some(user) = start.caller.user(start.signed_in) {
            self.access.set_signed_in(id, user);
        }
        self.access.add_token(id, start.token, cx.at);
        if let Some(ticket) = start.ticket {
            let grant = Grant {
                participant: id,
                token: start.token,
                breakout_room: start.breakout_room,
            };
            self.access.tickets.add(ticket, grant, start.caller, cx.at);
        }
        let Some(holder) = self.access.get(id) else {
            return StartOutcome::NeedsIdentity;
        };
        // An id that no socket ever took dies with its ticket; the tokens of any other when they would without.
        if holder.unredeemed {
            self.agenda.set(Due::Expiry(id), cx.at.plus_secs(TICKET_SECS));
        } else if !self.is_lost(id) {
            self.expire_later(cx, id);
        }
        StartOutcome::Issued(id)
    }

    pub(super) fn seat_taken(&mut self, cx: &mut Cx, taken: SeatTaken) {
        let (id, ticket, seat) = (taken.grant.participant, taken.ticket, Seat::from(taken));
        let is_good = ticket.is_none_or(|ticket| self.access.tickets.take(ticket));
        if self.meeting.is_none() {
            // The meeting ended between ticket and socket: the client starts anew.
            return cx.close(seat.session, CloseCode::Restart);
        }
        if !is_good {
            // Another socket was faster.
            return cx.close(seat.session, CloseCode::Normal);
        }
        let holder = self.access.get(id);
        if holder.is_none_or(|holder| !holder.tokens.contains(&seat.token)) {
            return self.refuse_seat(cx, id, seat);
        }
        self.agenda.clear(Due::Expiry(id));
        // The session that has the seat keeps it until this one joins.
        if let Some(oldest) = self.access.sit(id, seat) {
            cx.close(oldest, CloseCode::Normal);
        }
    }

    /// The token of a ticket counts no more when its socket comes.
    fn refuse_seat(&self, cx: &mut Cx, id: ParticipantId, seat: Seat) {
        if self.access.is_void(seat.token, cx.at) {
            cx.tell(seat.session, &ModerationEvent::Kicked);
            cx.close(seat.session, CloseCode::Normal);
        } else if self.access.get(id).is_some_and(|holder| holder.seat.is_some()) {
            // Another socket of the same participant was faster: this one must not come back by itself as somebody new.
            cx.close(seat.session, CloseCode::Normal);
        } else {
            // Its access was withdrawn, or the ticket is too old: the next `start` says which.
            cx.close(seat.session, CloseCode::Restart);
        }
    }

    pub(super) fn ended(&mut self, cx: &mut Cx, session: SessionNo, how: Ending) {
        let Some((id, seat)) = self.access.stand_up(session) else {
            return;
        };
        if self.place(id) == Place::Outside {
            self.expire_later(cx, id);
        } else if !seat.joined {
            // A socket that was to take over leaves its participant as it was.
        } else if how == Ending::Quit {
            self.leave(cx, id, LeaveReason::Quit);
        } else if self.settings.reconnect_grace_secs > 0 {
            self.lose(cx, id, cx.at);
        } else {
            self.leave(cx, id, LeaveReason::Timeout);
        }
    }

    /// Nobody is there for this participant any more, but it may come back within the grace time.
    fn lose(&mut self, cx: &mut Cx, id: ParticipantId, lost_at: Timestamp) {
        let Some(meeting) = &mut self.meeting else { return };
        if meeting
            .people
            .get(id)
            .is_none_or(|p| !p.is_present() || p.session.is_none())
        {
            return;
        }
        meeting.goes_away(id, lost_at, UNHEARD_SECS);
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

    /// Without a session, the tokens live on for two minutes: asking for others, or sockets that do not join, change nothing of
    /// that. Without tokens, nothing is left to keep.
    pub(super) fn expire_later(&mut self, cx: &Cx, id: ParticipantId) {
        let Some(holder) = self.access.get(id) else { return };
        if holder.has_socket() {
            return;
        }
        if holder.tokens.is_empty() {
            return self.forget(id);
        }
        let until = self.access.good_until(id, cx.at);
        if until <= cx.at {
            self.forget(id);
        } else {
            self.agenda.set(Due::Expiry(id), until);
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
                Due::Module(namespace, space, tag) => {
                    if let Some((modules, mut around)) = self.modules() {
                        modules.due(cx, &mut around, (namespace, space, tag));
                    }
                }
                Due::Tasks => self.tasks.give_up(cx),
            }
        }
    }

    fn begin_meeting(&mut self, cx: &Cx, facts: MeetingFacts) {
        self.meeting = Some(Meeting::new(facts, cx.at));
        self.agenda
            .set(Due::Drop, cx.at.plus_secs(self.settings.meeting_grace_secs));
    }

    /// Everything of the meeting goes; only tokens are kept. Sockets that have not joined come back to the next meeting,
    /// which begins with the facts of then.
    fn drop_meeting(&mut self, cx: &mut Cx) {
        self.agenda.end_meeting();
        self.after_meeting(cx);
        let Some(meeting) = self.meeting.take() else {
            return;
        };
        self.access.forget_acceptances();
        // Hidden participants keep no meeting alive: they go with it.
        let hidden = meeting.people.iter().filter(|(_, p)| p.is_present());
        for (id, participant) in hidden {
            let ended = ModerationEvent::SessionEnded { issued_by: id };
            cx.send_one(Some(participant.line), &ended);
            // Also a socket that was just taking over.
            for seat in self.access.get(id).iter().flat_map(|holder| holder.sockets()) {
                cx.close(seat.session, CloseCode::Normal);
            }
            self.forget(id);
        }
        for (session, id) in self.access.sessions().collect::<Vec<_>>() {
            self.access.stand_up(session);
            cx.close(session, CloseCode::Restart);
            self.expire_later(cx, id);
        }
    }

    /// The meeting ends for everybody: each hears it, also who waits or was blocked, and is sent out. Nothing of it is
    /// kept.
    fn end_meeting(&mut self, cx: &mut Cx, event: &ControlEvent<'_>) {
        let Some(meeting) = &self.meeting else { return };
        let present = meeting.people.iter().filter(|(_, p)| p.is_present());
        let (ids, mut lines): (Vec<_>, Vec<_>) = present.map(|(id, p)| (id, p.line)).unzip();
        let asked = self.access.iter().flat_map(|(_, holder)| &holder.pending);
        let asked: Vec<_> = asked.filter(|seat| seat.asked).map(|seat| seat.session).collect();
        lines.extend(&asked);
        cx.send(Receivers::from(lines), event);
        for session in asked {
            if let Some((id, _)) = self.access.stand_up(session) {
                cx.close(session, CloseCode::Normal);
                self.expire_later(cx, id);
            }
        }
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

    /// What modules still want done when the meeting is over; the room waits for that a while.
    fn after_meeting(&mut self, cx: &mut Cx) {
        let spaces = self.visited();
        if let Some((modules, mut around)) = self.modules() {
            modules.meeting_over(cx, &mut around, &spaces);
        }
        self.wait_for_tasks(cx);
    }

    /// Nobody is there but what is done outside.
    pub(super) fn wait_for_tasks(&mut self, cx: &Cx) {
        if let Some(longest) = self.tasks.iter().map(Work::secs_after_meeting).max() {
            self.agenda.set(Due::Tasks, cx.at.plus_secs(longest));
        }
    }

    /// The process that held the sockets is gone: whoever was there counts as lost from now.
    pub(super) fn restarted(&mut self, cx: &mut Cx) {
        cx.event_seq = self.ring.begin_epoch(cx.event_seq, cx.nonce());
        for id in self.access.all_away() {
            // They were lost with the process, however long ago that was.
            self.lose(cx, id, cx.before);
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
            // It is not their fault, and they all come at once.
            let grace_secs = self.settings.reconnect_grace_secs.max(REVIVAL_GRACE_SECS);
            self.agenda.set(Due::Timeout(id), cx.at.plus_secs(grace_secs));
        }
        self.ask_again_for_tasks(cx);
    }

    /// What stands between the room and these sockets is broken: it is not their fault, and they come back all at once.
    pub(super) fn edge_lost(&mut self, cx: &mut Cx, sessions: &[SessionNo]) {
        for session in sessions {
            let Some((id, seat)) = self.access.out_of_reach(*session) else {
                continue;
            };
            if self.place(id) == Place::Outside {
                self.expire_later(cx, id);
            } else if seat.joined {
                self.lose(cx, id, cx.at);
                let grace_secs = self.settings.reconnect_grace_secs.max(REVIVAL_GRACE_SECS);
                self.agenda.set(Due::Timeout(id), cx.at.plus_secs(grace_secs));
            }
        }
    }

    /// REST deleted the room: everyone hears it, and nothing is left.
    pub(super) fn delete(&mut self, cx: &mut Cx) {
        self.end_meeting(cx, &ControlEvent::RoomDeleted);
        // There is no room any more that a report could be kept with.
        self.tasks.cancel(cx, |work| matches!(work, Work::Report(_)));
        // Whoever had a token has nothing to come back to.
        *self = Self {
            input_seq: self.input_seq,
            at: self.at,
            ring: std::mem::take(&mut self.ring),
            agenda: std::mem::take(&mut self.agenda),
            tasks: std::mem::take(&mut self.tasks),
            ..Self::new(self.id, self.settings.clone())
        };
        self.agenda.keep_tasks_only();
    }

    /// Tokens of these callers are void. Who is inside or waits stays; a socket that has not joined comes back and is judged anew.
    pub(super) fn withdraw(&mut self, cx: &mut Cx, is_meant: impl Fn(Caller) -> bool) {
        let holders = self.access.iter();
        let meant = holders.filter(|(_, holder)| is_meant(holder.caller));
        for id in meant.map(|(id, _)| id).collect::<Vec<_>>() {
            let holder = self.access.get(id).filter(|holder| holder.seat.is_none());
            for seat in holder.map(|holder| holder.pending.clone()).unwrap_or_default() {
                self.access.stand_up(seat.session);
                cx.close(seat.session, CloseCode::Restart);
            }
        }
        for id in self.access.withdraw(is_meant) {
            // A lost participant stays listed until its grace time is over.
            if !self.is_lost(id) {
                self.forget(id);
            }
        }
    }
}
