//! What LiveKit tells by itself of the people in its rooms.

use super::{Carrier, Shell};
use crate::{
    ids::Timestamp,
    livekit::{MediaRoom, Seen},
    protocol::limits::SIGHTINGS_PER_SECOND_MAX,
    room::input::Input,
};

/// How many sightings became inputs in the second that began then.
#[derive(Debug, Default)]
pub struct Sightings(Option<(Timestamp, u32)>);

impl Sightings {
    /// Whether there is one more.
    fn take(&mut self, now: Timestamp) -> bool {
        let (began, count) = self
            .0
            .filter(|(began, _)| began.plus_secs(1) > now)
            .unwrap_or((now, 0));
        self.0 = Some((began, count.saturating_add(1)));
        count < SIGHTINGS_PER_SECOND_MAX
    }
}

impl<C: Carrier> Shell<C> {
    /// LiveKit tells that somebody has come into one of its rooms, or that it was just made. Most often all is as it should be: then it
    /// is no input. What comes while a panic is being undone, or too often, is found by the next look.
    pub fn sighted(&mut self, carrier: &mut C, room: MediaRoom, seen: Option<&Seen>) {
        if !self.is_whole() || !self.is_running() {
            return;
        }
        let told = self.room.room().sighting(room, seen);
        if let Some(told) = told.filter(|_| self.sightings.take(carrier.now())) {
            self.own_input(carrier, Input::MediaTold(told));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_again_and_again_does_not_take_the_room() {
        let (mut sightings, start) = (Sightings::default(), Timestamp::from_micros(0));
        for _ in 0..SIGHTINGS_PER_SECOND_MAX {
            assert!(sightings.take(start));
        }
        assert!(!sightings.take(start) && sightings.take(start.plus_secs(1)));
    }
}
