//! The recorder of a meeting: it is asked for, comes, gets its orders, goes, and another one takes its place.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Recording, targets::GivenUp};
use crate::{
    ids::{ParticipantId, SessionNo, Space, StreamingTargetId, Timestamp},
    protocol::{
        codes::CloseCode,
        control::LeaveReason,
        limits::{RECORDER_BEGINS_SECS, RECORDER_COMES_SECS, RECORDER_STAYS_SECS, RECORDERS_IN_A_ROW_MAX},
        recording::{
            RecorderFailure, RecordingError, RecordingEvent, StreamStatus, StreamUpdated, TargetIds,
        },
        recording_service::RecordingServiceEvent,
    },
    room::{
        Room,
        access::Holder,
        effects::{Cx, Receivers},
        module::Around,
        roster::{Circle, Participant},
    },
    task::Work,
};

/// A recorder that is in the main room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorder {
    id: ParticipantId,
    came_at: Timestamp,
    /// The targets that it was told of when it joined: it can begin with no others.
    knows: BTreeSet<StreamingTargetId>,
}

impl Recording {
    pub(super) fn is_recorder(&self, who: ParticipantId) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.id == who)
    }

    /// A moderator starts targets, or goes on with those that pause.
    pub(super) fn start(&mut self, cx: &mut Cx, around: &mut Around<'_>, by: ParticipantId, ids: &TargetIds) {
        let busy = self.targets.any_in_use();
        let recorder = self
            .recorder
            .as_ref()
            .filter(|_| busy && self.awaited_until.is_none());
        let knows = recorder.map(|recorder| recorder.knows.clone());
        let until = match (self.awaited_until, &knows) {
            (Some(until), _) => until,
            (None, Some(_)) => cx.at.plus_secs(RECORDER_BEGINS_SECS),
            (None, None) => cx.at.plus_secs(RECORDER_COMES_SECS),
        };
        let (mut begun, mut orders) = (Vec::new(), BTreeSet::new());
        for id in ids.iter() {
            let Some(target) = self.targets.get_mut(id) else {
                continue;
            };
            match target.status() {
                StreamStatus::Starting | StreamStatus::Active => {}
                StreamStatus::Paused => {
                    target.is_wanted = true;
                    orders.insert(id);
                }
                StreamStatus::Inactive | StreamStatus::Error { .. } => {
                    target.begin(Some(by), cx.at, until);
                    begun.push(id);
                }
            }
        }
        if let Some(knows) = knows {
            // What was added since it came, it can't begin with; it is not sent away for that from what it does.
            let (told, untold): (Vec<_>, _) = begun.into_iter().partition(|id| knows.contains(id));
            orders.extend(told);
            self.give_up(cx, around, untold, true);
        } else if self.awaited_until.is_none() && !begun.is_empty() {
            self.gone_in_a_row = 0;
            self.ask(cx, around);
        }
        self.order(cx, around, orders, |target_ids| {
            RecordingServiceEvent::StartStreams { target_ids }
        });
        self.settle(cx, around);
    }

    /// A moderator wants these to pause or to stop.
    pub(super) fn pause_or_stop(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        ids: &TargetIds,
        stops: bool,
    ) -> Result<(), RecordingError> {
        if !self.targets.any_in_use() {
            return Err(RecordingError::RecorderNotStarted);
        }
        let is_awaited = self.awaited_until.is_some();
        let (mut orders, mut not_begun) = (BTreeSet::new(), Vec::new());
        for id in ids.iter() {
            let Some(target) = self.targets.get_mut(id) else {
                continue;
            };
            match target.status() {
                StreamStatus::Inactive => {}
                StreamStatus::Starting if is_awaited && stops => not_begun.push(id),
                // Nobody is there who could pause it.
                StreamStatus::Starting if is_awaited => {}
                _ => {
                    target.is_wanted = false;
                    orders.insert(id);
                }
            }
        }
        self.give_up(cx, around, not_begun, false);
        self.order(cx, around, orders, |target_ids| {
            if stops {
                RecordingServiceEvent::StopStreams { target_ids }
            } else {
                RecordingServiceEvent::PauseStreams { target_ids }
            }
        });
        self.settle(cx, around);
        Ok(())
    }

    fn order(
        &self,
        cx: &mut Cx,
        around: &Around<'_>,
        ids: impl IntoIterator<Item = StreamingTargetId>,
        order: impl FnOnce(&TargetIds) -> RecordingServiceEvent<'_>,
    ) {
        let ids: TargetIds = ids.into_iter().collect();
        let recorder = self.recorder.as_ref();
        if let Some(recorder) = recorder.filter(|_| !ids.is_empty()) {
            cx.send_one(around.people.line_inside(recorder.id), &order(&ids));
        }
    }

    /// Some recorder is to come for what is starting.
    fn ask(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        let until = cx.at.plus_secs(RECORDER_COMES_SECS);
        self.await_until(until);
        let ask = Work::AskRecorder { room: around.room };
        if !around.tasks.ask(cx, ask, None) {
            self.nobody_comes(cx, around);
        }
    }

    fn await_until(&mut self, until: Timestamp) {
        self.awaited_until = Some(until);
        self.targets.begin_until(until);
    }

    /// A recorder has taken the work and is on its way, or none will come.
    pub(super) fn recorder_asked(&mut self, cx: &mut Cx, around: &mut Around<'_>, is_coming: bool) {
        if self.awaited_until.is_none() {
            return;
        }
        if is_coming {
            self.await_until(cx.at.plus_secs(RECORDER_COMES_SECS));
        } else {
            self.nobody_comes(cx, around);
        }
        self.settle(cx, around);
    }

    fn nobody_comes(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        let late = self
            .targets
            .those(|target| *target.status() == StreamStatus::Starting);
        self.give_up(cx, around, late, true);
        self.await_nobody(cx, around);
    }

    /// No recorder is asked for any more.
    pub(super) fn await_nobody(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        self.awaited_until = None;
        around
            .tasks
            .cancel(cx, |work| matches!(work, Work::AskRecorder { .. }));
    }

    /// Something that was to run by now does not.
    pub(super) fn late(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        let late = self.targets.those(|target| target.is_late(cx.at));
        if self.awaited_until.is_none() {
            // The recorder must not begin when nobody expects that any more.
            self.order(cx, around, late.iter().copied(), |target_ids| {
                RecordingServiceEvent::StopStreams { target_ids }
            });
        }
        self.give_up(cx, around, late, true);
        self.settle(cx, around);
    }

    /// Nothing comes of these starts. That hear only those who were told otherwise: clients take it for the end of a recording. Who
    /// started them hears of a failure.
    fn give_up(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        ids: Vec<StreamingTargetId>,
        has_failed: bool,
    ) {
        if ids.is_empty() {
            return;
        }
        let (mut starters, told) = (BTreeSet::new(), when_told(around));
        for id in ids {
            let Some(GivenUp { started_by, since }) = self.targets.give_up(id) else {
                continue;
            };
            starters.extend(started_by.filter(|_| has_failed));
            let to = match since {
                Some(since) => told_since(&told, since),
                None => around.people.circle(Circle::In(Space::MAIN)),
            };
            tell_inactive(cx, to, id);
        }
        for starter in starters {
            let failed = RecordingEvent::RecorderError(RecorderFailure::Timeout);
            cx.send_one(around.people.line_inside(starter), &failed);
        }
    }

    /// A recorder is in the main room, and has its orders: what is starting.
    pub(super) fn recorder_came(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        self.recorder = Some(Recorder {
            id: who,
            came_at: cx.at,
            knows: self.targets.iter().map(|(id, _)| id).collect(),
        });
        self.await_nobody(cx, around);
        self.targets.begin_until(cx.at.plus_secs(RECORDER_BEGINS_SECS));
        self.settle(cx, around);
    }

    /// The recorder has gone; everybody hears that nothing of it goes on. What was wanted, another one begins anew: one that is just coming
    /// (`has_successor`), or one that is asked for.
    pub(super) fn recorder_gone(&mut self, cx: &mut Cx, around: &mut Around<'_>, has_successor: bool) {
        let Some(recorder) = self.recorder.take() else {
            return;
        };
        if cx.at >= recorder.came_at.plus_secs(RECORDER_STAYS_SECS) {
            self.gone_in_a_row = 0;
        }
        let is_awaited = self.awaited_until.is_some();
        let goes_on = has_successor
            || is_awaited
            || self.gone_in_a_row < RECORDERS_IN_A_ROW_MAX && around.people.anybody_present();
        let until = cx.at.plus_secs(RECORDER_COMES_SECS);
        let (mut ended, mut lost, mut goes_on_with_some) = (Vec::new(), Vec::new(), false);
        for (id, target) in self.targets.iter_mut() {
            let is_again = goes_on && target.is_wanted;
            match target.status() {
                StreamStatus::Inactive => {}
                StreamStatus::Starting if is_again => goes_on_with_some = true,
                StreamStatus::Starting => lost.push(id),
                StreamStatus::Active if is_again => {
                    ended.push(id);
                    target.begin(None, cx.at, until);
                    goes_on_with_some = true;
                }
                // What pauses is not begun anew behind the backs of those who speak meanwhile.
                StreamStatus::Active | StreamStatus::Paused | StreamStatus::Error { .. } => {
                    ended.push(id);
                    target.end();
                }
            }
        }
        for id in ended {
            let to = around.people.circle(Circle::In(Space::MAIN));
            tell_inactive(cx, to, id);
        }
        self.give_up(cx, around, lost, true);
        if goes_on_with_some && !has_successor && !is_awaited {
            self.gone_in_a_row += 1;
            self.ask(cx, around);
        } else if let Some(until) = self.awaited_until {
            self.await_until(until);
        }
        self.settle(cx, around);
    }
}

fn tell_inactive(cx: &mut Cx, to: Receivers, target_id: StreamingTargetId) {
    let inactive = StreamUpdated {
        target_id,
        status: StreamStatus::Inactive,
    };
    cx.send(to, &RecordingEvent::StreamUpdated(&inactive));
}

/// When those in the main room got their last `join_success`.
fn when_told(around: &Around<'_>) -> Vec<(SessionNo, Timestamp)> {
    let here = around.people.iter().filter(|(_, p)| p.is_inside(Space::MAIN));
    let told = here.filter_map(|(_, p)| {
        let joined_at = p.visit(Space::MAIN)?.joined_at;
        let back_at = p.away.as_ref().and_then(|away| away.told_last());
        Some((p.line, back_at.map_or(joined_at, |at| at.max(joined_at))))
    });
    told.collect()
}

fn told_since(told: &[(SessionNo, Timestamp)], since: Timestamp) -> Receivers {
    let told = told.iter().filter(|(_, at)| *at >= since);
    Receivers::from(told.map(|(line, _)| *line).collect::<Vec<_>>())
}

impl Room {
    /// A recorder comes into a room of the meeting: one that is there goes. It is the same one maybe, which had to begin anew.
    pub(in crate::room) fn make_room_for_recorder(&mut self, cx: &mut Cx, id: ParticipantId, space: Space) {
        let people = self.meeting.as_ref().map(|meeting| &meeting.people);
        let Some(people) = people.filter(|people| people.get(id).is_some_and(Participant::is_hidden)) else {
            return;
        };
        let others = people
            .iter()
            .filter(|(other, p)| *other != id && p.is_hidden() && p.is_inside(space));
        for other in others.map(|(other, _)| other).collect::<Vec<_>>() {
            if let Some((modules, mut around)) = self.modules()
                && modules.recording.is_recorder(other)
            {
                modules.recording.recorder_gone(cx, &mut around, true);
            }
            let sockets = self.access.get(other).into_iter().flat_map(Holder::sockets);
            for seat in sockets.collect::<Vec<_>>() {
                self.access.stand_up(seat.session);
                cx.close(seat.session, CloseCode::Normal);
            }
            self.leave(cx, other, LeaveReason::Quit);
            self.forget(other);
        }
    }
}
