//! How many living rooms an owner has, and what that means for the next one.

use super::{
    host::{Beginner, Founder, RoomHandle},
    rooms::{Coming, Entry, Rooms},
};
use crate::protocol::limits::{
    CHAT_BYTES_MAX, CHAT_BYTES_MIN, LIVING_EMPTY_ROOMS_MAX, SEARCH_BYTES_PER_ROOM_SECOND,
    SEARCH_BYTES_PER_ROOM_SECOND_MIN,
};

/// The living rooms of an owner. All rooms are begun by the registry, one after the other, so that the count is exact.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Owned {
    living: usize,
    /// Those that count for who begins the next one: what others have begun, by links that go around, does not count
    /// against the owner itself.
    counted: usize,
    /// Those that nobody has entered yet, of the same beginner: a stranger with links to ten rooms shuts the door for nobody else.
    empty: usize,
}

impl Owned {
    pub fn count<R: RoomHandle>(rooms: &Rooms<R>, beginner: Beginner) -> Self {
        let mut count = Self::default();
        let Some(owner) = beginner.owner else {
            return count;
        };
        rooms.for_each(|_, entry| match entry {
            Entry::Living(room) if room.owner() == Some(owner) => {
                count.add(beginner, room.founder(), room.was_entered());
            }
            Entry::Coming(Coming {
                beginner: Some(other),
                ..
            }) if other.owner == Some(owner) => count.add(beginner, other.by, false),
            _ => {}
        });
        count
    }

    fn add(&mut self, beginner: Beginner, founder: Founder, was_entered: bool) {
        self.living += 1;
        let is_alike = founder == beginner.by;
        if is_alike || beginner.by != Founder::Owner {
            self.counted += 1;
        }
        if is_alike || beginner.by == Founder::Unknown {
            self.empty += usize::from(!was_entered);
        }
    }

    pub fn are_too_many(self, beginner: Beginner) -> bool {
        beginner.counted
            && beginner.living_max > 0
            && (self.counted >= beginner.living_max || self.empty >= LIVING_EMPTY_ROOMS_MAX)
    }

    /// What the next room's chat may take: many rooms of one owner together take little more than a few, in memory and on
    /// the disk.
    pub fn chat_bytes_of_next(self) -> usize {
        (CHAT_BYTES_MAX / (self.living + 1)).max(CHAT_BYTES_MIN)
    }

    /// The same of what searches in the next room may look through in a second: all rooms of one owner together take little of the
    /// processors.
    pub fn search_bytes_of_next(self) -> u64 {
        let parts = u64::try_from(self.living + 1).unwrap_or(u64::MAX);
        (SEARCH_BYTES_PER_ROOM_SECOND / parts).max(SEARCH_BYTES_PER_ROOM_SECOND_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_rooms_of_one_owner_keep_no_more_than_a_few() {
        let next = |living| {
            let owned = Owned {
                living,
                ..Owned::default()
            };
            owned.chat_bytes_of_next()
        };
        assert_eq!(next(0), CHAT_BYTES_MAX);
        assert_eq!(next(1), CHAT_BYTES_MAX / 2);
        assert_eq!(next(1_000), CHAT_BYTES_MIN);
        assert!((0..50).map(next).sum::<usize>() < 6 * CHAT_BYTES_MAX);
        let searched = |living| {
            let owned = Owned {
                living,
                ..Owned::default()
            };
            owned.search_bytes_of_next()
        };
        assert_eq!(searched(0), SEARCH_BYTES_PER_ROOM_SECOND);
        assert!((0..100).map(searched).sum::<u64>() < 10 * SEARCH_BYTES_PER_ROOM_SECOND);
    }
}
