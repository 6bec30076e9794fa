//! Namespace `moderation`: the waiting room, removing participants, names and raised hands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Meeting, Place, Room,
    effects::{Cx, Receivers},
    roster::Participant,
};
use crate::{
    ids::{ParticipantId, UserId},
    protocol::{
        codes::CloseCode,
        control::LeaveReason,
        meeting::{Caller, ParticipationKind, Role},
        moderation::{KickScope, ModerationCommand, ModerationError, ModerationEvent},
        names::{DisplayName, Named},
    },
};

/// What moderators have decided for the whole meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moderation {
    pub waiting_room: bool,
    pub raise_hands_enabled: bool,
    /// Users who may not come back.
    #[serde(default)]
    pub banned: BTreeSet<UserId>,
}

impl Moderation {
    pub fn new(waiting_room: bool) -> Self {
        Self {
            waiting_room,
            raise_hands_enabled: true,
            banned: BTreeSet::new(),
        }
    }
}

impl Meeting {
    /// Callers wait where the room's lobby is on, even if nobody else does.
    pub(super) fn must_wait(&self, newcomer: &Participant) -> bool {
        let lobby = newcomer.kind == ParticipationKind::Sip && self.facts.sip_lobby;
        (self.moderation.waiting_room || lobby) && !newcomer.is_moderator() && !newcomer.is_hidden()
    }

    pub(super) fn is_banned(&self, caller: Caller) -> bool {
        matches!(caller, Caller::User(user) if self.moderation.banned.contains(&user))
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
            ModerationCommand::EnableWaitingRoom => meeting.set_waiting_room(cx, Some(who), true),
            ModerationCommand::DisableWaitingRoom => meeting.set_waiting_room(cx, Some(who), false),
            ModerationCommand::EnableRaiseHands => meeting.set_raise_hands(cx, who, true),
            ModerationCommand::DisableRaiseHands => meeting.set_raise_hands(cx, who, false),
            ModerationCommand::ResetRaisedHands { target } => {
                meeting.reset_raised_hands(cx, who, target.as_ref());
            }
            ModerationCommand::ChangeDisplayName { new_name, target } => {
                return meeting.change_display_name(cx, who, target, &new_name);
            }
            ModerationCommand::Accept { target } => self.accept(cx, who, target),
            ModerationCommand::Kick { target } => self.kick(cx, target),
            ModerationCommand::Ban { target } => return self.ban(cx, target),
            ModerationCommand::SendToWaitingRoom { target } => return self.send_to_waiting_room(cx, target),
            ModerationCommand::Debrief { kick_scope } => self.debrief(cx, who, kick_scope),
        }
        Ok(())
    }

    fn accept(&mut self, cx: &mut Cx, who: ParticipantId, target: ParticipantId) {
        let Some(meeting) = &self.meeting else { return };
        if meeting
            .people
            .get(target)
            .is_none_or(|p| p.place != Place::Waiting)
        {
            return;
        }
        let again = self.access.get(target).is_some_and(|holder| holder.accepted);
        self.access.set_accepted(target, true);
        // Saying again what is already so is answered to the sender only.
        let line = meeting.people.line(if again { who } else { target });
        cx.send_one(line, &ModerationEvent::Accepted);
    }

    /// Somebody whom moderators see, inside or waiting.
    fn seen(&self, target: ParticipantId) -> Option<&Participant> {
        let participant = self.meeting.as_ref()?.people.get(target)?;
        (participant.is_present() && !participant.is_hidden()).then_some(participant)
    }

    fn kick(&mut self, cx: &mut Cx, target: ParticipantId) {
        if self.seen(target).is_some() {
            self.expel(cx, target, &ModerationEvent::Kicked, LeaveReason::Kicked);
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
            self.expel(cx, id, &ModerationEvent::Banned, LeaveReason::Banned);
        }
        Ok(())
    }

    /// An operator has locked a user out: all its participations end as by a kick, those too that did not join yet.
    pub(super) fn lock_out(&mut self, cx: &mut Cx, user: UserId) {
        for id in self.access.of_caller(Caller::User(user)) {
            let unjoined = self.access.get(id).and_then(|holder| holder.seat);
            // Such a socket has no line of a participant yet; closed without a word, the web client would wait for ever.
            if let Some(seat) = unjoined.filter(|seat| !seat.joined) {
                cx.send_one(Some(seat.session), &ModerationEvent::Kicked);
            }
            self.expel(cx, id, &ModerationEvent::Kicked, LeaveReason::Kicked);
        }
    }

    /// Tells a participant why, and removes it.
    fn expel(&mut self, cx: &mut Cx, id: ParticipantId, word: &ModerationEvent<'_>, reason: LeaveReason) {
        if let Some(meeting) = &self.meeting {
            cx.send_one(meeting.people.line(id), word);
        }
        self.remove(cx, id, reason);
    }

    /// Ends a participation for good: its tokens, its acceptance and a granted role are void, its socket is closed.
    fn remove(&mut self, cx: &mut Cx, id: ParticipantId, reason: LeaveReason) {
        if let Some(meeting) = &mut self.meeting {
            meeting
                .people
                .change(id, |p| (p.granted, p.hand_is_up) = (None, false));
        }
        let seat = self.access.get(id).and_then(|holder| holder.seat);
        if let Some(seat) = seat {
            cx.close(seat.session, CloseCode::Normal);
        }
        self.forget(id);
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
        if participant.place != Place::Inside {
            return Ok(());
        }
        meeting.set_waiting_room(cx, None, true);
        cx.send_one(meeting.people.line(target), &ModerationEvent::SentToWaitingRoom);
        self.access.set_accepted(target, false);
        self.out_into_the_waiting_room(cx, target);
        Ok(())
    }

    fn debrief(&mut self, cx: &mut Cx, who: ParticipantId, scope: KickScope) {
        let Some(meeting) = &mut self.meeting else { return };
        meeting.set_waiting_room(cx, None, true);
        let in_scope = |role| match scope {
            KickScope::Guests => role == Role::Guest,
            KickScope::UsersAndGuests => role != Role::Moderator,
            KickScope::All => true,
        };
        let inside = meeting.people.iter().filter(|(_, p)| p.place == Place::Inside);
        let (out, stay): (Vec<_>, Vec<_>) =
            inside.partition(|(id, p)| *id != who && !p.is_hidden() && in_scope(p.role));
        let lines = |list: &[(_, &Participant)]| {
            Receivers::from(list.iter().map(|(_, p)| p.line).collect::<Vec<_>>())
        };
        cx.send(lines(&out), &ModerationEvent::SessionEnded { issued_by: who });
        cx.send(
            lines(&stay),
            &ModerationEvent::DebriefingStarted { issued_by: who },
        );
        let out: Vec<_> = out.into_iter().map(|(id, _)| id).collect();
        for id in out {
            self.remove(cx, id, LeaveReason::Kicked);
        }
    }
}

impl Meeting {
    /// Sets the flag. Saying again what is already so is answered to the sender only.
    fn set_waiting_room(&mut self, cx: &mut Cx, who: Option<ParticipantId>, enabled: bool) {
        let changed = std::mem::replace(&mut self.moderation.waiting_room, enabled) != enabled;
        let event = if enabled {
            ModerationEvent::WaitingRoomEnabled
        } else {
            ModerationEvent::WaitingRoomDisabled
        };
        self.tell_flag(cx, changed, who, &event);
    }

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
        let event = if enabled {
            ModerationEvent::RaiseHandsEnabled { issued_by: who }
        } else {
            ModerationEvent::RaiseHandsDisabled { issued_by: who }
        };
        self.tell_flag(cx, changed, Some(who), &event);
        if !enabled {
            self.lower_hands(cx, None, None);
        }
    }

    fn reset_raised_hands(&mut self, cx: &mut Cx, who: ParticipantId, target: Option<&Named>) {
        let event = ModerationEvent::RaisedHandResetByModerator { issued_by: who };
        self.lower_hands(cx, target, Some(&event));
    }

    /// Lowers raised hands, also those of participants who are away, and tells those whom it concerns.
    fn lower_hands(&mut self, cx: &mut Cx, of: Option<&Named>, word: Option<&ModerationEvent<'_>>) {
        let is_meant = |id| of.is_none_or(|named| named.contains(id));
        let up = self.people.iter().filter(|(id, p)| p.hand_is_up && is_meant(*id));
        for id in up.map(|(id, _)| id).collect::<Vec<_>>() {
            self.people
                .change(id, |p| (p.hand_is_up, p.hand_updated_at) = (false, cx.at));
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
        self.people.change(target, |p| p.display_name = new_name.clone());
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
