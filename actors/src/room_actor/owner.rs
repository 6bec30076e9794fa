//! Whose room it is, for those who must know it without asking the room.

use std::sync::{PoisonError, RwLock, atomic::Ordering};

use super::{RoomRef, Shell};
use crate::{ids::UserId, room::Room};

/// The owner that the last meeting began with.
#[derive(Debug)]
pub(super) struct Owner(RwLock<Option<UserId>>);

impl Owner {
    pub fn of(room: &Room) -> Self {
        Self(RwLock::new(room.owner()))
    }
}

impl RoomRef {
    /// Whose room it is; none where no meeting has begun yet, or the journal of an earlier version does not say.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        *self.gauge.owner.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomRef {
    /// The registry begins a room of somebody, because that one or somebody else came.
    pub(crate) fn set_owner(&self, owner: UserId, by_owner: bool) {
        self.gauge.begun_by_owner.store(by_owner, Ordering::Relaxed);
        *self.gauge.owner.0.write().unwrap_or_else(PoisonError::into_inner) = Some(owner);
    }

    /// Whether the owner's own `start` began it.
    #[must_use]
    pub fn was_begun_by_owner(&self) -> bool {
        self.gauge.begun_by_owner.load(Ordering::Relaxed)
    }

    /// Whether anybody has ever joined here.
    #[must_use]
    pub fn was_entered(&self) -> bool {
        self.gauge.entered.load(Ordering::Relaxed)
    }
}

impl Shell {
    /// A `start` was handled: it may have begun a meeting. Comes before its answer, so that nobody with a ticket finds nothing here.
    pub(super) fn note_owner(&self) {
        if let Some(owner) = self.room.room().owner() {
            *self.gauge.owner.0.write().unwrap_or_else(PoisonError::into_inner) = Some(owner);
        }
    }
}
