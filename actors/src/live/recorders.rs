//! Between recorders and living rooms.

use super::Live;
use crate::{edge::wire::NodeCall, ids::RoomId, room::locations::StreamLocations, room_actor::RoomMsg};

impl Live {
    /// Where streams of a room are sent to, as the recorder is to be told that has just got a ticket. It is kept nowhere: a recorder that
    /// comes after the room has died asks for another ticket.
    pub fn set_stream_locations(&self, room: RoomId, locations: StreamLocations) {
        if let Some(room) = self.rooms.living(room) {
            let _ = room.actor().cast(RoomMsg::Locations(locations));
        } else {
            self.ask_owner(room, NodeCall::Locations { room, locations });
        }
    }
}
