//! Who comes in, and who must go: the waiting room, kicks and bans.

use std::collections::BTreeSet;

use super::{networks_of, tell_flag, traces_of};
use crate::{
    ids::ParticipantId,
    protocol::{
        codes::CloseCode,
        control::LeaveReason,
        meeting::{Caller, ParticipationKind},
        moderation::{ModerationCommand, ModerationError, ModerationEvent},
    },
    room::{
        Place, Room,
        access::Holder,
        agenda::Due,
        effects::{Cx, Receivers},
        roster::Participant,
        traces::Trace,
    },
};

impl Room {
    pub(in crate::room) fn moderate(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        command: ModerationCommand,
    ) -> Result<(), ModerationError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        if !meeting.people.is_moderator(who) {
            return Err(ModerationError::InsufficientPermissions);
        }
        match command {
            ModerationCommand::EnableWaitingRoom => self.enable_waiting_room(cx, Some(who)),
            ModerationCommand::DisableWaitingRoom => self.disable_waiting_room(cx, who),
            ModerationCommand::EnableRaiseHands => meeting.enable_raise_hands(cx, who),
            ModerationCommand::DisableRaiseHands => {
                let lowered = meeting.disable_raise_hands(cx, who);
                self.hands_changed(cx, &lowered);
            }
            ModerationCommand::ResetRaisedHands { target } => {
                let lowered = meeting.reset_raised_hands(cx, who, target.as_ref());
                self.hands_changed(cx, &lowered);
            }
            ModerationCommand::ChangeDisplayName { new_name, target } => {
                return meeting.change_display_name(cx, who, target, &new_name);
            }
            ModerationCommand::Accept { target } => self.accept(cx, target),
            ModerationCommand::Kick { target } => self.kick(cx, target),
            ModerationCommand::Ban { target } => return self.ban(cx, target),
            ModerationCommand::SendToWaitingRoom { target } => return self.send_to_waiting_room(cx, target),
            ModerationCommand::Debrief { kick_scope } => self.debrief(cx, who, kick_scope),
        }
        Ok(())
    }

    /// Turns the waiting room on. Whoever is inside, or is just moving, counts as accepted.
    pub(in crate::room) fn enable_waiting_room(&mut self, cx: &mut Cx, who: Option<ParticipantId>) {
        let Some(meeting) = &self.meeting else { return };
        if !meeting.modules.moderation.waiting_room {
            let people = meeting.people.iter();
            let inside = people.filter(|(id, p)| self.is_as_good_as_inside(*id, p, cx.at));
            for id in inside.map(|(id, _)| id).collect::<Vec<_>>() {
                self.access.set_accepted(id, true);
            }
        }
        if let Some(meeting) = &mut self.meeting {
            let changed = !std::mem::replace(&mut meeting.modules.moderation.waiting_room, true);
            tell_flag(
                cx,
                &mut meeting.people,
                changed,
                who,
                &ModerationEvent::WaitingRoomEnabled,
            );
        }
    }

    /// Turns the waiting room off: those who wait hear it too, and may come in.
    fn disable_waiting_room(&mut self, cx: &mut Cx, who: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let changed = std::mem::replace(&mut meeting.modules.moderation.waiting_room, false);
        tell_flag(
            cx,
            &mut meeting.people,
            changed,
            Some(who),
            &ModerationEvent::WaitingRoomDisabled,
        );
        let waiting = meeting.people.iter().filter(|(_, p)| p.place == Place::Waiting);
        let (ids, lines): (Vec<_>, Vec<_>) = waiting.map(|(id, p)| (id, p.line)).unzip();
        if changed {
            cx.send(Receivers::from(lines), &ModerationEvent::WaitingRoomDisabled);
        }
        for id in ids {
            self.accept(cx, id);
        }
    }

    /// Lets somebody in who waits. Of who is accepted already, nothing comes.
    pub(in crate::room) fn accept(&mut self, cx: &mut Cx, target: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let Some(participant) = meeting.people.get(target).filter(|p| p.place == Place::Waiting) else {
            return;
        };
        let line = participant.line;
        let Some(holder) = self.access.get(target).filter(|holder| !holder.accepted) else {
            return;
        };
        if let Some(user) = holder.user() {
            meeting.modules.moderation.sent_out.remove(&user);
        }
        self.access.set_accepted(target, true);
        cx.send_one(Some(line), &ModerationEvent::Accepted);
    }

    /// Somebody whom moderators see: inside, waiting, or gone a moment ago and free to come back as itself.
    fn seen(&self, target: ParticipantId) -> Option<&Participant> {
        let participant = self.meeting.as_ref()?.people.get(target)?;
        let is_seen = !participant.is_hidden() && (participant.is_present() || self.may_return(target));
        is_seen.then_some(participant)
    }

    /// Whether somebody who is gone has a token that is still good: between two sockets it is as if inside.
    fn may_return(&self, id: ParticipantId) -> bool {
        self.place(id) == Place::Outside && self.access.has_good_token(id)
    }

    fn kick(&mut self, cx: &mut Cx, target: ParticipantId) {
        if self.seen(target).is_some() {
            self.trace(cx, target, |trace| !matches!(trace, Trace::Network(_)));
            self.expel(cx, target, &ModerationEvent::Kicked, LeaveReason::Kicked);
        }
    }

    /// Remembers by what somebody who is removed would be known again.
    fn trace(&mut self, cx: &mut Cx, target: ParticipantId, is_kept: impl Fn(&Trace) -> bool) {
        let participant = self
            .meeting
            .as_ref()
            .and_then(|meeting| meeting.people.get(target));
        let (Some(participant), Some(holder)) = (participant, self.access.get(target)) else {
            return;
        };
        let mut traces = traces_of(holder, participant);
        traces.retain(is_kept);
        self.remember(cx, target, &traces);
    }

    /// Keeps by what somebody who is removed would be known again, for the case that it comes back into LiveKit without us.
    fn keep_traces(&mut self, target: ParticipantId) {
        let (Some(meeting), Some(holder)) = (&mut self.meeting, self.access.get(target)) else {
            return;
        };
        meeting.people.change(target, |p| {
            p.traces = traces_of(holder, p);
            p.traces.retain(|trace| !matches!(trace, Trace::Network(_)));
        });
    }

    /// Remembers traces of somebody. Others who look alike and are inside stay so wherever they go; those who are not are asked about
    /// again.
    pub(in crate::room) fn remember(&mut self, cx: &mut Cx, of: ParticipantId, traces: &[Trace]) {
        let Some(meeting) = &mut self.meeting else { return };
        for trace in traces {
            meeting.modules.moderation.traces.add(*trace, cx.at);
        }
        let access = &self.access;
        let looks_alike = |id: ParticipantId, p: &Participant| {
            let own = access.get(id).map(|holder| traces_of(holder, p));
            id != of && own.is_some_and(|own| own.iter().any(|trace| traces.contains(trace)))
        };
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (id, p) in meeting.people.iter().filter(|(id, p)| looks_alike(*id, p)) {
            let side = if p.place == Place::Inside {
                &mut inside
            } else {
                &mut outside
            };
            side.push(id);
        }
        for id in inside {
            self.access.set_accepted(id, true);
        }
        self.ask_again(cx, outside);
    }

    /// Who was accepted and has not come in is asked about again.
    pub(in crate::room) fn ask_again(&mut self, cx: &mut Cx, ids: Vec<ParticipantId>) {
        for id in ids {
            if self.access.get(id).is_none_or(|holder| !holder.accepted) {
                continue;
            }
            self.access.set_accepted(id, false);
            let waiting = self.meeting.as_ref().and_then(|meeting| meeting.people.get(id));
            if let Some(waiting) = waiting.filter(|p| p.place == Place::Waiting) {
                cx.send_one(Some(waiting.line), &ModerationEvent::InWaitingRoom);
            }
        }
    }

    fn ban(&mut self, cx: &mut Cx, target: ParticipantId) -> Result<(), ModerationError> {
        let Some(participant) = self.seen(target) else {
            return Ok(());
        };
        if participant.kind != ParticipationKind::User {
            return Err(ModerationError::CannotBanGuest);
        }
        if participant.is_room_owner {
            return Err(ModerationError::InsufficientPermissions);
        }
        let Some(caller @ Caller::User(user)) = self.access.get(target).map(|holder| holder.caller) else {
            return Ok(());
        };
        if let Some(meeting) = &mut self.meeting {
            meeting.modules.moderation.banned.insert(user);
        }
        // Also sessions that did not join yet, and ids whose tickets wait.
        for id in self.access.of_caller(caller) {
            // It must not come back by a link either.
            let known = self.meeting.as_ref().and_then(|m| m.people.get(id));
            let from = self.access.get(id).zip(known);
            let from = from.map_or_else(BTreeSet::new, |(holder, known)| networks_of(holder, known));
            for network in from {
                self.remember(cx, id, &[Trace::Network(network)]);
            }
            self.expel(cx, id, &ModerationEvent::Banned, LeaveReason::Banned);
        }
        Ok(())
    }

    /// A user, also as a guest who has said who it is, or all guests of an invite, are locked out: their participations end as by a kick,
    /// those too that did not join yet.
    pub(in crate::room) fn lock_out(&mut self, cx: &mut Cx, caller: Caller) {
        for id in self.access.of_caller(caller) {
            self.expel(cx, id, &ModerationEvent::Kicked, LeaveReason::Kicked);
        }
    }

    /// Tells a participant why, and removes it.
    fn expel(&mut self, cx: &mut Cx, id: ParticipantId, event: &ModerationEvent<'_>, reason: LeaveReason) {
        if let Some(meeting) = &self.meeting {
            cx.send_one(meeting.people.line(id), event);
        }
        // Sockets that are just taking over, or were blocked.
        let pending = self.access.get(id).map(|holder| holder.pending.clone());
        for seat in pending.unwrap_or_default() {
            cx.tell(seat.session, event);
        }
        self.remove(cx, id, reason);
    }

    /// Ends a participation for good: its tokens, its acceptance and a granted role are void, its sockets are closed.
    pub(in crate::room) fn remove(&mut self, cx: &mut Cx, id: ParticipantId, reason: LeaveReason) {
        if let Some(meeting) = &mut self.meeting {
            meeting
                .people
                .change(id, |p| (p.granted, p.hand_is_up) = (None, false));
        }
        for seat in self.access.get(id).iter().flat_map(|holder| holder.sockets()) {
            cx.close(seat.session, CloseCode::Normal);
        }
        self.agenda.clear(Due::Expiry(id));
        self.keep_traces(id);
        self.access.remove(id, cx.at);
        if self.place(id) != Place::Outside {
            self.leave(cx, id, reason);
        }
    }

    fn send_to_waiting_room(&mut self, cx: &mut Cx, target: ParticipantId) -> Result<(), ModerationError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        let Some(participant) = meeting.people.get(target).filter(|p| !p.is_hidden()) else {
            return Ok(());
        };
        if participant.is_room_owner {
            return Err(ModerationError::CannotSendRoomOwnerToWaitingRoom);
        }
        let is_inside = participant.place == Place::Inside;
        if !is_inside && !self.may_return(target) {
            return Ok(());
        }
        self.enable_waiting_room(cx, None);
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        if is_inside {
            cx.send_one(meeting.people.line(target), &ModerationEvent::SentToWaitingRoom);
        }
        if let Some(user) = self.access.get(target).and_then(Holder::user) {
            meeting.modules.moderation.sent_out.insert(user);
            let mut others = self.access.of_caller(Caller::User(user));
            others.retain(|id| *id != target && self.place(*id) != Place::Inside);
            self.ask_again(cx, others);
        }
        self.access.set_accepted(target, false);
        if is_inside {
            self.keep_traces(target);
            self.out_into_the_waiting_room(cx, target);
        }
        Ok(())
    }
}
