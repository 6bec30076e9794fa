//! What somebody who comes back has missed and `join_success` does not tell: clients keep what they knew before, except
//! what `join_success` overwrites, so the rest follows it as events of today's shapes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Meeting, Place, Room, effects::Cx, roster::Participant};
use crate::{
    ids::{ParticipantId, PollId, Space, TimerId, Timestamp},
    protocol::{Namespace, control::ControlEvent, moderation::ModerationEvent},
};

/// Who changed something last, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub by: ParticipantId,
    pub at: Timestamp,
}

/// What a client shows that `join_success` does not take away: the room that it was in, what ran there, its own hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredScreen")]
struct Screen {
    space: Space,
    /// What modules said ([`super::module::Module::shown`]).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown: Vec<(Namespace, Uuid)>,
    hand_was_up: bool,
}

/// A screen as it is read: also as earlier versions wrote it, where timer and poll had fields of their own.
#[derive(Deserialize)]
struct StoredScreen {
    space: Space,
    #[serde(default)]
    shown: Vec<(Namespace, Uuid)>,
    #[serde(default)]
    timer: Option<TimerId>,
    #[serde(default)]
    poll: Option<PollId>,
    hand_was_up: bool,
}

impl From<StoredScreen> for Screen {
    fn from(stored: StoredScreen) -> Self {
        let mut shown = stored.shown;
        shown.extend(stored.timer.map(|id| (Namespace::Timer, id.0)));
        shown.extend(stored.poll.map(|id| (Namespace::Polls, id.0)));
        Self {
            space: stored.space,
            shown,
            hand_was_up: stored.hand_was_up,
        }
    }
}

/// From when on a client may have missed something, and what it may still show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    since: Timestamp,
    #[serde(flatten)]
    screen: Screen,
    /// What it showed before, where it may not have heard what it was told when it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Screen>,
    /// When it came back and was told what it had missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Timestamp>,
    /// The same of the absence before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_before: Option<Timestamp>,
}

impl Away {
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// When the client came back last, from this absence or an earlier one.
    pub fn told_last(&self) -> Option<Timestamp> {
        self.told.or(self.told_before)
    }

    /// Whether the client may not know of a change.
    pub fn missed(&self, changed: Option<Changed>) -> Option<Changed> {
        changed.filter(|changed| changed.at > self.since)
    }

    fn screens(&self) -> impl Iterator<Item = &Screen> {
        self.before.iter().chain([&self.screen])
    }

    /// The rooms that the client may still show.
    pub fn spaces(&self) -> impl Iterator<Item = Space> {
        self.screens().map(|screen| screen.space)
    }

    /// What it may still show of a namespace, and where that ran.
    pub fn shown(&self, of: Namespace) -> impl Iterator<Item = (Space, Uuid)> {
        self.screens().flat_map(move |screen| {
            let shown = screen.shown.iter().filter(move |(namespace, _)| *namespace == of);
            shown.map(|(_, id)| (screen.space, *id))
        })
    }
}

/// What somebody who is back may not know.
#[derive(Debug)]
pub enum Missed {
    /// What happened while it was away.
    Since(Away),
    /// All: its client may still show another meeting, of which nothing is known any more. What a new one would take for granted
    /// must be said.
    AnotherMeeting,
}

impl Meeting {
    /// The client of somebody who is inside and connected goes away. A broken connection is noticed late: what was sent
    /// shortly before may not have arrived either, also what it was told when it came back from an earlier absence. `at` is
    /// when that was, or the last time that is known to be before it; what was sent more than `unheard_secs` before has arrived.
    pub(super) fn goes_away(&mut self, id: ParticipantId, at: Timestamp, unheard_secs: u64) {
        let here = self.people.get(id);
        let Some(participant) = here.filter(|p| p.place == Place::Inside && p.session.is_some()) else {
            return;
        };
        let screen = Screen {
            space: participant.space,
            shown: self.modules.shown(participant.space),
            hand_was_up: participant.hand_is_up,
        };
        let unheard = at.minus_secs(unheard_secs);
        let earlier = participant.away.as_deref();
        let earlier = earlier.filter(|earlier| earlier.told.is_some_and(|told| told > unheard));
        let before = earlier.map(|earlier| earlier.before.as_ref().unwrap_or(&earlier.screen));
        let away = Away {
            since: earlier.map_or(unheard, |earlier| earlier.since.min(unheard)),
            screen,
            before: before.cloned(),
            told: None,
            told_before: participant.away.as_deref().and_then(Away::told_last),
        };
        self.people.set_away(id, away);
    }

    /// The client is told everything now. Returns what it has missed.
    pub(super) fn is_back(&mut self, id: ParticipantId, now: Timestamp) -> Option<Away> {
        let away = self
            .people
            .get(id)?
            .away
            .as_deref()
            .filter(|away| away.told.is_none())?
            .clone();
        let told = Some(now);
        self.people.set_away(id, Away { told, ..away.clone() });
        Some(away)
    }
}

impl Room {
    /// What follows `join_success`: what every client misreads, and what this one has missed.
    pub(super) fn tell_beside_join_success(&mut self, cx: &mut Cx, id: ParticipantId) {
        let shows_past = self.access.set_shows_past(id, false);
        let Some(meeting) = &mut self.meeting else { return };
        let away = meeting.is_back(id, cx.at);
        let is_seen = meeting.people.get(id).is_some_and(|me| !me.is_hidden());
        let anew = (shows_past && is_seen).then_some(Missed::AnotherMeeting);
        let missed = away.map(Missed::Since).or(anew);
        if let Some((modules, mut around)) = self.modules() {
            modules.beside_join_states(cx, &mut around, id);
            let Some((missed, me)) = missed.zip(around.people.get(id)) else {
                return;
            };
            tell_missed(cx, id, me, &missed);
            modules.tell_missed(cx, &around, id, &missed);
        }
    }
}

/// What the core has to say of an absence.
fn tell_missed(cx: &mut Cx, id: ParticipantId, me: &Participant, missed: &Missed) {
    let to = Some(me.line);
    let Missed::Since(away) = missed else {
        return cx.send_one(to, &ControlEvent::HandLowered);
    };
    if let Some(Changed { by: issued_by, .. }) = away.missed(me.hand_lowered).filter(|_| !me.hand_is_up) {
        cx.send_one(to, &ModerationEvent::RaisedHandResetByModerator { issued_by });
    } else if !me.hand_is_up && away.screens().any(|screen| screen.hand_was_up) {
        // It went down with the connection that its owner closed.
        cx.send_one(to, &ControlEvent::HandLowered);
    }
    if let Some((changed, old_name)) = me.renamed.as_deref()
        && let Some(Changed { by: issued_by, .. }) = away.missed(Some(*changed))
    {
        let event = ModerationEvent::DisplayNameChanged {
            target: id,
            issued_by,
            old_name,
            new_name: &me.display_name,
        };
        cx.send_one(to, &event);
    }
}
