//! What LiveKit tells by itself (its webhooks), and what is remembered of those who come back unasked.

use crate::{
    ids::ParticipantId,
    livekit::{Brief, Differences, Expected, MediaIdentity, MediaRoom, Seen},
    protocol::{Namespace, limits::STRAYS_REMEMBERED_AT_ONCE},
    room::{Meeting, Room, effects::Cx, input::MediaTold, livekit::SpaceMedia},
};

impl Room {
    /// Somebody has come into a room of LiveKit, or it was just made (`None`): what this room must be told of that. Nothing where all is
    /// as it should be, or where it is the counterpart of none of the meeting's rooms: that is the sweep's.
    #[must_use]
    pub fn sighting(&self, room: MediaRoom, seen: Option<&Seen>) -> Option<MediaTold> {
        let meeting = self.meeting.as_ref().filter(|meeting| meeting.has_media())?;
        if !self.has_media_room(room) {
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
        let expected = participant.and_then(|id| self.expected_in_media(meeting, room, id));
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

    /// How somebody should be in a room of LiveKit; none for who should not be there.
    fn expected_in_media(&self, meeting: &Meeting, room: MediaRoom, who: ParticipantId) -> Option<Expected> {
        if meeting.modules.subroom_audio.has_media_space(room.space) {
            return meeting.modules.subroom_audio.expected(room.space, who);
        }
        let participant = meeting.people.get(who).filter(|p| p.is_inside(room.space))?;
        let none = SpaceMedia::default();
        let media = meeting.modules.livekit.of_space(room.space).unwrap_or(&none);
        Some(media.shown(who, participant, &self.settings))
    }

    fn media_room(&self, meeting: &Meeting, like: MediaRoom) -> MediaRoom {
        MediaRoom::new(self.id, like.space, meeting.began)
    }

    /// Whether a room of LiveKit is the counterpart of one of the meeting's rooms, or of a whisper group.
    #[must_use]
    pub fn has_media_room(&self, room: MediaRoom) -> bool {
        self.meeting.as_ref().is_some_and(|meeting| {
            meeting.has_media()
                && room == self.media_room(meeting, room)
                && (meeting.visited.contains(&room.space)
                    || meeting.modules.subroom_audio.has_media_space(room.space))
        })
    }

    pub(in crate::room) fn media_told(&mut self, cx: &mut Cx, told: &MediaTold) {
        if !self.has_media_room(told.room) {
            return;
        }
        if let Some((modules, mut around)) = self.modules() {
            if modules.subroom_audio.has_media_space(told.room.space) {
                modules.subroom_audio.told(cx, &mut around, told);
            } else {
                modules.livekit.told(cx, &mut around, told);
            }
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
