//! Meetings as they are read: also as earlier versions wrote them, where modules had no state of their own.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    Meeting,
    automod::TalkingStick,
    breakout::{Breakout, BreakoutRooms},
    chat::{Budget, Chat, SpaceChat},
    legal_vote::LegalVotes,
    livekit::{Media, SpaceMedia},
    meeting_notes::Notes,
    meeting_report::AttendanceReports,
    missed::Changed,
    moderation::Moderation,
    modules::Modules,
    polls::{Poll, Polls},
    recording::Recording,
    recording_service::RecordingService,
    roster::Roster,
    shared_folder::SharedFolder,
    subroom_audio::WhisperGroups,
    timer::{Timer, Timers},
    training_participation_report::TrainingReports,
    whiteboard::Whiteboards,
};
use crate::{
    ids::{PollId, Space, TimerId, Timestamp},
    protocol::{meeting::MeetingFacts, polls::Item},
};

#[derive(Deserialize)]
pub(super) struct StoredMeeting {
    facts: MeetingFacts,
    #[serde(default)]
    people: Roster,
    #[serde(default)]
    began: Option<Timestamp>,
    #[serde(default)]
    closes_at: Option<Timestamp>,
    #[serde(default)]
    visited: BTreeSet<Space>,
    #[serde(default)]
    modules: Option<Modules>,
    // What stood in place of the states of modules.
    #[serde(default)]
    moderation: Moderation,
    #[serde(default)]
    breakout: Option<Breakout>,
    #[serde(default = "is_enabled")]
    chat_enabled: bool,
    #[serde(default)]
    chat_switched: Option<Changed>,
    #[serde(default)]
    searches: Budget,
    #[serde(default)]
    chunks: Budget,
    #[serde(default)]
    spaces: Vec<(Space, OlderSpace)>,
}

const fn is_enabled() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OlderSpace {
    chat: SpaceChat,
    timer: Option<Timer>,
    poll: Option<Poll>,
    last_poll: Option<(PollId, Vec<Item>, Timestamp)>,
    last_timer: Option<(TimerId, Timestamp)>,
    media: SpaceMedia,
}

impl StoredMeeting {
    /// The states of modules, from what stood in their place.
    fn into_modules(self) -> Modules {
        let (mut chats, mut timers, mut polls, mut media) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (space, of) in self.spaces {
            chats.push((space, of.chat));
            timers.push((space, of.timer, of.last_timer));
            polls.push((space, of.poll, of.last_poll));
            media.push((space, of.media));
        }
        Modules {
            moderation: self.moderation,
            breakout: BreakoutRooms(self.breakout),
            chat: Chat {
                enabled: self.chat_enabled,
                switched: self.chat_switched,
                searches: self.searches,
                chunks: self.chunks,
                spaces: chats.into_iter().collect(),
            },
            legal_vote: LegalVotes::default(),
            timer: Timers::of_older(timers.into_iter()),
            polls: Polls::of_older(polls.into_iter()),
            automod: TalkingStick::default(),
            shared_folder: SharedFolder::default(),
            livekit: Media::of_older(media.into_iter()),
            meeting_report: AttendanceReports::default(),
            training_participation_report: TrainingReports::default(),
            recording: Recording::default(),
            recording_service: RecordingService::default(),
            meeting_notes: Notes::default(),
            whiteboard: Whiteboards::default(),
            subroom_audio: WhisperGroups::default(),
        }
    }
}

impl From<StoredMeeting> for Meeting {
    fn from(mut stored: StoredMeeting) -> Self {
        let facts = stored.facts.clone();
        let (began, closes_at) = (stored.began, stored.closes_at);
        let people = std::mem::take(&mut stored.people);
        let mut visited = std::mem::take(&mut stored.visited);
        visited.extend(stored.spaces.iter().map(|(space, _)| *space));
        let modules = match stored.modules.take() {
            Some(modules) => modules,
            None => stored.into_modules(),
        };
        Self {
            facts,
            people,
            began,
            closes_at,
            visited,
            modules,
        }
    }
}
