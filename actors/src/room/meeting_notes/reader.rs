//! Somebody with access to a pad.

use serde::{Deserialize, Serialize};

use crate::ids::{TaskId, Timestamp};

/// Whoever has, or is to have, access to a pad.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reader {
    /// What it is to have.
    readonly: bool,
    /// The session that it has, and when that must be made anew.
    session: Option<(TaskId, Timestamp)>,
    /// It was told of that session: not of one that was wanted otherwise before it was there.
    is_told: bool,
    /// One that has ended, or should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<TaskId>,
    /// What everybody was told of it last.
    shown: Option<bool>,
    /// It waits for its turn to get a session.
    queued: bool,
    /// How often that has failed in a row.
    failures: u8,
}

impl Reader {
    /// What it should have from now on. Whether it must get in line for it.
    pub fn want(&mut self, readonly: bool) -> bool {
        (self.readonly, self.failures) = (readonly, 0);
        !std::mem::replace(&mut self.queued, true)
    }

    /// The same access by another session. Whether it must get in line for it.
    pub fn renew(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }

    /// Its turn has come.
    pub fn begin(&mut self) {
        self.queued = false;
    }

    /// It has a session.
    pub fn admit(&mut self, session: TaskId, until: Timestamp) {
        (self.session, self.ended, self.failures) = (Some((session, until)), None, 0);
        self.is_told = false;
    }

    /// It got none, and what it had before has ended, or should have; how often in a row that was so.
    pub fn fail(&mut self) -> u8 {
        self.ended = self.replaced();
        self.session = None;
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// Its session has ended with all others.
    pub fn lose(&mut self) {
        (self.session, self.ended) = (None, None);
    }

    /// What must end before it gets another session.
    pub fn replaced(&self) -> Option<TaskId> {
        self.session().or(self.ended)
    }

    /// Everybody is told what it has, and it where. Whether that is news to the others.
    pub fn show(&mut self, readonly: Option<bool>) -> bool {
        self.is_told = readonly.is_some();
        std::mem::replace(&mut self.shown, readonly) != readonly
    }

    pub fn readonly(&self) -> bool {
        self.readonly
    }

    pub fn session(&self) -> Option<TaskId> {
        self.session.map(|(session, _)| session)
    }

    pub fn until(&self) -> Option<Timestamp> {
        self.session.map(|(_, until)| until)
    }

    pub fn shown(&self) -> Option<bool> {
        self.shown
    }

    /// The session that it was told of, and whether that only reads.
    pub fn told(&self) -> Option<(TaskId, bool)> {
        self.session().zip(self.shown).filter(|_| self.is_told)
    }

    pub fn is_queued(&self) -> bool {
        self.queued
    }
}
