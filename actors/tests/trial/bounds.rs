//! What handling an input may cost: in proportion to who is there, and to what may be searched.

use colloquy_actors::{
    protocol::limits::{JOIN_HISTORY_BYTES_MAX, SEARCH_BYTES_PER_ROOM_SECOND},
    room::{Room, cost::Cost},
};

/// Everybody is looked at once for what a newcomer is told, and once for what the others are told of it; two lists of groups are
/// read side by side. At a tick each of the modules that look at everybody may do so, with a look at LiveKit. Twice that is the bound.
const PASSES: usize = 8;

/// Whether an input that was handled in this room cost what it may, where nobody is in more groups than these.
pub fn check(cost: Cost, room: &Room, groups_max: usize) -> Result<(), String> {
    let entries = PASSES * (room.known() + 1) * (1 + 2 * groups_max);
    let bytes = SEARCH_BYTES_PER_ROOM_SECOND + JOIN_HISTORY_BYTES_MAX as u64;
    if cost.entries > entries as u64 || cost.bytes > bytes {
        return Err(format!("{cost:?}, at most {entries} entries and {bytes} bytes"));
    }
    Ok(())
}
