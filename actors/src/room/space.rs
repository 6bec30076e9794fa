//! What those in one room of a meeting see of a participant.

use super::{Meeting, effects::Cx, roster::Circle, roster::Shown};
use crate::ids::{ParticipantId, Space};

impl Meeting {
    /// The encoded entry of a participant as those in a room see it.
    pub(super) fn entry(&mut self, id: ParticipantId, space: Space) -> Option<std::sync::Arc<str>> {
        let modules = &self.modules;
        self.people.entry(id, space, || modules.peer_states(space, id))
    }

    /// `update` with the participant's entry to everybody else in its room. Those in other rooms know it as somebody who has left
    /// theirs, and are told of its moves by the breakout rooms: an entry with `left_at` would take it away from them.
    pub(super) fn tell_update(&mut self, cx: &mut Cx, id: ParticipantId) {
        let Some(participant) = self.people.get(id).filter(|p| !p.is_hidden()) else {
            return;
        };
        let space = participant.space;
        if participant.was_inside()
            && let Some(entry) = self.entry(id, space)
        {
            let circle = Circle::In(space);
            self.people.show(cx, circle, id, &entry, Shown::Update);
        }
    }

    /// [`Meeting::tell_update`] of all whom modules have announced, as far as they are still there.
    pub(super) fn tell_announced(&mut self, cx: &mut Cx) {
        for id in self.people.take_announced() {
            if self.people.line_inside(id).is_some() {
                self.tell_update(cx, id);
            }
        }
    }
}
