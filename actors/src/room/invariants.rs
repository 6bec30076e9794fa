//! What must hold after every input; checked in tests.

use std::collections::BTreeMap;

use super::{
    Meeting, Place, Room,
    agenda::{Agenda, Due},
    roster::Participant,
};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    protocol::Namespace,
};

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
        meeting.modules.check(&self.settings, &self.agenda)?;
        self.check_deadlines(meeting)?;
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
            check_visits(id, participant)?;
        }
        for (id, holder) in self.access.iter() {
            let expires = self.agenda.get(Due::Expiry(id)).is_some();
            let kept = holder.has_socket() || self.agenda.get(Due::Timeout(id)).is_some();
            if expires == kept {
                return Err(format!(
                    "{id}: expires {expires}, kept by a seat or the grace time {kept}"
                ));
            }
        }
        Ok(())
    }

    /// What ends by itself has a deadline, and nothing else has.
    fn check_deadlines(&self, meeting: &Meeting) -> Result<(), String> {
        let breakout = meeting.modules.breakout.running();
        let expires = breakout.and_then(super::breakout::Breakout::expires);
        if self.agenda.get(Due::Breakout) != expires || self.agenda.get(Due::TimeLimit) != meeting.closes_at {
            return Err("breakout rooms or the meeting end at another time than planned".to_owned());
        }
        for space in &meeting.visited {
            if let Some(id) = space.0 {
                let runs = breakout.is_some_and(|breakout| breakout.has(id));
                if !runs && self.agenda.get(Due::Leave(id)).is_none() {
                    return Err(format!("{id} is neither running nor about to close"));
                }
            }
        }
        let is_strange = |due| match due {
            Due::Module(Namespace::SubroomAudio, space, _) => {
                !meeting.modules.subroom_audio.has_media_space(space)
            }
            Due::Module(_, space, _) => space != Space::MAIN && !meeting.visited.contains(&space),
            _ => false,
        };
        if let Some(due) = self.agenda.all().find(|due| is_strange(*due)) {
            return Err(format!("{due:?} in a room that nobody was in"));
        }
        Ok(())
    }
}

/// What ends by itself in a room of the meeting has a deadline, and nothing else has.
pub(super) fn check_deadlines(
    agenda: &Agenda,
    (namespace, tag): (Namespace, u8),
    planned: impl Iterator<Item = (Space, Timestamp)>,
) -> Result<(), String> {
    let set = agenda.all().filter_map(|due| match due {
        Due::Module(of, space, number) if (of, number) == (namespace, tag) => Some((space, agenda.get(due)?)),
        _ => None,
    });
    let (set, planned): (BTreeMap<_, _>, BTreeMap<_, _>) = (set.collect(), planned.collect());
    if set == planned {
        Ok(())
    } else {
        Err(format!(
            "{namespace:?} ends at {planned:?}, but at {set:?} by the agenda"
        ))
    }
}

/// A participant is in one room at most, and has left the others.
fn check_visits(id: ParticipantId, participant: &Participant) -> Result<(), String> {
    let open = participant.visits.iter().filter(|visit| visit.left_at.is_none());
    let open: Vec<_> = open.map(|visit| visit.space).collect();
    if participant.place == Place::Inside && open != [participant.space]
        || participant.place != Place::Inside && !open.is_empty()
    {
        return Err(format!("{id} is {:?} and visits {open:?}", participant.place));
    }
    let left = match participant.place {
        Place::Outside => true,
        // The room that it was in may be gone.
        Place::Waiting => participant.was_inside() || participant.left_at.is_some(),
        Place::Inside => false,
    };
    if participant.left_at.is_some() != left {
        return Err(format!(
            "{id} is {:?} but left at {:?}",
            participant.place, participant.left_at
        ));
    }
    Ok(())
}
