//! Namespace `recording`: what of a meeting is recorded or streamed, by which recorder, and who agrees to be. There are targets in the
//! main room only.

mod recorder;
mod targets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::{
    recorder::Recorder,
    targets::{Target, Targets},
};
use super::{
    Room, RoomSettings,
    agenda::Agenda,
    effects::{Cx, SecretOf},
    invariants::check_deadlines,
    module::{Around, Module, State},
    refusal::Refusal,
    roster::{Circle, Participant},
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space, StreamingTargetId, Timestamp},
    protocol::{
        Namespace,
        control::LeaveReason,
        limits::LIVESTREAMS_READ_SECS,
        meeting::{MeetingFacts, Tariff},
        recording::{
            RecordingCommand, RecordingError, RecordingEvent, RecordingPeerState, RecordingState,
            StreamUpdated, TargetIds,
        },
        recording_service::{RecorderStreamInfo, RecordingServiceState, StreamStartOption},
    },
    task::{Outcome, Work},
};

/// Features of the module.
const RECORD: &str = "record";
const STREAM: &str = "stream";

/// When the next thing that was to begin has not, and when the database is asked again.
const LATE: u8 = 0;
const READ: u8 = 1;

const fn deadline(tag: u8) -> (Namespace, Space, u8) {
    (Namespace::Recording, Space::MAIN, tag)
}

/// What is recorded and streamed of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recording {
    targets: Targets,
    /// Who has said whether it agrees, and where that counts: in the room that it is in.
    consents: BTreeMap<ParticipantId, (Space, bool)>,
    /// The one in the main room.
    recorder: Option<Recorder>,
    /// A recorder was asked for, and is to come until then.
    awaited_until: Option<Timestamp>,
    /// How many recorders have gone in the middle, one shortly after the other.
    gone_in_a_row: u8,
    /// The owner has changed the streaming targets since the database was asked for them.
    must_read_again: bool,
}

fn has_feature(tariff: &Tariff, feature: &str) -> bool {
    tariff.has_feature(Namespace::Recording.name(), feature)
}

impl Module for Recording {
    type Command = RecordingCommand;

    fn begin(facts: &MeetingFacts) -> Self {
        let mut targets = Targets::default();
        if let Some(known) = &facts.recording {
            if has_feature(&facts.tariff, RECORD) {
                targets.insert_recording(known.id);
            }
            if has_feature(&facts.tariff, STREAM) {
                targets.set_livestreams(known.livestreams.clone());
            }
        }
        Self {
            targets,
            ..Self::default()
        }
    }

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: RecordingCommand,
    ) -> Result<(), Refusal> {
        if let RecordingCommand::SetConsent { consent } = command {
            room.set_consent(cx, who, consent);
            return Ok(());
        }
        match room.modules() {
            Some((modules, mut around)) => Ok(modules.recording.obey(cx, &mut around, who, &command)?),
            None => Ok(()),
        }
    }

    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if around
            .people
            .get(who)
            .is_some_and(|p| p.is_hidden() && p.space == Space::MAIN)
        {
            self.recorder_came(cx, around, who);
        }
    }

    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        _space: Space,
        _reason: LeaveReason,
    ) {
        if self.consents.remove(&who).is_some() {
            around.people.forget_entry(who);
        }
        if self.is_recorder(who) {
            self.recorder_gone(cx, around, false);
        }
    }

    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        around
            .tasks
            .cancel(cx, |work| work.namespace() == Namespace::Recording);
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, _space: Space, tag: u8) {
        if tag == READ {
            self.look_up_livestreams(cx, around);
        } else {
            self.late(cx, around);
        }
    }

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        match (&task.work, outcome) {
            (Work::AskRecorder { .. }, outcome) => {
                self.recorder_asked(cx, around, *outcome == Outcome::Done);
            }
            (_, Outcome::Livestreams(livestreams)) => {
                self.targets.set_livestreams(livestreams.clone());
            }
            _ => around.remind(deadline(READ), cx.at.plus_secs(LIVESTREAMS_READ_SECS)),
        }
        if matches!(task.work, Work::ReadLivestreams { .. }) && std::mem::take(&mut self.must_read_again) {
            self.look_up_livestreams(cx, around);
        }
    }

    /// Changes of which this room was told while it slept are in the database.
    fn restarted(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        self.must_read_again = false;
        if around.facts.recording.is_some() {
            around.remind(deadline(READ), cx.at);
        }
    }

    fn still_wants(&self, _around: &Around<'_>, work: &Work) -> bool {
        matches!(work, Work::AskRecorder { .. }) && self.awaited_until.is_some()
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        around.facts.recording.as_ref()?;
        let targets = self.targets_of(around.people.space(who));
        Some(State::of(&RecordingState {
            targets: targets.map(|(id, target)| (id, target.shown())).collect(),
        }))
    }

    fn peer_state(&self, space: Space, who: ParticipantId) -> Option<Box<RawValue>> {
        let (_, consents_recording) = *self.consents.get(&who).filter(|(there, _)| *there == space)?;
        Some(State::of(&RecordingPeerState { consents_recording }).json)
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        self.targets.check()?;
        if self.awaited_until.is_some() && !self.targets.any_starting() {
            return Err("a recorder is awaited that has nothing to do".to_owned());
        }
        let late = self.targets.next_late().map(|at| (Space::MAIN, at));
        check_deadlines(agenda, (Namespace::Recording, LATE), late.into_iter())
    }
}

impl Recording {
    fn targets_of(&self, space: Space) -> impl Iterator<Item = (StreamingTargetId, &Target)> {
        self.targets.iter().filter(move |_| space == Space::MAIN)
    }

    /// What the recorder of a room is told when it joins: where each stream is sent to stays secret until that leaves.
    pub(super) fn orders(&self, cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let me = around.people.get(who).filter(|me| me.is_hidden())?;
        if !around.has(Namespace::RecordingService) {
            return None;
        }
        let (mut secrets, mut locations) = (Vec::new(), BTreeMap::new());
        for (id, _) in self
            .targets_of(me.space)
            .filter(|(_, target)| target.is_livestream())
        {
            let (secret, location) = cx.secret(SecretOf::Location(id));
            secrets.push(secret);
            locations.insert(id, location);
        }
        let streams = self.targets_of(me.space).map(|(id, target)| {
            let options = StreamStartOption::of(target.status());
            let info = match locations.get(&id) {
                Some(location) => RecorderStreamInfo::Streaming { options, location },
                None => RecorderStreamInfo::Recording { options },
            };
            (id, info)
        });
        let streams = streams.collect();
        Some(State {
            secrets,
            ..State::of(&RecordingServiceState { streams })
        })
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: &RecordingCommand,
    ) -> Result<(), RecordingError> {
        if !around.people.is_moderator(who) {
            return Err(RecordingError::InsufficientPermissions);
        }
        let is_here = around.people.space(who) == Space::MAIN;
        let known = |ids: &TargetIds| {
            let all = ids.iter().all(|id| is_here && self.targets.has(id));
            all.then_some(()).ok_or(RecordingError::InvalidStreamingId)
        };
        match command {
            RecordingCommand::StartStream { target_ids } => {
                known(target_ids)?;
                self.start(cx, around, who, target_ids);
            }
            RecordingCommand::PauseStream { target_ids } => {
                known(target_ids)?;
                self.pause_or_stop(cx, around, target_ids, false)?;
            }
            RecordingCommand::StopStream { target_ids } => {
                known(target_ids)?;
                self.pause_or_stop(cx, around, target_ids, true)?;
            }
            RecordingCommand::SetConsent { .. } => {}
        }
        Ok(())
    }

    /// A recorder says what has become of a target.
    pub(super) fn reported(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        report: &StreamUpdated,
    ) {
        if self.is_recorder(who) && self.targets.report(report, self.awaited_until.is_some()) {
            cx.send(
                around.people.circle(Circle::In(Space::MAIN)),
                &RecordingEvent::StreamUpdated(report),
            );
            self.settle(cx, around);
        }
    }

    /// Where the room's owner lets it be streamed to may have changed: the database says how.
    fn look_up_livestreams(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        if around.facts.recording.is_none() || !has_feature(&around.facts.tariff, STREAM) {
            return;
        }
        around.forget(deadline(READ));
        if around
            .tasks
            .iter()
            .any(|work| matches!(work, Work::ReadLivestreams { .. }))
        {
            // What it finds may be older.
            self.must_read_again = true;
            return;
        }
        let read = Work::ReadLivestreams { room: around.room };
        if !around.tasks.ask(cx, read, None) {
            around.remind(deadline(READ), cx.at.plus_secs(LIVESTREAMS_READ_SECS));
        }
    }

    /// What follows from any change: nobody is awaited who has nothing to do, and the next deadline is set.
    fn settle(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        self.targets.reconcile();
        if self.awaited_until.is_some() && !self.targets.any_starting() {
            self.await_nobody(cx, around);
        }
        around.set_deadline(deadline(LATE), self.targets.next_late());
    }
}

impl Room {
    /// Somebody says whether it agrees to be recorded; the others in its room see it.
    fn set_consent(&mut self, cx: &mut Cx, who: ParticipantId, consent: bool) {
        let Some((modules, around)) = self.modules() else {
            return;
        };
        let said = (around.people.space(who), consent);
        if around.people.get(who).is_none_or(Participant::is_hidden)
            || modules.recording.consents.insert(who, said) == Some(said)
        {
            return;
        }
        around.people.forget_entry(who);
        if let Some(meeting) = &mut self.meeting {
            meeting.tell_update(cx, who);
        }
    }

    /// REST tells that the owner has changed the streaming targets of the room.
    pub(super) fn look_up_livestreams(&mut self, cx: &mut Cx) {
        if let Some((modules, mut around)) = self.modules() {
            modules.recording.look_up_livestreams(cx, &mut around);
        }
    }
}
