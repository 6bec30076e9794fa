//! Namespace `control` for those inside: raised hands and the moderator role.

use super::{Meeting, Place, Room, effects::Cx, moderation::show_waiting};
use crate::{
    ids::ParticipantId,
    protocol::{
        control::{ControlCommand, ControlError, ControlEvent},
        meeting::{Caller, Identity, Role},
        moderation::ModerationEvent,
    },
};

impl Room {
    pub(super) fn control(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        command: &ControlCommand,
    ) -> Result<(), ControlError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        match *command {
            ControlCommand::RaiseHand if !meeting.modules.moderation.raise_hands_enabled => {
                Err(ControlError::RaiseHandsDisabled)
            }
            ControlCommand::RaiseHand => {
                self.set_hand(cx, who, true);
                Ok(())
            }
            ControlCommand::LowerHand => {
                self.set_hand(cx, who, false);
                Ok(())
            }
            ControlCommand::GrantModeratorRole { target } => self.set_moderator(cx, who, target, true),
            ControlCommand::RevokeModeratorRole { target } => self.set_moderator(cx, who, target, false),
            // Handled before anybody is inside.
            ControlCommand::Join { .. } | ControlCommand::EnterRoom => Ok(()),
            #[cfg(feature = "fault-injection")]
            ControlCommand::Panic => Ok(()),
        }
    }
}

impl Room {
    fn set_hand(&mut self, cx: &mut Cx, who: ParticipantId, up: bool) {
        let Some(meeting) = &mut self.meeting else { return };
        let changed = meeting.people.get(who).is_some_and(|p| p.hand_is_up != up);
        if changed {
            meeting
                .people
                .change(who, |p| (p.hand_is_up, p.hand_updated_at) = (up, cx.at));
        }
        let answer = if up {
            ControlEvent::HandRaised
        } else {
            ControlEvent::HandLowered
        };
        cx.send_one(meeting.people.line(who), &answer);
        if changed {
            meeting.tell_update(cx, who);
            self.hands_changed(cx, &[who]);
        }
    }

    /// Modules hear whose hands went up or down.
    pub(super) fn hands_changed(&mut self, cx: &mut Cx, whose: &[ParticipantId]) {
        if let Some((modules, mut around)) = self.modules().filter(|_| !whose.is_empty()) {
            modules.hands_changed(cx, &mut around, whose);
        }
    }

    fn set_moderator(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        target: ParticipantId,
        moderator: bool,
    ) -> Result<(), ControlError> {
        let Some(meeting) = &mut self.meeting else {
            return Ok(());
        };
        meeting.set_moderator(cx, who, target, moderator)?;
        let mut changed = vec![target];
        // What was decided of a user holds for it under every id.
        if let Some(Caller::User(user)) = self.access.get(target).map(|holder| holder.caller) {
            if moderator {
                meeting.modules.moderation.revoked.remove(&user);
            } else {
                meeting.modules.moderation.revoked.insert(user);
                let is_other = |id: ParticipantId| {
                    let holder = self.access.get(id);
                    id != target && holder.is_some_and(|holder| holder.caller == Caller::User(user))
                };
                let others: Vec<_> = meeting
                    .people
                    .iter()
                    .map(|(id, _)| id)
                    .filter(|id| is_other(*id))
                    .collect();
                changed.extend(others.into_iter().filter(|other| meeting.lose_role(cx, *other)));
            }
        }
        if let Some((modules, mut around)) = self.modules() {
            for id in changed {
                modules.role_changed(cx, &mut around, id);
            }
        }
        Ok(())
    }
}

impl Meeting {
    fn set_moderator(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        target: ParticipantId,
        moderator: bool,
    ) -> Result<(), ControlError> {
        if !self.people.is_moderator(who) {
            return Err(ControlError::InsufficientPermissions);
        }
        let found = self
            .people
            .get(target)
            .filter(|p| p.place == Place::Inside && !p.is_hidden());
        let Some(participant) = found else {
            return Err(ControlError::NothingToDo);
        };
        if participant.is_moderator() == moderator {
            return Err(ControlError::NothingToDo);
        }
        if participant.is_room_owner {
            return Err(ControlError::TargetIsRoomOwner);
        }
        let new_role = if moderator {
            Role::Moderator
        } else {
            Identity::plain_role(participant.kind)
        };
        self.people
            .change(target, |p| (p.role, p.granted) = (new_role, Some(new_role)));
        let answer = if moderator {
            ControlEvent::ModeratorRoleGranted { target }
        } else {
            ControlEvent::ModeratorRoleRevoked { target }
        };
        cx.send_one(self.people.line(who), &answer);
        self.modules.role_is_told(cx, &mut self.people, target);
        cx.send_one(self.people.line(target), &ControlEvent::RoleUpdated { new_role });
        if moderator && self.has_moderation() {
            if self.modules.moderation.waiting_room {
                cx.send_one(self.people.line(target), &ModerationEvent::WaitingRoomEnabled);
            }
            show_waiting(cx, &self.people, target);
        }
        self.tell_update(cx, target);
        Ok(())
    }

    /// Takes the role of moderator from another seat of somebody from whom it was revoked, while it is inside; others lose it when
    /// they enter. Whether it had it.
    fn lose_role(&mut self, cx: &mut Cx, who: ParticipantId) -> bool {
        let found = self.people.get(who);
        let found = found.filter(|p| p.place == Place::Inside && p.is_moderator() && !p.is_room_owner);
        let Some(new_role) = found.map(|p| Identity::plain_role(p.kind)) else {
            return false;
        };
        self.people
            .change(who, |p| (p.role, p.granted) = (new_role, Some(new_role)));
        self.modules.role_is_told(cx, &mut self.people, who);
        cx.send_one(self.people.line(who), &ControlEvent::RoleUpdated { new_role });
        self.tell_update(cx, who);
        true
    }
}
