//! Work outside the room that is not done yet. It is part of the state, so that what a process that died left undone is asked
//! for again, as far as it still makes sense.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::effects::{Cx, Effect};
use crate::{
    ids::{ParticipantId, TaskId},
    livekit,
    protocol::limits::TASKS_PER_ROOM_MAX,
    task::{Task, Work},
};

/// Tasks in the order in which they were asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Tasks {
    pending: Vec<Pending>,
}

/// A task, and the participant who hears when it fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub id: TaskId,
    pub work: Work,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<ParticipantId>,
}

impl Tasks {
    /// Asks for something; false when too much is under way.
    pub fn ask(&mut self, cx: &mut Cx, work: Work, asked_by: Option<ParticipantId>) -> bool {
        self.push(cx, work.clone(), work, asked_by)
    }

    /// Whether something more may be asked for.
    #[must_use]
    pub fn has_place(&self) -> bool {
        self.pending.len() < TASKS_PER_ROOM_MAX
    }

    /// [`Tasks::ask`] for something that is kept without what whoever does it is told beside (`briefed`).
    pub fn ask_briefed(&mut self, cx: &mut Cx, work: Work, briefed: Work) -> bool {
        self.push(cx, briefed, work, None)
    }

    fn push(&mut self, cx: &mut Cx, told: Work, kept: Work, asked_by: Option<ParticipantId>) -> bool {
        if !self.has_place() {
            return false;
        }
        let id = TaskId(cx.new_id());
        cx.push(Effect::Task(Box::new(Task { id, work: told })));
        self.pending.push(Pending {
            id,
            work: kept,
            asked_by,
        });
        true
    }

    /// What is under way.
    pub fn iter(&self) -> impl Iterator<Item = &Work> {
        self.pending.iter().map(|pending| &pending.work)
    }

    pub fn done(&mut self, id: TaskId) -> Option<Pending> {
        let index = self.pending.iter().position(|pending| pending.id == id)?;
        Some(self.pending.remove(index))
    }

    /// Drops what makes no sense any more.
    pub fn cancel(&mut self, cx: &mut Cx, mut is_obsolete: impl FnMut(&Work) -> bool) {
        for pending in self.pending.extract_if(.., |pending| is_obsolete(&pending.work)) {
            cx.push(Effect::CancelTask(pending.id));
        }
    }

    /// Asks again for all that a process that died left behind.
    pub fn ask_again(&self, cx: &mut Cx) {
        for Pending { id, work, .. } in &self.pending {
            let (id, work) = (*id, work.clone());
            cx.push(Effect::Task(Box::new(Task { id, work })));
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.pending.iter().map(|pending| pending.id)
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

/// Tasks as they are read: also as earlier versions wrote them, which knew calls to LiveKit alone, by numbers.
#[derive(Deserialize)]
struct Stored {
    pending: Vec<StoredTask>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredTask {
    Task(Pending),
    Call(u64, StoredCall),
}

#[derive(Deserialize)]
struct StoredCall {
    call: livekit::Call,
    asked_by: Option<ParticipantId>,
}

impl From<Stored> for Tasks {
    fn from(stored: Stored) -> Self {
        let task = |stored| match stored {
            StoredTask::Task(pending) => pending,
            StoredTask::Call(number, stored) => Pending {
                id: TaskId(Uuid::from_u128(number.into())),
                work: Work::Livekit(stored.call),
                asked_by: stored.asked_by,
            },
        };
        Self {
            pending: stored.pending.into_iter().map(task).collect(),
        }
    }
}
