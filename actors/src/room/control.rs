//! Namespace `control` for those inside: raised hands and the moderator role.

use super::{Meeting, Place, effects::Cx};
use crate::{
    ids::ParticipantId,
    protocol::{
        control::{ControlCommand, ControlError, ControlEvent, Entry},
        meeting::{Identity, Role},
    },
};

impl Meeting {
    pub(super) fn control(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        command: &ControlCommand,
    ) -> Result<(), ControlError> {
        match *command {
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

    fn set_hand(&mut self, cx: &mut Cx, who: ParticipantId, up: bool) {
        let changed = self.people.get(who).is_some_and(|p| p.hand_is_up != up);
        if changed {
            self.people
                .change(who, |p| (p.hand_is_up, p.hand_updated_at) = (up, cx.at));
        }
        let answer = if up {
            ControlEvent::HandRaised
        } else {
            ControlEvent::HandLowered
        };
        cx.send_one(self.people.session(who), &answer);
        if changed {
            self.tell_update(cx, who);
        }
    }

    fn set_moderator(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        target: ParticipantId,
        moderator: bool,
    ) -> Result<(), ControlError> {
        if !self
            .people
            .get(who)
            .is_some_and(super::roster::Participant::is_moderator)
        {
            return Err(ControlError::InsufficientPermissions);
        }
        let found = self
            .people
            .get(target)
            .filter(|p| p.place == Place::Inside && !p.is_hidden());
        let Some(participant) = found else {
            return Err(ControlError::NothingToDo);
        };
        if participant.is_room_owner {
            return Err(ControlError::TargetIsRoomOwner);
        }
        if participant.is_moderator() == moderator {
            return Err(ControlError::NothingToDo);
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
        cx.send_one(self.people.session(who), &answer);
        cx.send_one(
            self.people.session(target),
            &ControlEvent::RoleUpdated { new_role },
        );
        self.tell_update(cx, target);
        Ok(())
    }

    /// `update` with the participant's entry to everybody else.
    pub(super) fn tell_update(&mut self, cx: &mut Cx, id: ParticipantId) {
        if self
            .people
            .get(id)
            .is_some_and(super::roster::Participant::is_hidden)
        {
            return;
        }
        if let Some(entry) = self.people.entry(id) {
            cx.send(self.people.others(id), &ControlEvent::Update(Entry(entry.get())));
        }
    }
}
