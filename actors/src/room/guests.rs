//! How a room takes people who come by a link, while a meeting runs.

use super::{Place, Room, effects::Cx};
use crate::{
    ids::ParticipantId,
    protocol::meeting::{Caller, GuestAccess},
};

impl Room {
    /// Whether those who come by a link wait; absent without a meeting.
    #[must_use]
    pub fn do_guests_wait(&self) -> Option<bool> {
        Some(self.meeting.as_ref()?.modules.moderation.guests_wait)
    }

    /// The owner has said so. Where guests are shut out, those who are inside or wait stay, without a way back.
    pub(super) fn set_guest_access(&mut self, cx: &mut Cx, access: GuestAccess) {
        match access {
            GuestAccess::Disabled => self.withdraw(cx, |caller| matches!(caller, Caller::Guest(_))),
            GuestAccess::WaitingRoom => self.let_guests_wait(cx),
            GuestAccess::DirectAccess => self.let_guests_enter(cx),
        }
    }

    /// Newcomers wait from now on. Guests who are inside, or are just moving, count as accepted.
    fn let_guests_wait(&mut self, cx: &Cx) {
        let Some(meeting) = self
            .meeting
            .as_ref()
            .filter(|meeting| !meeting.modules.moderation.guests_wait)
        else {
            return;
        };
        // Who would have had to wait is asked before it holds for all.
        let people = meeting.people.iter();
        let inside = people.filter(|(id, p)| self.is_guest(*id) && self.is_as_good_as_inside(*id, p, cx.at));
        for id in inside.map(|(id, _)| id).collect::<Vec<_>>() {
            self.access.set_accepted(id, true);
        }
        if let Some(meeting) = &mut self.meeting {
            meeting.modules.moderation.guests_wait = true;
        }
    }

    /// Guests who wait for no other reason may come in.
    fn let_guests_enter(&mut self, cx: &mut Cx) {
        let Some(meeting) = &mut self.meeting else { return };
        if !std::mem::replace(&mut meeting.modules.moderation.guests_wait, false) {
            return;
        }
        let Some(meeting) = &self.meeting else { return };
        let waiting = meeting.people.iter().filter(|(_, p)| p.place == Place::Waiting);
        let free = waiting.filter(|(id, p)| {
            let holder = self.access.get(*id).filter(|_| self.is_guest(*id));
            holder.is_some_and(|holder| !meeting.must_wait(holder, p, cx.at))
        });
        let free: Vec<_> = free.map(|(id, _)| id).collect();
        for id in free {
            self.accept(cx, id);
        }
    }

    /// Whether somebody came by a link, though maybe signed in since.
    fn is_guest(&self, id: ParticipantId) -> bool {
        let holder = self.access.get(id);
        holder.is_some_and(|holder| matches!(holder.caller, Caller::Guest(_)))
    }
}
