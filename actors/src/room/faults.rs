//! Faults that tests put into rules: only in builds with the feature `fault-injection`.

use std::{cell::RefCell, collections::BTreeSet, sync::Mutex};

use crate::ids::RoomId;

static ENDS: Mutex<BTreeSet<RoomId>> = Mutex::new(BTreeSet::new());

/// The next end of a session makes the rule panic in this room.
pub fn panic_at_next_end(room: RoomId) {
    if let Ok(mut rooms) = ENDS.lock() {
        rooms.insert(room);
    }
}

/// Panics where it was asked for.
pub(super) fn at_end(room: RoomId) {
    let asked = ENDS.lock().is_ok_and(|mut rooms| rooms.remove(&room));
    assert!(!asked, "injected fault");
}

thread_local! {
    static NUMBERS: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
}

/// On this thread the inputs with these numbers panic in every room, each time, when all is changed and nothing has left yet. Gives
/// those of before.
#[must_use]
pub fn panic_at(numbers: BTreeSet<u64>) -> BTreeSet<u64> {
    NUMBERS.replace(numbers)
}

/// Whether an input is one of these.
#[must_use]
pub fn is_one(seq: u64) -> bool {
    NUMBERS.with_borrow(|numbers| numbers.contains(&seq))
}

/// Panics where it was asked for.
pub(super) fn behind(seq: u64) {
    assert!(!is_one(seq), "injected fault");
}
