//! What living rooms were not told.

use ractor::rpc::CallResult;

use super::{CALL_TIMEOUT, Live};
use crate::{
    ports::{MISSING_AT_ONCE, Unavailable},
    registry::RoomHandle as _,
    registry_actor::RegistryMsg,
    room_actor::{RoomMsg, RoomRef},
};

impl Live {
    /// Asks the database which living rooms are gone, and who of those whom the others know has lost access or role: somebody may have
    /// changed that without a word to them, not knowing whether it was stored. False where the database did not say it of all.
    pub async fn look_for_missed(&self) -> bool {
        let (mut has_said, rooms) = (true, self.rooms.all());
        let ids: Vec<_> = rooms.iter().map(RoomRef::id).collect();
        for some in ids.chunks(MISSING_AT_ONCE) {
            match self.ports.directory.missing_rooms(some.to_vec()).await {
                Ok(missing) => self.registry.cast(RegistryMsg::Missing(missing)),
                Err(Unavailable) => return false,
            }
        }
        for room in rooms {
            let slept = room.actor().call(RoomMsg::Slept, Some(CALL_TIMEOUT)).await;
            let Ok(CallResult::Success(Some(slept))) = slept else {
                // One that has ended needs to hear nothing.
                has_said &= room.is_gone();
                continue;
            };
            let Ok(missed) = self.ports.directory.missed_notices(slept).await else {
                return false;
            };
            for notice in missed {
                room.notice(notice, self.revisions.next());
            }
        }
        has_said
    }
}
