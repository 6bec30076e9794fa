//! Namespace `moderation`: the waiting room, and removing participants.

use serde::{Deserialize, Serialize};

use super::{
    Place, Room,
    effects::{Cx, Receivers},
    roster::Participant,
};
use crate::{
    ids::ParticipantId,
    protocol::{
        codes::CloseCode,
        control::LeaveReason,
        moderation::{ModerationCommand, ModerationError, ModerationEvent},
    },
};

/// Flags of the meeting that moderators set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moderation {
    pub waiting_room: bool,
    pub raise_hands_enabled: bool,
}

impl Moderation {
    pub fn new(waiting_room: bool) -> Self {
        Self {
            waiting_room,
            raise_hands_enabled: true,
        }
    }

    pub fn must_wait(&self, newcomer: &Participant) -> bool {
        self.waiting_room && !newcomer.is_moderator() && !newcomer.is_hidden()
    }
}

impl Room {
    pub(super) fn moderate(
        &mut self,
        cx: &mut Cx,
        who: ParticipantId,
        command: &ModerationCommand,
    ) -> Result<(), ModerationError> {
        let Some(meeting) = &self.meeting else {
            return Ok(());
        };
        if !meeting.people.get(who).is_some_and(Participant::is_moderator) {
            return Err(ModerationError::InsufficientPermissions);
        }
        match *command {
            ModerationCommand::EnableWaitingRoom => self.set_waiting_room(cx, who, true),
            ModerationCommand::DisableWaitingRoom => self.set_waiting_room(cx, who, false),
            ModerationCommand::Accept { target } => self.accept(cx, who, target),
            ModerationCommand::Kick { target } => self.kick(cx, target),
            _ => {}
        }
        Ok(())
    }

    fn set_waiting_room(&mut self, cx: &mut Cx, who: ParticipantId, enabled: bool) {
        let Some(meeting) = &mut self.meeting else { return };
        let changed = std::mem::replace(&mut meeting.moderation.waiting_room, enabled) != enabled;
        let event = if enabled {
            ModerationEvent::WaitingRoomEnabled
        } else {
            ModerationEvent::WaitingRoomDisabled
        };
        // Saying again what is already so is answered to the sender only.
        let to = if changed {
            Some(meeting.people.all())
        } else {
            meeting.people.session(who).map(Receivers::One)
        };
        if let Some(to) = to {
            cx.send(to, &event);
        }
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
        let session = meeting.people.session(if again { who } else { target });
        cx.send_one(session, &ModerationEvent::Accepted);
    }

    fn kick(&mut self, cx: &mut Cx, target: ParticipantId) {
        let Some(meeting) = &mut self.meeting else { return };
        let Some(participant) = meeting
            .people
            .get(target)
            .filter(|p| p.is_present() && !p.is_hidden())
        else {
            return;
        };
        let session = participant.session;
        meeting.people.change(target, |p| p.granted = None);
        cx.send_one(session, &ModerationEvent::Kicked);
        self.remove(cx, target, LeaveReason::Kicked);
    }

    /// Ends a participation for good: its tokens and its acceptance are void, its socket is closed.
    fn remove(&mut self, cx: &mut Cx, id: ParticipantId, reason: LeaveReason) {
        let seat = self.access.get(id).and_then(|holder| holder.seat);
        if let Some(seat) = seat {
            cx.close(seat.session, CloseCode::Normal);
        }
        self.forget(id);
        self.leave(cx, id, reason);
    }
}
