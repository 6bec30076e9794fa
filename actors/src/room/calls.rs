//! Calls to LiveKit that are not done yet. They are part of the state, so that those of a process that died are made
//! again, as far as they still make sense.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::effects::{Cx, Effect};
use crate::{
    ids::{ParticipantId, Space},
    livekit::{Call, MediaRoom},
    protocol::limits::LIVEKIT_CALLS_PER_ROOM_MAX,
};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    #[serde(with = "super::pairs")]
    pending: BTreeMap<u64, Pending>,
    last: u64,
}

/// A call, and the moderator who hears what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub call: Call,
    pub asked_by: Option<ParticipantId>,
    /// For [`Call::Permit`]: participants whose permissions have changed since. They are told when this call is done, so
    /// that the last word reaches LiveKit last.
    #[serde(default)]
    pub changed_since: BTreeSet<ParticipantId>,
}

impl Calls {
    /// Makes a call; false when too many are under way.
    pub fn make(&mut self, cx: &mut Cx, call: Call, asked_by: Option<ParticipantId>) -> bool {
        if self.pending.len() >= LIVEKIT_CALLS_PER_ROOM_MAX {
            return false;
        }
        self.last += 1;
        cx.push(Effect::Call(self.last, call.clone()));
        let changed_since = BTreeSet::new();
        let pending = Pending {
            call,
            asked_by,
            changed_since,
        };
        self.pending.insert(self.last, pending);
        true
    }

    /// Leaves a change of permissions to the end of the call that is telling LiveKit of an earlier one; false when there
    /// is none.
    pub fn postpone(
        &mut self,
        room: MediaRoom,
        participants: impl Iterator<Item = ParticipantId>,
        asked_by: Option<ParticipantId>,
    ) -> bool {
        let is_it = |pending: &&mut Pending| matches!(pending.call, Call::Permit { room: other, .. } if other == room);
        let Some(pending) = self.pending.values_mut().find(is_it) else {
            return false;
        };
        pending.changed_since.extend(participants);
        pending.asked_by = asked_by.or(pending.asked_by);
        true
    }

    pub fn done(&mut self, id: u64) -> Option<Pending> {
        self.pending.remove(&id)
    }

    /// Drops the calls that make no sense any more.
    pub fn cancel(&mut self, cx: &mut Cx, is_obsolete: impl Fn(&Call) -> bool) {
        for (id, _) in self
            .pending
            .extract_if(.., |_, pending| is_obsolete(&pending.call))
        {
            cx.push(Effect::CancelCall(id));
        }
    }

    /// The participant is in a room (again): it must not be removed from there, nor the room deleted.
    pub fn cancel_farewell(&mut self, cx: &mut Cx, id: ParticipantId, space: Space) {
        if self.is_empty() {
            return;
        }
        self.cancel(cx, |call| match call {
            Call::Remove {
                room, participant, ..
            } => *participant == id && room.space == space,
            Call::Delete { room } => room.space == space,
            Call::Mute { .. } | Call::Permit { .. } => false,
        });
    }

    /// The participant comes into a room with a token of now: what a call under way says of it is older, so it is told
    /// anew when that is done.
    pub fn correct_later(&mut self, id: ParticipantId, space: Space) {
        for pending in self.pending.values_mut() {
            if let Call::Permit { room, participants } = &pending.call
                && room.space == space
                && participants.iter().any(|(named, _)| *named == id)
            {
                pending.changed_since.insert(id);
            }
        }
    }

    /// Makes all calls again that a process that died left behind.
    pub fn repeat(&self, cx: &mut Cx) {
        for (id, pending) in &self.pending {
            cx.push(Effect::Call(*id, pending.call.clone()));
        }
    }

    /// The numbers of all calls.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.pending.keys().copied()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Nobody waits for them any more.
    pub fn give_up(&mut self, cx: &mut Cx) {
        self.cancel(cx, |_| true);
    }
}
