//! Whose room it is, for those who must know it without asking the room.

use std::sync::{PoisonError, RwLock, atomic::Ordering};

use super::{Gauge, RoomRef};
use crate::{
    ids::{OriginHash, UserId},
    room::Room,
};

/// Who began a room, so that it came to life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Its owner; also where nobody knows any more, as after a restart.
    Owner,
    /// Somebody else, from this network.
    Network(OriginHash),
    /// Somebody else, from nobody knows where: gateways and recorders.
    Unknown,
}

/// The owner that the last meeting began with, and who began the room.
#[derive(Debug)]
pub(super) struct Owner(RwLock<(Option<UserId>, Asker)>);

impl Owner {
    pub fn of(room: &Room) -> Self {
        Self(RwLock::new((room.owner(), Asker::Owner)))
    }

    fn get(&self) -> (Option<UserId>, Asker) {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomRef {
    /// Whose room it is; none where no meeting has begun yet, or the journal of an earlier version does not say.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        self.gauge.owner.get().0
    }
}

impl RoomRef {
    /// The registry begins a room of somebody, because that one or somebody else came.
    pub(crate) fn set_owner(&self, owner: UserId, asker: Asker) {
        *self.gauge.owner.0.write().unwrap_or_else(PoisonError::into_inner) = (Some(owner), asker);
    }

    /// Whose `start` began it.
    #[must_use]
    pub fn begun_by(&self) -> Asker {
        self.gauge.owner.get().1
    }

    /// Whether anybody has ever joined here.
    #[must_use]
    pub fn was_entered(&self) -> bool {
        self.gauge.entered.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// A `start` was handled: it may have begun a meeting.
    pub(super) fn note_owner(&self, room: &Room) {
        if let Some(owner) = room.owner() {
            self.owner.0.write().unwrap_or_else(PoisonError::into_inner).0 = Some(owner);
        }
    }
}
