//! Namespace `moderation`: the waiting room, removing participants, names and raised hands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Meeting, Place, Room,
    access::Holder,
    agenda::Due,
    effects::{Cx, Receivers},
    missed::Changed,
    roster::{Participant, Shown},
    traces::{Trace, Traces},
};
use crate::{
    ids::{OriginHash, ParticipantId, Timestamp, UserId},
    protocol::{
        codes::CloseCode,
        control::LeaveReason,
        meeting::{Caller, ParticipationKind},
        moderation::{ModerationCommand, ModerationError, ModerationEvent},
        names::{DisplayName, Named},
    },
};

/// What moderators have decided for the whole meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moderation {
    pub waiting_room: bool,
    /// Whether newcomers by a link wait, whatever the flag above says.
    #[serde(default)]
    pub guests_wait: bool,
    pub raise_hands_enabled: bool,
    /// Who allowed or forbade raising hands last.
    #[serde(default)]
    pub raise_hands_switched: Option<Changed>,
    /// Users who may not come back.
    #[serde(default)]
    pub banned: BTreeSet<UserId>,
    /// Users whose role of a moderator was taken away.
    #[serde(default)]
    pub revoked: BTreeSet<UserId>,
    /// Users who were sent out to wait, until a moderator accepts them.
    #[serde(default)]
    pub sent_out: BTreeSet<UserId>,
    #[serde(default)]
    pub traces: Traces,
}

impl Moderation {
    pub fn new(waiting_room: bool) -> Self {
        Self {
            waiting_room,
            guests_wait: false,
            raise_hands_enabled: true,
            raise_hands_switched: None,
            banned: BTreeSet::new(),
            revoked: BTreeSet::new(),
            sent_out: BTreeSet::new(),
            traces: Traces::default(),
        }
    }

    pub(super) fn has_revoked(&self, caller: Caller) -> bool {
        matches!(caller, Caller::User(user) if self.revoked.contains(&user))
    }
}

/// Where a participant has come from, and where its sockets that have yet to join do.
fn networks_of(holder: &Holder, participant: &Participant) -> BTreeSet<OriginHash> {
    let pending = holder.sockets().filter_map(|seat| seat.origin);
    let pending = pending.map(|origin| origin.network);
    participant.networks.iter().copied().chain(pending).collect()
}

/// What a newcomer brings along of the traces that a kick leaves.
fn traces_of(holder: &Holder, participant: &Participant) -> Vec<Trace> {
    let mut traces = match (holder.caller, participant.number) {
        (Caller::Guest(code), _) => {
            let networks = networks_of(holder, participant).into_iter();
            let of_network = |network| [Trace::Guest(code, network), Trace::Network(network)];
            networks.flat_map(of_network).collect()
        }
        (Caller::Sip, Some(number)) => vec![Trace::Caller(number)],
        (Caller::User(_) | Caller::Sip | Caller::Recorder, _) => Vec::new(),
    };
    traces.extend(holder.user().map(Trace::User));
    traces
}

impl Meeting {
    /// Whether a newcomer whom nobody has accepted must wait. Callers wait where the room's lobby is on, and whoever comes by
    /// a link where the room says so, even if nobody else does; who was sent out, or looks like somebody who was kicked, whatever the flag says. A moderator does so
    /// only while another one is there to let it in.
    pub(super) fn must_wait(&self, holder: &Holder, newcomer: &Participant, now: Timestamp) -> bool {
        if newcomer.is_hidden() || newcomer.is_room_owner || !self.has_moderation() {
            return false;
        }
        let user = holder.user();
        let was_sent_out = user.is_some_and(|user| self.moderation.sent_out.contains(&user));
        let is_known = self
            .moderation
            .traces
            .match_any(&traces_of(holder, newcomer), now);
        if newcomer.is_moderator() {
            let is_led = || {
                let inside = self.people.iter().filter(|(_, p)| p.place == Place::Inside);
                inside.into_iter().any(|(_, p)| p.is_moderator())
            };
            return (holder.must_wait || was_sent_out || is_known) && is_led();
        }
        let lobby = newcomer.kind == ParticipationKind::Sip && self.facts.sip_lobby;
        let by_link = matches!(holder.caller, Caller::Guest(_)) && self.moderation.guests_wait;
        self.moderation.waiting_room || lobby || by_link || holder.must_wait || was_sent_out || is_known
    }

    pub(super) fn has_moderation(&self) -> bool {
        self.facts.tariff.has_module("moderation")
    }

    /// Whether the caller, or the user whom a guest is signed in as, is banned.
    pub(super) fn is_banned(&self, caller: Caller, signed_in: Option<UserId>) -> bool {
        let user = caller.user(signed_in);
        user.is_some_and(|user| self.moderation.banned.contains(&user))
    }

    /// Shows those who wait to somebody who may let them in.
    pub(super) fn show_waiting(&self, cx: &mut Cx, to: ParticipantId) {
        let waiting = self.people.iter().filter(|(_, p)| p.place == Place::Waiting);
        for (id, participant) in waiting {
            let entry = participant.waiting_entry(id);
            self.people
                .show_one(cx, to, participant, &entry, Shown::JoinedWaitingRoom);
        }
    }
}

impl Room {
    pub(super) fn moderate(
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
            ModerationCommand::EnableRaiseHands => meeting.set_raise_hands(cx, who, true),
            ModerationCommand::DisableRaiseHands => meeting.set_raise_hands(cx, who, false),
            ModerationCommand::ResetRaisedHands { target } => {
                meeting.reset_raised_hands(cx, who, target.as_ref());
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
    pub(super) fn enable_waiting_room(&mut self, cx: &mut Cx, who: Option<ParticipantId>) {
        let Some(meeting) = &self.meeting else { return };
        if !meeting.moderation.waiting_room {
            let people = meeting.people.iter();
            let inside = people.filter(|(id, p)| self.is_as_good_as_inside(*id, p, cx.at));
            for id in inside.map(|(id, _)| id).collect::<Vec<_>>() {
                self.access.set_accepted(id, true);
            }
        }
        if let Some(meeting) = &mut self.meeting {
            let changed = !std::mem::replace(&mut meeting.moderation.waiting_room, true);
            meeting.tell_flag(cx, changed, who, &ModerationEvent::WaitingRoomEnabled);
        }
    }

    /// Turns the waiting room off: those who wait hear it too, and may come in.
    fn disable_waiting_room(&mut self, cx: &mut Cx, who: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let changed = std::mem::replace(&mut meeting.moderation.waiting_room, false);
        meeting.tell_flag(cx, changed, Some(who), &ModerationEvent::WaitingRoomDisabled);
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
    pub(super) fn accept(&mut self, cx: &mut Cx, target: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let Some(participant) = meeting.people.get(target).filter(|p| p.place == Place::Waiting) else {
            return;
        };
        let line = participant.line;
        let Some(holder) = self.access.get(target).filter(|holder| !holder.accepted) else {
            return;
        };
        if let Some(user) = holder.user() {
            meeting.moderation.sent_out.remove(&user);
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

    /// Remembers traces of somebody. Others who look alike and are inside stay so wherever they go; those who are not are asked about
    /// again.
    fn remember(&mut self, cx: &mut Cx, of: ParticipantId, traces: &[Trace]) {
        let Some(meeting) = &mut self.meeting else { return };
        for trace in traces {
            meeting.moderation.traces.add(*trace, cx.at);
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
    pub(super) fn ask_again(&mut self, cx: &mut Cx, ids: Vec<ParticipantId>) {
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
            meeting.moderation.banned.insert(user);
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
    pub(super) fn lock_out(&mut self, cx: &mut Cx, caller: Caller) {
        for id in self.access.of_caller(caller) {
            self.expel(cx, id, &ModerationEvent::Kicked, LeaveReason::Kicked);
        }
    }

    /// Tells a participant why, and removes it.
    fn expel(&mut self, cx: &mut Cx, id: ParticipantId, word: &ModerationEvent<'_>, reason: LeaveReason) {
        if let Some(meeting) = &self.meeting {
            cx.send_one(meeting.people.line(id), word);
        }
        // Sockets that are just taking over, or were blocked.
        let pending = self.access.get(id).map(|holder| holder.pending.clone());
        for seat in pending.unwrap_or_default() {
            cx.tell(seat.session, word);
        }
        self.remove(cx, id, reason);
    }

    /// Ends a participation for good: its tokens, its acceptance and a granted role are void, its sockets are closed.
    pub(super) fn remove(&mut self, cx: &mut Cx, id: ParticipantId, reason: LeaveReason) {
        if let Some(meeting) = &mut self.meeting {
            meeting
                .people
                .change(id, |p| (p.granted, p.hand_is_up) = (None, false));
        }
        for seat in self.access.get(id).iter().flat_map(|holder| holder.sockets()) {
            cx.close(seat.session, CloseCode::Normal);
        }
        self.agenda.clear(Due::Expiry(id));
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
            meeting.moderation.sent_out.insert(user);
            let mut others = self.access.of_caller(Caller::User(user));
            others.retain(|id| *id != target && self.place(*id) != Place::Inside);
            self.ask_again(cx, others);
        }
        self.access.set_accepted(target, false);
        if is_inside {
            self.out_into_the_waiting_room(cx, target);
        }
        Ok(())
    }
}

impl Meeting {
    /// A flag was set: everybody hears it, or only the sender where nothing changed.
    pub(super) fn tell_flag(
        &mut self,
        cx: &mut Cx,
        changed: bool,
        who: Option<ParticipantId>,
        event: &impl crate::protocol::Event,
    ) {
        if changed {
            cx.send(self.people.all(), event);
        } else {
            cx.send_one(who.and_then(|who| self.people.line(who)), event);
        }
    }

    fn set_raise_hands(&mut self, cx: &mut Cx, who: ParticipantId, enabled: bool) {
        let changed = std::mem::replace(&mut self.moderation.raise_hands_enabled, enabled) != enabled;
        self.moderation.raise_hands_switched = Some(Changed { by: who, at: cx.at });
        let event = if enabled {
            ModerationEvent::RaiseHandsEnabled { issued_by: who }
        } else {
            ModerationEvent::RaiseHandsDisabled { issued_by: who }
        };
        self.tell_flag(cx, changed, Some(who), &event);
        if !enabled {
            self.lower_hands(cx, who, None, None);
        }
    }

    fn reset_raised_hands(&mut self, cx: &mut Cx, who: ParticipantId, target: Option<&Named>) {
        let event = ModerationEvent::RaisedHandResetByModerator { issued_by: who };
        self.lower_hands(cx, who, target, Some(&event));
    }

    /// Lowers raised hands, also those of participants who are away, and tells those whom it concerns.
    fn lower_hands(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        of: Option<&Named>,
        word: Option<&ModerationEvent<'_>>,
    ) {
        let is_meant = |id| of.is_none_or(|named| named.contains(id));
        let up = self.people.iter().filter(|(id, p)| p.hand_is_up && is_meant(*id));
        for id in up.map(|(id, _)| id).collect::<Vec<_>>() {
            self.people.change(id, |p| {
                (p.hand_is_up, p.hand_updated_at) = (false, cx.at);
                p.hand_lowered = Some(Changed { by: who, at: cx.at });
            });
            let Some(line) = self.line_inside(id) else {
                continue;
            };
            if let Some(word) = word {
                cx.send_one(Some(line), word);
            }
            self.tell_update(cx, id);
        }
    }

    fn change_display_name(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        target: ParticipantId,
        new_name: &str,
    ) -> Result<(), ModerationError> {
        let new_name = DisplayName::parse(new_name).map_err(|_| ModerationError::InvalidDisplayName)?;
        let Some(participant) = self
            .people
            .get(target)
            .filter(|p| p.is_present() && !p.is_hidden())
        else {
            return Ok(());
        };
        if participant.kind == ParticipationKind::User {
            return Err(ModerationError::CannotChangeNameOfRegisteredUsers);
        }
        let old_name = participant.display_name.clone();
        self.people.change(target, |p| {
            let changed = Changed { by: who, at: cx.at };
            p.renamed = Some(Box::new((
                changed,
                std::mem::replace(&mut p.display_name, new_name.clone()),
            )));
        });
        let event = ModerationEvent::DisplayNameChanged {
            target,
            issued_by: who,
            old_name: &old_name,
            new_name: &new_name,
        };
        cx.send(self.people.all(), &event);
        if self.line_inside(target).is_none() {
            cx.send_one(self.people.line(target), &event);
        }
        self.tell_update(cx, target);
        Ok(())
    }
}
