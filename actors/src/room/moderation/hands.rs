//! Raised hands, and names that moderators give.

use super::tell_flag;
use crate::{
    ids::ParticipantId,
    protocol::{
        meeting::ParticipationKind,
        moderation::{ModerationError, ModerationEvent},
        names::{DisplayName, Named},
    },
    room::{Meeting, effects::Cx, missed::Changed},
};

impl Meeting {
    pub(super) fn enable_raise_hands(&mut self, cx: &mut Cx, who: ParticipantId) {
        self.switch_raise_hands(
            cx,
            who,
            true,
            &ModerationEvent::RaiseHandsEnabled { issued_by: who },
        );
    }

    /// Returns whose hands went down.
    pub(super) fn disable_raise_hands(&mut self, cx: &mut Cx, who: ParticipantId) -> Vec<ParticipantId> {
        let event = ModerationEvent::RaiseHandsDisabled { issued_by: who };
        self.switch_raise_hands(cx, who, false, &event);
        self.lower_hands(cx, who, None, None)
    }

    fn switch_raise_hands(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        enabled: bool,
        event: &ModerationEvent<'_>,
    ) {
        let changed = std::mem::replace(&mut self.modules.moderation.raise_hands_enabled, enabled) != enabled;
        self.modules.moderation.raise_hands_switched = Some(Changed { by: who, at: cx.at });
        tell_flag(cx, &mut self.people, changed, Some(who), event);
    }

    /// Returns whose hands went down.
    pub(super) fn reset_raised_hands(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        target: Option<&Named>,
    ) -> Vec<ParticipantId> {
        let event = ModerationEvent::RaisedHandResetByModerator { issued_by: who };
        self.lower_hands(cx, who, target, Some(&event))
    }

    /// Lowers raised hands, also those of participants who are away, and tells those whom it concerns. Returns whose they were.
    fn lower_hands(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        of: Option<&Named>,
        event: Option<&ModerationEvent<'_>>,
    ) -> Vec<ParticipantId> {
        let is_meant = |id| of.is_none_or(|named| named.contains(id));
        let up = self.people.iter().filter(|(id, p)| p.hand_is_up && is_meant(*id));
        let up: Vec<_> = up.map(|(id, _)| id).collect();
        for id in up.iter().copied() {
            self.people.change(id, |p| {
                (p.hand_is_up, p.hand_updated_at) = (false, cx.at);
                p.hand_lowered = Some(Changed { by: who, at: cx.at });
            });
            let Some(line) = self.people.line_inside(id) else {
                continue;
            };
            if let Some(event) = event {
                cx.send_one(Some(line), event);
            }
            self.tell_update(cx, id);
        }
        up
    }

    pub(super) fn change_display_name(
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
        if self.people.line_inside(target).is_none() {
            cx.send_one(self.people.line(target), &event);
        }
        self.tell_update(cx, target);
        Ok(())
    }
}
