//! What LiveKit tells by itself (its webhooks), and what is remembered of those who come back unasked.

use crate::{
    livekit::{Brief, Differences, MediaIdentity, MediaRoom, Seen},
    protocol::{Namespace, limits::STRAYS_REMEMBERED_AT_ONCE},
    room::{Meeting, Room, effects::Cx, input::MediaTold, livekit::SpaceMedia},
};

impl Room {
    /// Somebody has come into a room of LiveKit, or it was just made (`None`): what this room must be told of that. Nothing where all is
    /// as it should be, or where it is the counterpart of none of the meeting's rooms: that is the sweep's.
    #[must_use]
    pub fn sighting(&self, room: MediaRoom, seen: Option<&Seen>) -> Option<MediaTold> {
        let meeting = self.meeting.as_ref().filter(|meeting| meeting.has_media())?;
        if room != self.media_room(meeting, room) || !meeting.visited.contains(&room.space) {
            return None;
        }
        let Some(seen) = seen else {
            return Some(MediaTold { room, found: None });
        };
        let participant = seen
            .identity
            .parse()
            .ok()
            .map(|one: MediaIdentity| one.participant);
        let here = participant.and_then(|id| Some((id, meeting.people.get(id)?)));
        let none = SpaceMedia::default();
        let media = meeting.modules.livekit.of_space(room.space).unwrap_or(&none);
        let expected = here
            .filter(|(_, p)| p.is_inside(room.space))
            .map(|(id, p)| media.expected(id, p, &self.settings));
        let brief = Brief {
            expected: expected.into_iter().collect(),
            ghosts: Vec::new(),
        };
        let found = Differences::of(&brief, [seen]);
        (!found.is_empty()).then_some(MediaTold {
            room,
            found: Some(found),
        })
    }

    fn media_room(&self, meeting: &Meeting, like: MediaRoom) -> MediaRoom {
        MediaRoom::new(self.id, like.space, meeting.began)
    }

    /// Whether a room of LiveKit is the counterpart of one of the meeting's rooms.
    #[must_use]
    pub fn has_media_room(&self, room: MediaRoom) -> bool {
        self.meeting.as_ref().is_some_and(|meeting| {
            meeting.has_media()
                && room == self.media_room(meeting, room)
                && meeting.visited.contains(&room.space)
        })
    }

    pub(in crate::room) fn media_told(&mut self, cx: &mut Cx, told: &MediaTold) {
        if !self.has_media_room(told.room) {
            return;
        }
        if let Some((modules, mut around)) = self.modules() {
            modules.livekit.told(cx, &mut around, told);
        }
        if let Some(found) = &told.found {
            self.remember_strays(cx, found);
        }
    }

    /// Whom a moderator has removed and LiveKit shows nevertheless is known by its traces once more: its next join waits.
    pub(in crate::room) fn remember_strays(&mut self, cx: &mut Cx, found: &Differences) {
        let Some(meeting) = &mut self.meeting else { return };
        let removed = found.strays.iter().filter_map(|(stray, _)| {
            let participant = meeting.people.get(stray.participant)?;
            participant
                .is_back_unasked
                .then(|| (stray.participant, participant.traces.clone()))
        });
        let mut known: Vec<_> = removed.collect();
        for (id, _) in &known {
            meeting.people.change(*id, |p| p.is_back_unasked = false);
        }
        known.truncate(STRAYS_REMEMBERED_AT_ONCE);
        for (id, traces) in known {
            self.remember(cx, id, &traces);
        }
    }
}

impl Meeting {
    fn has_media(&self) -> bool {
        self.facts.tariff.has_module(Namespace::Livekit.name())
    }
}
