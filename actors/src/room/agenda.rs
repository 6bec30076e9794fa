//! The deadlines of a room, as part of its state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{BreakoutRoomId, ParticipantId, Space, Timestamp},
    protocol::Namespace,
};

/// What is due at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// A lost participant's grace time is over.
    Timeout(ParticipantId),
    /// A participant's tokens expire.
    Expiry(ParticipantId),
    /// An empty meeting is dropped.
    Drop,
    /// The tariff's time is up.
    TimeLimit,
    /// The breakout rooms close.
    Breakout,
    /// Whoever is still in a breakout room that has closed is sent out.
    Leave(BreakoutRoomId),
    /// What a module wants to do in a room of the meeting; the number is the module's.
    Module(Namespace, Space, u8),
    /// A dropped meeting's tasks are waited for no longer.
    #[serde(alias = "calls")]
    Tasks,
}

/// A deadline as it is read: also as earlier versions wrote it.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredDue {
    Due(Due),
    Older(OlderDue),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OlderDue {
    Timer(Space),
    Poll(Space),
    LiveResults(Space),
}

impl From<StoredDue> for Due {
    fn from(stored: StoredDue) -> Self {
        match stored {
            StoredDue::Due(due) => due,
            StoredDue::Older(OlderDue::Timer(space)) => Self::Module(Namespace::Timer, space, 0),
            StoredDue::Older(OlderDue::Poll(space)) => Self::Module(Namespace::Polls, space, 0),
            StoredDue::Older(OlderDue::LiveResults(space)) => Self::Module(Namespace::Polls, space, 1),
        }
    }
}

/// Each thing is due at most once; the earliest comes first, ties in the order of [`Due`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(StoredDue, Timestamp)>", into = "Vec<(Due, Timestamp)>")]
pub struct Agenda {
    times: BTreeMap<Due, Timestamp>,
    order: BTreeSet<(Timestamp, Due)>,
}

impl Agenda {
    pub fn set(&mut self, due: Due, at: Timestamp) {
        self.clear(due);
        self.times.insert(due, at);
        self.order.insert((at, due));
    }

    pub fn clear(&mut self, due: Due) {
        if let Some(at) = self.times.remove(&due) {
            self.order.remove(&(at, due));
        }
    }

    #[must_use]
    pub fn get(&self, due: Due) -> Option<Timestamp> {
        self.times.get(&due).copied()
    }

    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Everything that is not about a participant's access ends with the meeting.
    pub fn end_meeting(&mut self) {
        self.keep(|due| matches!(due, Due::Expiry(_) | Due::Tasks));
    }

    /// Nothing but tasks is waited for.
    pub fn keep_tasks_only(&mut self) {
        self.keep(|due| due == Due::Tasks);
    }

    fn keep(&mut self, is_kept: impl Fn(Due) -> bool) {
        self.times.retain(|due, _| is_kept(*due));
        self.order.retain(|(_, due)| is_kept(*due));
    }

    /// Takes the earliest thing due at `now`.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        let (at, due) = self.order.first().copied()?;
        if at > now {
            return None;
        }
        self.clear(due);
        Some(due)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Due> {
        self.times.keys().copied()
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.times.len() == self.order.len()
            && self
                .times
                .iter()
                .all(|(due, at)| self.order.contains(&(*at, *due)))
    }
}

impl From<Vec<(StoredDue, Timestamp)>> for Agenda {
    fn from(list: Vec<(StoredDue, Timestamp)>) -> Self {
        let mut agenda = Self::default();
        for (due, at) in list {
            agenda.set(due.into(), at);
        }
        agenda
    }
}

impl From<Agenda> for Vec<(Due, Timestamp)> {
    fn from(agenda: Agenda) -> Self {
        agenda.times.into_iter().collect()
    }
}
