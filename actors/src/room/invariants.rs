//! What must hold after every input; checked in tests.

use super::{Place, Room, agenda::Due};

impl Room {
    /// Describes the first thing that is wrong with the state.
    pub fn check(&self) -> Result<(), String> {
        self.access.check()?;
        if !self.agenda.is_consistent() {
            return Err("agenda: times and order differ".to_owned());
        }
        let Some(meeting) = &self.meeting else {
            return if self.agenda.get(Due::Drop).is_some() {
                Err("a meeting that does not exist is to be dropped".to_owned())
            } else if self.access.sessions().next().is_some() {
                Err("a session without a meeting to join".to_owned())
            } else {
                Ok(())
            };
        };
        meeting.chat.check()?;
        if meeting.people.anybody_present() == self.agenda.get(Due::Drop).is_some() {
            return Err("an empty meeting, and no other, has a time to be dropped".to_owned());
        }
        for (id, participant) in meeting.people.iter() {
            let seat = self.access.get(id).and_then(|holder| holder.seat);
            let lost = self.agenda.get(Due::Timeout(id)).is_some();
            match (participant.place, participant.session) {
                (Place::Outside, None) if !lost => {}
                (Place::Inside | Place::Waiting, None) if lost => {}
                (Place::Inside | Place::Waiting, Some(session))
                    if !lost && seat.is_some_and(|seat| seat.joined && seat.session == session) => {}
                (place, session) => {
                    return Err(format!(
                        "{id} is {place:?} with {session:?}, lost: {lost}, {seat:?}"
                    ));
                }
            }
            let left = match participant.place {
                Place::Outside => true,
                Place::Waiting => participant.ever_inside,
                Place::Inside => false,
            };
            if participant.left_at.is_some() != left {
                return Err(format!(
                    "{id} is {:?} but left at {:?}",
                    participant.place, participant.left_at
                ));
            }
        }
        for (id, holder) in self.access.iter() {
            let expires = self.agenda.get(Due::Expiry(id)).is_some();
            let kept = holder.seat.is_some() || self.agenda.get(Due::Timeout(id)).is_some();
            if expires == kept {
                return Err(format!(
                    "{id}: expires {expires}, kept by a seat or the grace time {kept}"
                ));
            }
        }
        Ok(())
    }
}
