//! Moderation's `debrief`: the meeting ends for some, and the others stay to talk about it.

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
        meeting::Role,
        moderation::{KickScope, ModerationEvent},
    },
};

impl Room {
    pub(super) fn debrief(&mut self, cx: &mut Cx, who: ParticipantId, scope: KickScope) {
        self.enable_waiting_room(cx, None);
        let Some(meeting) = &mut self.meeting else { return };
        // Whoever ends the meeting for all ends it for itself.
        let in_scope = |id: ParticipantId, role| match scope {
            KickScope::Guests => id != who && role == Role::Guest,
            KickScope::UsersAndGuests => id != who && role != Role::Moderator,
            KickScope::All => true,
        };
        let inside = meeting.people.iter().filter(|(_, p)| p.place == Place::Inside);
        let (out, stay): (Vec<_>, Vec<_>) =
            inside.partition(|(id, p)| !p.is_hidden() && in_scope(*id, p.role));
        let lines = |list: &[(_, &Participant)]| {
            Receivers::from(list.iter().map(|(_, p)| p.line).collect::<Vec<_>>())
        };
        cx.send(lines(&out), &ModerationEvent::SessionEnded { issued_by: who });
        cx.send(
            lines(&stay),
            &ModerationEvent::DebriefingStarted { issued_by: who },
        );
        let out: Vec<_> = out.into_iter().map(|(id, _)| id).collect();
        let people = meeting.people.iter();
        let was_inside =
            |p: &Participant| p.place == Place::Outside && !p.visits.is_empty() && !p.is_hidden();
        let gone = people.filter(|(id, p)| was_inside(p) && in_scope(*id, p.role));
        // Also who was let in and has not come yet.
        let never_came = |p: &Participant| p.place == Place::Outside && p.visits.is_empty();
        let waiting = meeting
            .people
            .iter()
            .filter(|(id, p)| (p.place == Place::Waiting || never_came(p)) && in_scope(*id, p.role));
        let waiting: Vec<_> = waiting.map(|(id, _)| id).collect();
        let gone: Vec<_> = gone
            .map(|(id, _)| id)
            .filter(|id| self.access.has_good_token(*id))
            .collect();
        for id in out.into_iter().chain(gone) {
            self.end_for(cx, id, who);
        }
        self.ask_again(cx, waiting);
    }

    /// Somebody has ended the meeting for this one.
    fn end_for(&mut self, cx: &mut Cx, id: ParticipantId, who: ParticipantId) {
        let pending = self.access.get(id).map(|holder| holder.pending.clone());
        for seat in pending.unwrap_or_default() {
            cx.tell(seat.session, &ModerationEvent::SessionEnded { issued_by: who });
        }
        if id == who {
            self.close_own(cx, id);
        } else {
            self.remove(cx, id, LeaveReason::Kicked);
        }
    }

    /// Somebody has ended the meeting, itself included: nobody removed it, and its token stays good.
    fn close_own(&mut self, cx: &mut Cx, id: ParticipantId) {
        let sockets: Vec<_> = self
            .access
            .get(id)
            .iter()
            .flat_map(|holder| holder.sockets())
            .collect();
        for seat in sockets {
            self.access.stand_up(seat.session);
            cx.close(seat.session, CloseCode::Normal);
        }
        self.leave(cx, id, LeaveReason::Kicked);
    }
}
