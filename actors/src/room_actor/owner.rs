//! Whose room it is, for those who must know it without asking the room.

use std::sync::{PoisonError, RwLock};

use super::Gauge;
use crate::{
    ids::UserId,
    registry::{Beginner, Founder},
    room::Room,
};

/// The owner that the last meeting began with, and who began the room.
#[derive(Debug)]
pub(super) struct Owner(RwLock<(Option<UserId>, Founder)>);

impl Owner {
    /// Before its first meeting a room is of whom it was begun for: the next room of the same owner is counted at once.
    pub fn new(room: &Room, beginner: Option<Beginner>) -> Self {
        let begun = beginner.and_then(|beginner| Some((Some(beginner.owner?), beginner.by)));
        Self(RwLock::new(begun.unwrap_or((room.owner(), Founder::Owner))))
    }

    pub fn get(&self) -> (Option<UserId>, Founder) {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
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
