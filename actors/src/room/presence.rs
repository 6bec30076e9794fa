//! Coming and going as the others see it.

use super::{
    Meeting, Place, Room,
    access::{Holder, Seat},
    agenda::Due,
    effects::{Cx, Effect},
    roster::{Circle, Participant, Shown},
};
use crate::{
    encoding::EncodeError,
    ids::{OriginHash, ParticipantId, SessionNo, Space, Timestamp},
    protocol::{
        codes::CloseCode,
        control::{ControlError, ControlEvent, JoinBlockedReason, LeaveReason},
        limits::{SEAT_KEPT_SECS, TICKET_SECS, UNHEARD_AT_CLOSE_SECS, UNHEARD_SECS},
        meeting::{Caller, Identity, ParticipationKind, Role},
        moderation::ModerationEvent,
        names::DisplayName,
    },
};

impl Room {
    /// `control/join`: into the meeting, into the waiting room, or back to where a lost participant was.
    pub(super) fn join(
        &mut self,
        cx: &mut Cx,
        id: ParticipantId,
        seat: Seat,
        name: Option<&str>,
        number: Option<OriginHash>,
    ) -> Result<(), ControlError> {
        if seat.joined {
            return Err(ControlError::AlreadyJoined);
        }
        let (Some(holder), Some(meeting)) = (self.access.get(id), &self.meeting) else {
            return Ok(());
        };
        if meeting.destination(seat.space) != seat.space {
            // The breakout room ended between ticket and join: the client asks where to go now.
            self.access.stand_up(seat.session);
            cx.close(seat.session, CloseCode::Restart);
            if self.place(id) == Place::Outside {
                self.expire_later(cx, id);
            }
            return Ok(());
        }
        let known = meeting.people.get(id).filter(|p| p.is_present());
        let is_back = known.is_some();
        match known {
            None => {
                let mut newcomer = meeting.newcomer(id, holder, name, seat.session, cx)?;
                newcomer.comes_from(seat.origin);
                newcomer.number = number;
                let must_wait = !holder.accepted && meeting.must_wait(holder, &newcomer, cx.at);
                if let Some(reason) = self.blocks(id, &newcomer, must_wait, cx.at) {
                    cx.tell(seat.session, &ControlEvent::JoinBlocked(reason));
                    return Ok(());
                }
                Self::not_resumed(cx, seat);
                self.let_in(cx, id, seat, newcomer, must_wait);
            }
            Some(known) if known.place == Place::Waiting => {
                let (line, accepted) = (known.line, holder.accepted);
                Self::not_resumed(cx, seat);
                self.bind(cx, id, seat.session, line);
                cx.push(Effect::NamespacesClosed(line));
                cx.send_one(Some(line), &ModerationEvent::InWaitingRoom);
                if accepted {
                    cx.send_one(Some(line), &ModerationEvent::Accepted);
                }
            }
            Some(known) => {
                let (line, here) = (known.line, known.space);
                if let Some(meeting) = &mut self.meeting {
                    // Also one that did not lose its connection: the new one may be of a client that has.
                    meeting.goes_away(id, cx.at, UNHEARD_SECS);
                }
                if here == seat.space {
                    self.resume(cx, id, seat, line);
                } else {
                    Self::not_resumed(cx, seat);
                    self.bind(cx, id, seat.session, seat.session);
                    self.step_out(cx, id, here, LeaveReason::Quit);
                    self.enter(cx, id, seat.space);
                }
            }
        }
        if let Some(meeting) = self.meeting.as_mut().filter(|_| is_back) {
            // Maybe from elsewhere.
            meeting.people.change(id, |p| p.comes_from(seat.origin));
        }
        self.keep_or_drop_later(cx);
        Ok(())
    }

    /// The session takes part from now on; what is sent to the line reaches it. The sockets that the participant had
    /// before are closed.
    fn bind(&mut self, cx: &mut Cx, id: ParticipantId, session: SessionNo, line: SessionNo) {
        for other in self.access.joined(id, session) {
            cx.close(other, CloseCode::Normal);
        }
        self.agenda.clear(Due::Timeout(id));
        let Some(meeting) = &mut self.meeting else { return };
        meeting.people.set_session(id, Some(session));
        if meeting.people.get(id).is_some_and(|p| p.line != line) {
            meeting.people.change(id, |p| p.line = line);
        }
        if session != line {
            cx.push(Effect::Bound { session, line });
        }
    }

    /// Back in time: with the events that were missed where the client asks for them, else with `join_success`.
    fn resume(&mut self, cx: &mut Cx, id: ParticipantId, seat: Seat, line: SessionNo) {
        let newest = cx.event_seq;
        let whole_since = self
            .meeting
            .as_ref()
            .and_then(|m| m.people.get(id))
            .map_or(u64::MAX, |p| p.whole_since);
        let is_kept = |from: &u64| *from >= whole_since && self.ring.reaches(*from, newest);
        if let Some(from) = seat.resume_from.filter(is_kept) {
            self.bind(cx, id, seat.session, line);
            if let Some(meeting) = &mut self.meeting {
                // What it missed, it gets as it was sent.
                meeting.is_back(id, cx.at);
                meeting.modules.went_on(id);
            }
            cx.push(Effect::NamespacesOpened(line, self.namespaces(id)));
            let resumed = crate::protocol::encode(&ControlEvent::Resumed { from }, cx.at, None)
                .unwrap_or_else(EncodeError::undo);
            let missed = if cx.replays {
                Vec::new()
            } else {
                self.ring.after(from, line)
            };
            cx.push(Effect::Resume {
                line,
                from,
                resumed,
                missed,
            });
        } else {
            Self::not_resumed(cx, seat);
            self.bind(cx, id, seat.session, line);
            cx.push(Effect::NamespacesOpened(line, self.namespaces(id)));
            self.send_join_success(cx, id);
            self.tell_beside_join_success(cx, id);
            if let Some((modules, mut around)) = self.modules() {
                modules.came_back(cx, &mut around, id);
            }
        }
    }

    /// A client that asked to go on from a number hears that it starts anew.
    fn not_resumed(cx: &mut Cx, seat: Seat) {
        if seat.resume_from.is_some() {
            cx.tell(seat.session, &ControlEvent::NotResumed);
        }
    }

    fn let_in(&mut self, cx: &mut Cx, id: ParticipantId, seat: Seat, newcomer: Participant, must_wait: bool) {
        let Some(meeting) = &mut self.meeting else { return };
        meeting.people.insert(id, newcomer);
        self.bind(cx, id, seat.session, seat.session);
        if must_wait {
            self.wait(cx, id);
        } else {
            self.enter(cx, id, seat.space);
        }
    }

    fn seat(&self, id: ParticipantId) -> Option<Seat> {
        self.access.get(id)?.seat
    }

    fn wait(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let arrived = meeting.people.change(id, |p| {
            (p.place, p.arrived_at) = (Place::Waiting, cx.at);
            (p.line, p.waiting_entry(id))
        });
        if let Some((line, entry)) = arrived {
            cx.push(Effect::NamespacesClosed(line));
            cx.send_one(Some(line), &ModerationEvent::InWaitingRoom);
            meeting
                .people
                .show(cx, Circle::All, id, &entry, Shown::JoinedWaitingRoom);
        }
    }

    /// A moderator sends somebody out to wait: the socket stays.
    pub(super) fn out_into_the_waiting_room(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let space = meeting.people.space(id);
        meeting.goes_away(id, cx.at, UNHEARD_SECS);
        meeting.people.change(id, |p| p.hand_is_up = false);
        // The target hears of its own change first: the others' events are not for it any more.
        self.step_out(cx, id, space, LeaveReason::SentToWaitingRoom);
        self.wait(cx, id);
    }

    pub(super) fn enter_room(
        &mut self,
        cx: &mut Cx,
        id: ParticipantId,
        place: Option<Place>,
    ) -> Result<(), ControlError> {
        let holder = self.access.get(id).filter(|holder| holder.accepted);
        let caller = holder.map(|holder| holder.caller);
        let Some(caller) = caller.filter(|_| place == Some(Place::Waiting)) else {
            return Err(ControlError::NotAcceptedOrNotInWaitingRoom);
        };
        let asked = self.seat(id).map_or(Space::MAIN, |seat| seat.space);
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        let space = meeting.destination(asked);
        cx.send(meeting.people.all(), &ModerationEvent::LeftWaitingRoom { id });
        // Of what was revoked meanwhile in another tab nobody who waits is told.
        if meeting.modules.moderation.has_revoked(caller) {
            meeting.people.change(id, Participant::lose_revoked_role);
        }
        self.enter(cx, id, space);
        Ok(())
    }

    /// Into one of the meeting's rooms: `join_success`, then the others hear of it.
    fn enter(&mut self, cx: &mut Cx, id: ParticipantId, space: Space) {
        self.make_room_for_recorder(cx, id, space);
        let Some(meeting) = &mut self.meeting else { return };
        let entered = meeting.people.change(id, |p| {
            if !p.hand_is_up {
                p.hand_updated_at = cx.at;
            }
            p.arrived_at = cx.at;
            p.enter(space, cx.at);
            (p.line, p.is_hidden())
        });
        let Some((line, hidden)) = entered else { return };
        if let Some(secs) = meeting.facts.tariff.seconds_max()
            && !hidden
            && meeting.closes_at.is_none()
        {
            let closes_at = cx.at.plus_secs(secs);
            meeting.closes_at = Some(closes_at);
            self.agenda.set(Due::TimeLimit, closes_at);
        }
        cx.push(Effect::NamespacesOpened(line, self.namespaces(id)));
        self.send_join_success(cx, id);
        self.tell_beside_join_success(cx, id);
        let Some(meeting) = &mut self.meeting else { return };
        if !hidden && let Some(entry) = meeting.entry(id, space) {
            meeting
                .people
                .show(cx, Circle::In(space), id, &entry, Shown::Joined);
        }
        if let Some((modules, mut around)) = self.modules() {
            modules.joined(cx, &mut around, id);
        }
    }

    /// Out of the room that it is in: those there hear why, those in other rooms that. That its client goes away was noted
    /// before ([`Meeting::goes_away`]).
    fn step_out(&mut self, cx: &mut Cx, id: ParticipantId, space: Space, reason: LeaveReason) {
        let Some(meeting) = &mut self.meeting else { return };
        let hidden = meeting.people.get(id).is_some_and(Participant::is_hidden);
        meeting.people.change(id, |p| {
            p.exit(cx.at);
            (p.place, p.left_at) = (Place::Outside, Some(cx.at));
        });
        if !hidden {
            let to = meeting.people.circle(Circle::In(space));
            cx.send(to, &ControlEvent::Left { id, reason });
        }
        if let Some((modules, mut around)) = self.modules() {
            modules.left(cx, &mut around, (id, space, reason));
        }
    }

    /// The participation ends; the others hear why. The id and its tokens live on until they expire.
    pub(super) fn leave(&mut self, cx: &mut Cx, id: ParticipantId, reason: LeaveReason) {
        self.agenda.clear(Due::Timeout(id));
        let place = self.place(id);
        let is_moving = self
            .access
            .get(id)
            .is_some_and(|holder| holder.has_fresh_ticket(cx.at));
        if let Some(meeting) = &mut self.meeting {
            let has_closed = reason == LeaveReason::Quit;
            let unheard_secs = if has_closed {
                UNHEARD_AT_CLOSE_SECS
            } else {
                UNHEARD_SECS
            };
            meeting.goes_away(id, cx.at, unheard_secs);
            if has_closed {
                // Whoever goes takes the hand down; a lost connection and a move do not.
                meeting.people.change(id, |p| {
                    (p.quit_at, p.hand_is_up) = (Some(cx.at), p.hand_is_up && is_moving);
                });
            }
        }
        if place == Place::Inside {
            let space = self.meeting.as_ref().map_or(Space::MAIN, |m| m.people.space(id));
            self.step_out(cx, id, space, reason);
        }
        if let Some(meeting) = &mut self.meeting {
            meeting.people.change(id, |p| {
                p.has_waited |= p.place == Place::Waiting;
                (p.place, p.session) = (Place::Outside, None);
                p.left_at.get_or_insert(cx.at);
            });
            if place == Place::Waiting {
                cx.send(meeting.people.all(), &ModerationEvent::LeftWaitingRoom { id });
            }
            meeting.trim_departed();
        }
        self.expire_later(cx, id);
        self.keep_or_drop_later(cx);
    }

    /// An empty meeting is dropped after the grace period.
    fn keep_or_drop_later(&mut self, cx: &Cx) {
        let Some(meeting) = &self.meeting else { return };
        if meeting.people.anybody_present() {
            self.agenda.clear(Due::Drop);
        } else if self.agenda.get(Due::Drop).is_none() {
            self.agenda
                .set(Due::Drop, cx.at.plus_secs(self.settings.meeting_grace_secs));
        }
    }
}

impl Meeting {
    /// Forgets the oldest who have left and are too many.
    fn trim_departed(&mut self) {
        let Self { people, modules, .. } = self;
        for forgotten in people.trim_departed(|id| modules.names(id)) {
            modules.forgotten(forgotten);
        }
    }

    /// Somebody comes in, for the first time or again.
    fn newcomer(
        &self,
        id: ParticipantId,
        Holder { caller, identity, .. }: &Holder,
        name: Option<&str>,
        session: SessionNo,
        cx: &Cx,
    ) -> Result<Participant, ControlError> {
        let display_name = identity.join_name(name, self.facts.custom_display_names)?;
        let mut newcomer = Participant::new(identity, display_name, session, cx.at);
        if let Some(before) = self.people.get(id) {
            newcomer.remember(before);
        }
        if self.modules.moderation.has_revoked(*caller) {
            newcomer.lose_revoked_role();
        }
        Ok(newcomer)
    }
}

impl Room {
    /// Why a newcomer can't come in now: the tariff has no place left, or too many wait already. The first moderator gets
    /// in even where the meeting is full, and whoever has just gone keeps its place for a moment.
    fn blocks(
        &self,
        id: ParticipantId,
        newcomer: &Participant,
        must_wait: bool,
        now: Timestamp,
    ) -> Option<JoinBlockedReason> {
        let meeting = self.meeting.as_ref()?;
        if newcomer.is_hidden() {
            return None;
        }
        let is_full = meeting.facts.tariff.participants_max().is_some_and(|max| {
            let seen = || meeting.people.iter().filter(|(_, p)| !p.is_hidden());
            let present = || seen().filter(|(_, p)| p.is_present());
            let is_first_moderator = newcomer.is_moderator() && !present().any(|(_, p)| p.is_moderator());
            let kept = || seen().filter(|(id, p)| self.keeps_place(*id, p, now));
            let keeps_place = kept().any(|(other, _)| other == id);
            !is_first_moderator && !keeps_place && (present().count() + kept().count()) as u64 >= max
        });
        (is_full || must_wait && self.too_many_wait(id, newcomer))
            .then_some(JoinBlockedReason::ParticipantLimitReached)
    }

    /// Somebody who moves to another room of the meeting, or has closed with a good token a moment ago. Who has only waited, and whom nobody
    /// let in, has none to keep.
    pub(super) fn keeps_place(&self, id: ParticipantId, participant: &Participant, now: Timestamp) -> bool {
        let Some(holder) = self.access.get(id) else {
            return false;
        };
        let gone = participant.quit_at.map(|quit| quit.plus_secs(SEAT_KEPT_SECS));
        // Whoever asks for one ticket after the other and never comes does not keep a place that others wait for.
        let away = participant
            .left_at
            .map(|left| left.plus_secs(SEAT_KEPT_SECS + TICKET_SECS));
        participant.place == Place::Outside
            && (holder.accepted || !participant.has_waited)
            && !holder.tokens.is_empty()
            && (gone.is_some_and(|until| until > now)
                || holder.has_fresh_ticket(now) && away.is_some_and(|until| until > now))
    }

    /// Whether somebody counts as accepted when others begin to wait: who is inside, moves to another room, or was inside a
    /// moment ago. Not who came from the waiting room, nor who would have to wait before: nobody has let them in.
    pub(super) fn is_as_good_as_inside(
        &self,
        id: ParticipantId,
        participant: &Participant,
        now: Timestamp,
    ) -> bool {
        let (Some(meeting), Some(holder)) = (&self.meeting, self.access.get(id)) else {
            return false;
        };
        participant.place == Place::Inside
            || !participant.has_waited
                && self.keeps_place(id, participant, now)
                && (holder.accepted || !meeting.must_wait(holder, participant, now))
    }

    /// Whether the waiting room is full: as a whole, for guests of one link, or for these from one network. A link that others
    /// have filled is open to the first few of every network.
    fn too_many_wait(&self, id: ParticipantId, newcomer: &Participant) -> bool {
        let (Some(meeting), Some(origin)) = (&self.meeting, newcomer.origin.filter(|origin| origin.counted))
        else {
            return false;
        };
        let caller = |id| self.access.get(id).map(|holder| holder.caller);
        let own = caller(id);
        let (mut all, mut by_code, mut from_network) = (0, 0, 0);
        for (other, waiting) in meeting.people.iter().filter(|(_, p)| p.place == Place::Waiting) {
            all += 1;
            if matches!(own, Some(Caller::Guest(_))) && caller(other) == own {
                by_code += 1;
                from_network += usize::from(
                    waiting
                        .origin
                        .is_some_and(|other| other.network == origin.network),
                );
            }
        }
        all >= self.settings.waiting_max
            || by_code >= self.settings.waiting_per_code_max
                && from_network >= self.settings.waiting_per_network_kept
            || from_network >= self.settings.waiting_per_network_max
    }
}

impl Identity {
    /// The name of a newcomer (signaling semantics, section 2).
    fn join_name(&self, given: Option<&str>, custom_allowed: bool) -> Result<DisplayName, ControlError> {
        match (&self.profile_name, given) {
            (Some(profile), None) => Ok(profile.clone()),
            (Some(profile), Some(_)) if !custom_allowed => Ok(profile.clone()),
            (profile, Some(given)) => {
                let fallback = || profile.clone().unwrap_or_else(|| self.kind.nameless());
                DisplayName::joined(given, fallback).map_err(|_| ControlError::InvalidUsername)
            }
            (None, None) if self.kind == ParticipationKind::Recorder => Ok(self.kind.nameless()),
            (None, None) => Err(ControlError::InvalidUsername),
        }
    }

    /// The role that remains when a granted one is taken away.
    #[must_use]
    pub(super) fn plain_role(kind: ParticipationKind) -> Role {
        if kind == ParticipationKind::User {
            Role::User
        } else {
            Role::Guest
        }
    }
}
