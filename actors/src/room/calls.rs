//! Calls to LiveKit that are not done yet. They are part of the state, so that those of a process that died are made
//! again, as far as they still make sense.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::effects::{Cx, Effect};
use crate::{
    ids::{ParticipantId, Space},
    livekit::Call,
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
}

impl Calls {
    /// Makes a call; false when too many are under way.
    pub fn make(&mut self, cx: &mut Cx, call: Call, asked_by: Option<ParticipantId>) -> bool {
        if self.pending.len() >= LIVEKIT_CALLS_PER_ROOM_MAX {
            return false;
        }
        self.last += 1;
        cx.push(Effect::Call(self.last, call.clone()));
        self.pending.insert(self.last, Pending { call, asked_by });
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

    /// Makes all calls again that a process that died left behind.
    pub fn repeat(&self, cx: &mut Cx) {
        for (id, pending) in &self.pending {
            cx.push(Effect::Call(*id, pending.call.clone()));
        }
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
