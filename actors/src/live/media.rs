//! Between LiveKit and living rooms.

use ractor::rpc::CallResult;

use super::{CALL_TIMEOUT, Live};
use crate::{
    livekit::{MediaRoom, Seen},
    ports::Unavailable,
    room_actor::{RoomMsg, RoomRef},
};

impl Live {
    /// LiveKit tells that somebody has come into one of its rooms, or (`None`) that it was just made. A room that does not live hears nothing:
    /// that begins no meeting.
    pub fn media_sighted(&self, media: MediaRoom, seen: Option<Seen>) {
        let room = self.rooms.living(media.room);
        if let Some(room) = room.filter(RoomRef::has_room_for_input) {
            let _ = room.actor().cast(RoomMsg::Sighted(media, seen.map(Box::new)));
        }
    }

    /// Whether a room of LiveKit is the counterpart of a room of a running meeting. A room that sleeps is woken for that.
    ///
    /// # Errors
    /// When that can't be said at the moment.
    pub async fn has_media_room(&self, media: MediaRoom) -> Result<bool, Unavailable> {
        let room = self.find(media.room, None).await.map_err(|_| Unavailable)?;
        let Some(room) = room else { return Ok(false) };
        let ask = |reply| RoomMsg::HasMediaRoom(media, reply);
        match room.actor().call(ask, Some(CALL_TIMEOUT)).await {
            Ok(CallResult::Success(Some(has))) => Ok(has),
            _ => Err(Unavailable),
        }
    }
}
