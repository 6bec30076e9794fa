//! The sessions of participants: a few are made at a time, whoever waits longest first. What fails is tried again after a pause.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Notes, RENEWAL, RETRY, SpaceNotes, Stage, ask, name};
use crate::{
    ids::{ParticipantId, Space, TaskId, Timestamp},
    meeting_notes::{Admittance, NotesCall},
    protocol::{
        Namespace,
        limits::{
            NOTES_DISMISSAL_TRIES_MAX, NOTES_DISMISSALS_MAX, NOTES_FAILURES_MAX, NOTES_RENEWAL_SECS,
            NOTES_RETRY_SECS, NOTES_TASKS_AT_ONCE,
        },
        meeting_notes::MeetingNotesEvent,
    },
    room::{
        agenda::{Agenda, Due},
        effects::{Cx, Receivers, SecretOf},
        module::Around,
        roster::Participant,
    },
    task::{Outcome, Work},
};

/// What is still to be done, in this order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Queue {
    /// Sessions whose participants have gone.
    dismissals: VecDeque<(Space, TaskId)>,
    /// How often in vain each of those was to end that could not be ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    in_vain: BTreeMap<TaskId, u8>,
    /// Participants who are to get a session.
    admittances: VecDeque<(Space, ParticipantId)>,
    /// Nothing is begun until it has been waited a while.
    paused: bool,
}

impl Queue {
    /// A session is to end. Of too many the oldest end by themselves.
    pub fn dismiss(&mut self, space: Space, session: Option<TaskId>) {
        let Some(session) = session else { return };
        if self.dismissals.len() >= NOTES_DISMISSALS_MAX
            && let Some((_, oldest)) = self.dismissals.pop_front()
        {
            self.in_vain.remove(&oldest);
        }
        self.dismissals.push_back((space, session));
    }

    /// A session has ended, or could not be ended (`has_ended`): then that is tried again for a while.
    pub fn dismissed(
        &mut self,
        cx: &Cx,
        around: &mut Around<'_>,
        (space, session): (Space, TaskId),
        has_ended: bool,
    ) {
        let tries = self.in_vain.remove(&session).unwrap_or_default() + 1;
        if !has_ended && tries < NOTES_DISMISSAL_TRIES_MAX {
            self.in_vain.insert(session, tries);
            self.dismiss(space, Some(session));
            self.pause(cx, around);
        }
    }

    /// Nothing is to be done for a room any more.
    pub fn forget(&mut self, around: &mut Around<'_>, space: Space) {
        let in_vain = &mut self.in_vain;
        self.dismissals.retain(|(of, session)| {
            let stays = *of != space;
            if !stays {
                in_vain.remove(session);
            }
            stays
        });
        self.admittances.retain(|(of, _)| *of != space);
        if self.admittances.is_empty() && self.dismissals.is_empty() {
            self.paused = false;
            around.forget(retry());
        }
    }

    pub fn go_on(&mut self) {
        self.paused = false;
    }

    fn pause(&mut self, cx: &Cx, around: &mut Around<'_>) {
        self.paused = true;
        around.remind(retry(), cx.at.plus_secs(NOTES_RETRY_SECS));
    }

    /// Somebody who waits has gone.
    pub fn leave(&mut self, space: Space, who: ParticipantId) {
        self.admittances.retain(|one| *one != (space, who));
    }

    /// Describes what is wrong.
    pub fn check(
        &self,
        agenda: &Agenda,
        queued: impl Iterator<Item = (Space, ParticipantId)>,
    ) -> Result<(), String> {
        let (namespace, space, tag) = retry();
        if self.paused != agenda.get(Due::Module(namespace, space, tag)).is_some() {
            return Err(format!(
                "notes: paused {}, and the agenda says otherwise",
                self.paused
            ));
        }
        let waiting: BTreeSet<_> = self.admittances.iter().copied().collect();
        let queued: BTreeSet<_> = queued.collect();
        if waiting != queued || waiting.len() != self.admittances.len() {
            return Err(format!(
                "notes: {queued:?} wait, in line are {:?}",
                self.admittances
            ));
        }
        Ok(())
    }
}

fn retry() -> (Namespace, Space, u8) {
    (Namespace::MeetingNotes, Space::MAIN, RETRY)
}

impl Notes {
    /// Somebody is to have this access; [`Notes::advance`] does it.
    pub(super) fn want(&mut self, around: &Around<'_>, (space, who): (Space, ParticipantId), readonly: bool) {
        if around.people.get(who).is_none_or(Participant::is_hidden) {
            return;
        }
        let reader = self.spaces.of(space).readers.entry(who).or_default();
        if reader.want(readonly) {
            self.queue.admittances.push_back((space, who));
        }
    }

    /// Begins what may begin now.
    pub(super) fn advance(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        if self.queue.paused {
            return;
        }
        let is_one = |work: &&Work| {
            matches!(
                work,
                Work::MeetingNotes(NotesCall::Admit(_) | NotesCall::Dismiss { .. } | NotesCall::Clear { .. })
            )
        };
        let mut under_way = around.tasks.iter().filter(is_one).count();
        while under_way < NOTES_TASKS_AT_ONCE && around.tasks.has_place() {
            let Some(call) = self.next(around) else { return };
            // There is a place.
            let _ = ask(cx, around, call, None);
            under_way += 1;
        }
        if !around.tasks.has_place() {
            self.queue.pause(cx, around);
        }
    }

    /// What is to be done next.
    fn next(&mut self, around: &Around<'_>) -> Option<NotesCall> {
        let clears = |space| {
            let name = name(around, space);
            let clear = Work::MeetingNotes(NotesCall::Clear { name });
            !around.tasks.iter().any(|work| *work == clear)
        };
        let unclear = |(space, here): &(Space, &SpaceNotes)| {
            here.stage == Stage::There { clearing: true } && clears(*space)
        };
        let unclear = self.spaces.iter().find(unclear).map(|(space, _)| space);
        if let Some(space) = unclear {
            let name = name(around, space);
            return Some(NotesCall::Clear { name });
        }
        if let Some((space, session)) = self.queue.dismissals.pop_front() {
            let name = name(around, space);
            return Some(NotesCall::Dismiss { name, session });
        }
        let mut later = VecDeque::new();
        let mut found = None;
        while let Some((space, who)) = self.queue.admittances.pop_front() {
            let Some(here) = self.spaces.get_mut(space) else {
                continue;
            };
            let Some(reader) = here.readers.get_mut(&who) else {
                continue;
            };
            // One at a time for each of them, and none before the old ones have ended.
            let is_under_way = admittances(around, space).any(|other| other == who);
            if here.stage != (Stage::There { clearing: false }) || is_under_way {
                later.push_back((space, who));
                continue;
            }
            let Some(participant) = around.people.get(who) else {
                continue;
            };
            reader.begin();
            found = Some(NotesCall::Admit(Admittance {
                name: name(around, space),
                participant: who,
                display_name: participant.display_name.clone(),
                readonly: reader.readonly(),
                replaces: reader.replaced(),
            }));
            break;
        }
        later.append(&mut self.queue.admittances);
        self.queue.admittances = later;
        found
    }

    /// Somebody has a session, or could not get one.
    pub(super) fn admitted(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (session, made): (TaskId, &Admittance),
        outcome: &Outcome,
    ) {
        let (space, who) = (made.name.space, made.participant);
        let is_made = *outcome == Outcome::Done;
        let reader = self
            .spaces
            .get_mut(space)
            .and_then(|here| here.readers.get_mut(&who));
        let Some(reader) = reader else {
            // It has gone meanwhile.
            return self.queue.dismiss(space, is_made.then_some(session));
        };
        if is_made {
            let until = cx.at.plus_secs(NOTES_RENEWAL_SECS);
            reader.admit(session, until);
            if around.deadline(renewal(space)).is_none_or(|due| due > until) {
                around.remind(renewal(space), until);
            }
            // What was chosen otherwise meanwhile is in line already.
            if reader.readonly() == made.readonly {
                let is_news = reader.show(Some(made.readonly));
                tell(cx, around, who, (session, made.readonly));
                if is_news {
                    around.people.announce(who);
                }
            }
            return;
        }
        let failures = reader.fail();
        if reader.is_queued() {
            return self.queue.pause(cx, around);
        }
        if failures < NOTES_FAILURES_MAX {
            if reader.renew() {
                self.queue.admittances.push_back((space, who));
            }
            return self.queue.pause(cx, around);
        }
        // It is left out, until it is chosen again or comes again.
        let was_shown = reader.show(None);
        let ended = reader.replaced();
        self.queue.dismiss(space, ended);
        if let Some(here) = self.spaces.get_mut(space) {
            here.readers.remove(&who);
        }
        if was_shown {
            around.people.announce(who);
        }
    }

    /// All sessions are to end: nobody knows any more what led there.
    pub(super) fn clear_all(&mut self, cx: &Cx, around: &mut Around<'_>) {
        let mut again = Vec::new();
        for (space, here) in self.spaces.iter_mut() {
            let Stage::There { clearing } = &mut here.stage else {
                continue;
            };
            *clearing = true;
            around.forget(renewal(space));
            for (who, reader) in &mut here.readers {
                reader.lose();
                if reader.renew() {
                    again.push((space, *who));
                }
            }
        }
        self.queue.dismissals.clear();
        self.queue.in_vain.clear();
        self.queue.admittances.extend(again);
        if self
            .spaces
            .values()
            .any(|here| matches!(here.stage, Stage::There { .. }))
        {
            // With the next input: what is pending now is asked for again as it is.
            self.queue.paused = true;
            around.remind(retry(), cx.at);
        }
    }

    pub(super) fn cleared(&mut self, cx: &Cx, around: &mut Around<'_>, space: Space, outcome: &Outcome) {
        let Some(here) = self.spaces.get_mut(space) else {
            return;
        };
        if *outcome == Outcome::Done {
            here.stage = Stage::There { clearing: false };
        } else {
            self.queue.pause(cx, around);
        }
    }

    /// Sessions are about to end by themselves.
    pub(super) fn renew(&mut self, cx: &Cx, around: &mut Around<'_>, space: Space) {
        let Some(here) = self.spaces.get_mut(space) else {
            return;
        };
        let renewed: BTreeSet<_> = admittances(around, space).collect();
        let mut next: Option<Timestamp> = None;
        for (who, reader) in &mut here.readers {
            let Some(until) = reader.until() else { continue };
            if until > cx.at {
                next = Some(next.map_or(until, |next| next.min(until)));
            } else if !renewed.contains(who) && reader.renew() {
                self.queue.admittances.push_back((space, *who));
            }
        }
        around.set_deadline(renewal(space), next);
    }
}

/// Those of a room whose sessions are being made.
fn admittances<'a>(around: &'a Around<'_>, space: Space) -> impl Iterator<Item = ParticipantId> + 'a {
    around.tasks.iter().filter_map(move |work| match work {
        Work::MeetingNotes(NotesCall::Admit(made)) if made.name.space == space => Some(made.participant),
        _ => None,
    })
}

fn renewal(space: Space) -> (Namespace, Space, u8) {
    (Namespace::MeetingNotes, space, RENEWAL)
}

/// Sends somebody the URL of a session, which nobody but it ever sees.
pub(super) fn tell(
    cx: &mut Cx,
    around: &mut Around<'_>,
    who: ParticipantId,
    (session, readonly): (TaskId, bool),
) {
    let Some(line) = around.people.line_inside(who) else {
        return;
    };
    let (secret, url) = cx.secret(SecretOf::Link(session));
    let event = if readonly {
        MeetingNotesEvent::ReadUrl { url: &url }
    } else {
        MeetingNotesEvent::WriteUrl { url: &url }
    };
    let seq = cx.send_secret(Receivers::One(line), &event, vec![secret]);
    around.people.set_whole_since(who, seq);
}
