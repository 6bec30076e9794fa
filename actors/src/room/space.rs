//! What each room of a meeting has for itself: its chat, timer, poll and media.

use serde::{Deserialize, Serialize};

use super::{Meeting, chat::Chat, media::Media, polls::Poll, timer::Timer};
use crate::{
    ids::{ParticipantId, PollId, Space, TimerId, Timestamp},
    protocol::polls::Item,
    room::roster::Circle,
};

/// The state of one room of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpaceState {
    pub chat: Chat,
    pub timer: Option<Timer>,
    pub poll: Option<Poll>,
    /// How the last poll that is over ended, for those who were away.
    pub last_poll: Option<(PollId, Vec<Item>, Timestamp)>,
    /// The last timer that is over, and when it ended.
    pub last_timer: Option<(TimerId, Timestamp)>,
    pub media: Media,
}

impl SpaceState {
    /// The votes of a poll at its end. Of one that goes on they are nobody's business, and of older ones nothing is known.
    pub(super) fn poll_results(&self, id: PollId) -> &[Item] {
        let over = self.last_poll.as_ref().filter(|(last, ..)| *last == id);
        over.map(|(_, results, _)| &results[..]).unwrap_or_default()
    }

    /// The participant is no longer remembered. Votes stay: they are of users, and counted.
    pub fn forget(&mut self, id: ParticipantId) {
        self.chat.forget(id);
        self.media.forget(id);
        if let Some(timer) = &mut self.timer {
            timer.forget(id);
        }
    }
}

impl Meeting {
    /// The state of a room; the first to ask for it makes it.
    pub(super) fn space(&mut self, space: Space) -> &mut SpaceState {
        self.spaces.entry(space).or_default()
    }

    /// The encoded entry of a participant as those in a room see it.
    pub(super) fn entry(&mut self, id: ParticipantId, space: Space) -> Option<std::sync::Arc<str>> {
        let timer = self.spaces.get(&space).and_then(|state| state.timer.as_ref());
        let ready = timer.and_then(|timer| timer.ready(id));
        self.people.entry(id, space, ready)
    }

    /// `update` with the participant's entry to everybody else in its room. Those in other rooms know it as somebody who has left
    /// theirs, and are told of its moves by the breakout rooms: an entry with `left_at` would take it away from them.
    pub(super) fn tell_update(&mut self, cx: &mut super::effects::Cx, id: ParticipantId) {
        let Some(participant) = self.people.get(id).filter(|p| !p.is_hidden()) else {
            return;
        };
        let space = participant.space;
        if participant.was_inside()
            && let Some(entry) = self.entry(id, space)
        {
            let circle = Circle::In(space);
            self.people
                .show(cx, circle, id, &entry, super::roster::Shown::Update);
        }
    }
}
