//! Sockets that outlive their room's shell go on in the room's next life, as if nothing had been.

use super::{
    Place, Room,
    access::Seat,
    agenda::Due,
    effects::{Cx, Effect, Reattached},
    input::Reattach,
};
use crate::{
    ids::{ParticipantId, SessionNo},
    protocol::{Namespaces, codes::CloseCode},
};

impl Room {
    /// The session goes on where it was, if that is where its participant still is and nothing of what it has not heard is lost.
    /// Else its client comes back by itself.
    pub(super) fn reattach(&mut self, cx: &mut Cx, asked: &Reattach) {
        let session = asked.session;
        let Some((id, seat)) = self.access.take_away(session, asked.token) else {
            return cx.close(session, CloseCode::Restart);
        };
        let goes_on = if seat.joined {
            self.joined_goes_on(cx, (id, seat), asked)
        } else {
            // Who has heard something had joined, as far as it knows: a disk has lost that.
            asked.from == 0 && self.pending_goes_on(cx, (id, seat))
        };
        if !goes_on {
            cx.close(session, CloseCode::Restart);
        }
    }

    /// A socket that has yet to join has heard nothing that has a number.
    fn pending_goes_on(&mut self, cx: &mut Cx, (id, seat): (ParticipantId, Seat)) -> bool {
        let is_good = self
            .access
            .get(id)
            .is_some_and(|holder| holder.tokens.contains(&seat.token));
        if !is_good || self.meeting.is_none() {
            return false;
        }
        self.agenda.clear(Due::Expiry(id));
        self.access.sit_again(id, seat);
        cx.push(Effect::Reattached(Box::new(Reattached {
            session: seat.session,
            line: seat.session,
            place: Place::Outside,
            open: Namespaces::default(),
            missed: Vec::new(),
            handled: seat.handled,
        })));
        true
    }

    fn joined_goes_on(&mut self, cx: &mut Cx, (id, seat): (ParticipantId, Seat), asked: &Reattach) -> bool {
        let newest = cx.event_seq;
        let Some(line) = self.line_without_socket(id) else {
            return false;
        };
        let Some(meeting) = &mut self.meeting else {
            return false;
        };
        let whole_since = meeting.people.get(id).map_or(u64::MAX, |p| p.whole_since);
        let Reattach { nonce, from, .. } = *asked;
        // One that was brought nothing does not even know that it has joined.
        if from == 0 || from < whole_since || !self.ring.reaches_in(nonce, from, newest) {
            return false;
        }
        meeting.people.set_session(id, Some(seat.session));
        if meeting.people.get(id).is_some_and(|p| p.place == Place::Inside) {
            // What it missed, it gets as it was sent. Who waits is told when it comes in.
            meeting.is_back(id, cx.at);
        }
        self.agenda.clear(Due::Timeout(id));
        self.agenda.clear(Due::Expiry(id));
        self.access.sit_again(id, seat);
        let missed = if cx.replays {
            Vec::new()
        } else {
            self.ring.after(from, line)
        };
        cx.push(Effect::Reattached(Box::new(Reattached {
            session: seat.session,
            line,
            place: self.place(id),
            open: self.namespaces(id),
            missed,
            handled: seat.handled,
        })));
        true
    }

    /// The line of a participant who is here, and whom no session brings anything now.
    fn line_without_socket(&self, id: ParticipantId) -> Option<SessionNo> {
        let participant = self.meeting.as_ref()?.people.get(id)?;
        (participant.is_present() && participant.session.is_none()).then_some(participant.line)
    }
}
