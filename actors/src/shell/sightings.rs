//! What LiveKit tells by itself of the people in its rooms.

use std::cmp::Ordering;

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
    /// What becomes of one more.
    fn take(&mut self, now: Timestamp) -> Taken {
        let (began, count) = self
            .0
            .filter(|(began, _)| began.plus_secs(1) > now)
            .unwrap_or((now, 0));
        self.0 = Some((began, count.saturating_add(1)));
        match count.cmp(&SIGHTINGS_PER_SECOND_MAX) {
            Ordering::Less => Taken::AsItIs,
            Ordering::Equal => Taken::AsALook,
            Ordering::Greater => Taken::Not,
        }
    }
}

/// How a sighting is taken.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    AsItIs,
    /// The first that is too much: all of them are found by one look.
    AsALook,
    Not,
}

impl<C: Carrier> Shell<C> {
    /// LiveKit tells that somebody has come into one of its rooms, or that it was just made. Most often all is as it should be: then it
    /// is no input. What comes while a panic is being undone is found by the next look; what comes too often, by one look at all.
    pub fn sighted(&mut self, carrier: &mut C, room: MediaRoom, seen: Option<&Seen>) {
        if !self.is_whole() || !self.is_running() {
            return;
        }
        let told = self.room.room().sighting(room, seen);
        let Some(mut told) = told else { return };
        match self.sightings.take(carrier.now()) {
            Taken::AsItIs => {}
            Taken::AsALook => told.found = None,
            Taken::Not => return,
        }
        self.own_input(carrier, Input::MediaTold(told));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_again_and_again_does_not_take_the_room() {
        let (mut sightings, start) = (Sightings::default(), Timestamp::from_micros(0));
        for _ in 0..SIGHTINGS_PER_SECOND_MAX {
            assert_eq!(sightings.take(start), Taken::AsItIs);
        }
        assert_eq!(sightings.take(start), Taken::AsALook);
        assert_eq!(sightings.take(start), Taken::Not);
        assert_eq!(sightings.take(start.plus_secs(1)), Taken::AsItIs);
    }
}
