//! Faults that tests put into rules: only in builds with the feature `fault-injection`.

use std::{collections::BTreeSet, sync::Mutex};

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
