//! Between LiveKit and living rooms.

use super::Live;
use crate::{
    edge::wire::NodeCall,
    livekit::{MediaRoom, Seen},
    ports::Unavailable,
    room_actor::RoomMsg,
};

impl Live {
    /// LiveKit tells that somebody has come into one of its rooms, or (`None`) that it was just made. A room that does not live hears nothing:
    /// that begins no meeting.
    pub fn media_sighted(&self, media: MediaRoom, seen: Option<Seen>) {
        let seen = seen.map(Box::new);
        match self.rooms.living(media.room) {
            Some(room) if room.has_room_for_input() => {
                let _ = room.actor().cast(RoomMsg::Sighted(media, seen));
            }
            Some(_) => {}
            None => self.ask_owner(media.room, NodeCall::Sighted { media, seen }),
        }
    }

    /// Whether a room of LiveKit is the counterpart of a room of a running meeting. A room that sleeps is woken for that.
    ///
    /// # Errors
    /// When that can't be said at the moment.
    pub async fn has_media_room(&self, media: MediaRoom) -> Result<bool, Unavailable> {
        let room = self.locate(media.room, None).await.map_err(|_| Unavailable)?;
        let Some(room) = room else { return Ok(false) };
        room.has_media_room(media).await.ok_or(Unavailable)
    }
}
