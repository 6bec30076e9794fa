//! Namespace `timer`: one stopwatch or countdown per room of a meeting.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    Room, RoomSettings,
    agenda::Agenda,
    effects::Cx,
    invariants::check_deadlines,
    missed::Missed,
    module::{Around, Module, PerSpace, State},
    refusal::Refusal,
    roster::Circle,
};
use crate::{
    ids::{ParticipantId, Space, TimerId, Timestamp},
    protocol::{
        Namespace,
        timer::{
            PlannedKind, StopKind, TimerCommand, TimerConfig, TimerError, TimerEvent, TimerKind,
            TimerPeerState, TimerState, TimerTitle,
        },
    },
};

/// A running timer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    config: TimerConfig,
    #[serde(default)]
    ready: BTreeSet<ParticipantId>,
}

impl Timer {
    /// Whether a participant is ready; none without a ready check.
    fn ready(&self, id: ParticipantId) -> Option<bool> {
        self.config.ready_check_enabled.then(|| self.ready.contains(&id))
    }

    fn ends_at(&self) -> Option<Timestamp> {
        match self.config.kind {
            TimerKind::Stopwatch => None,
            TimerKind::Countdown { ends_at } => Some(ends_at),
        }
    }
}

/// The timers of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timers(PerSpace<OfSpace>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfSpace {
    running: Option<Timer>,
    /// The last one that is over, and when it ended, for those who were away.
    last: Option<(TimerId, Timestamp)>,
}

/// When a countdown ends.
const END: u8 = 0;

fn end_of(space: Space) -> (Namespace, Space, u8) {
    (Namespace::Timer, space, END)
}

impl Module for Timers {
    type Command = TimerCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: TimerCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        Ok(modules.timer.obey(cx, &mut around, who, command)?)
    }

    fn forgotten(&mut self, who: ParticipantId) {
        let running = self.0.values_mut().filter_map(|of| of.running.as_mut());
        for timer in running {
            timer.ready.remove(&who);
        }
    }

    fn space_closed(&mut self, _cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        around.forget(end_of(space));
        self.0.remove(space);
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, _tag: u8) {
        self.end(cx, around, space, StopKind::Expired, None);
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        let timer = self.running(around.people.space(who))?;
        Some(State::of(&TimerState {
            config: &timer.config,
            ready_status: timer.ready(who),
        }))
    }

    fn peer_state(&self, space: Space, who: ParticipantId) -> Option<Box<RawValue>> {
        let ready_status = self.running(space)?.ready(who)?;
        Some(State::of(&TimerPeerState { ready_status }).json)
    }

    fn shown(&self, space: Space) -> Option<Uuid> {
        Some(self.running(space)?.config.timer_id.0)
    }

    fn tell_missed(&self, cx: &mut Cx, around: &Around<'_>, who: ParticipantId, missed: &Missed) {
        let Some(me) = around.people.get(who) else { return };
        // A timer in `join_success` takes the place of what the client shows; it takes the end of any timer for that of all.
        if self.running(me.space).is_some() {
            return;
        }
        let ended: BTreeSet<_> = match missed {
            Missed::AnotherMeeting => {
                let has_timers = around.has(Namespace::Timer);
                has_timers.then_some(TimerId(Uuid::nil())).into_iter().collect()
            }
            Missed::Since(away) => {
                let shown = away.shown(Namespace::Timer).map(|(_, id)| TimerId(id));
                let spaces = away.spaces().filter_map(|space| self.0.get(space)?.last);
                let over = spaces.filter(|(_, at)| *at > away.since()).map(|(id, _)| id);
                shown.chain(over).collect()
            }
        };
        for timer_id in ended {
            let event = TimerEvent::Stopped {
                timer_id,
                kind: StopKind::Expired,
                reason: None,
            };
            cx.send_one(Some(me.line), &event);
        }
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        let running = self.0.iter();
        let planned = running.filter_map(|(space, of)| Some((space, of.running.as_ref()?.ends_at()?)));
        check_deadlines(agenda, (Namespace::Timer, END), planned)
    }
}

impl Timers {
    /// As an earlier version kept them.
    pub(super) fn of_older(
        of: impl Iterator<Item = (Space, Option<Timer>, Option<(TimerId, Timestamp)>)>,
    ) -> Self {
        Self(
            of.map(|(space, running, last)| (space, OfSpace { running, last }))
                .collect(),
        )
    }

    fn running(&self, space: Space) -> Option<&Timer> {
        self.0.get(space)?.running.as_ref()
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: TimerCommand,
    ) -> Result<(), TimerError> {
        let space = around.people.space(who);
        match command {
            TimerCommand::UpdateReadyStatus { timer_id, status } => {
                self.set_ready(cx, around, who, timer_id, status);
                return Ok(());
            }
            _ if !around.people.is_moderator(who) => return Err(TimerError::InsufficientPermissions),
            TimerCommand::Start {
                kind,
                style,
                title,
                enable_ready_check,
            } => {
                if self.running(space).is_some() {
                    return Err(TimerError::TimerAlreadyRunning);
                }
                let config = TimerConfig {
                    timer_id: TimerId(cx.new_id()),
                    started_at: cx.at,
                    kind: begin(kind, cx.at)?,
                    style,
                    title,
                    ready_check_enabled: enable_ready_check,
                };
                if let TimerKind::Countdown { ends_at } = config.kind {
                    around.remind(end_of(space), ends_at);
                }
                cx.send(
                    around.people.around(who),
                    &TimerEvent::Started { config: &config },
                );
                let ready = BTreeSet::new();
                self.0.of(space).running = Some(Timer { config, ready });
                around.people.forget_entries(space);
            }
            TimerCommand::Stop { timer_id, reason } => {
                let is_it = |timer: &Timer| timer.config.timer_id == timer_id;
                if self.running(space).is_some_and(is_it) {
                    around.forget(end_of(space));
                    self.end(cx, around, space, StopKind::ByModerator(who), reason.as_ref());
                }
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        space: Space,
        kind: StopKind,
        reason: Option<&TimerTitle>,
    ) {
        let here = self.0.of(space);
        let Some(timer) = here.running.take() else { return };
        let timer_id = timer.config.timer_id;
        let event = TimerEvent::Stopped {
            timer_id,
            kind,
            reason,
        };
        cx.send(around.people.circle(Circle::In(space)), &event);
        here.last = Some((timer_id, cx.at));
        around.people.forget_entries(space);
    }

    fn set_ready(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        timer_id: TimerId,
        status: bool,
    ) {
        let space = around.people.space(who);
        let Some(timer) = &mut self.0.of(space).running else {
            return;
        };
        if timer.config.timer_id != timer_id || !timer.config.ready_check_enabled {
            return;
        }
        if status {
            timer.ready.insert(who);
        } else {
            timer.ready.remove(&who);
        }
        around.people.forget_entry(who);
        let event = TimerEvent::UpdatedReadyStatus {
            timer_id,
            participant_id: who,
            status,
        };
        cx.send(around.people.around(who), &event);
    }
}

fn begin(kind: PlannedKind, now: Timestamp) -> Result<TimerKind, TimerError> {
    match kind {
        PlannedKind::Stopwatch => Ok(TimerKind::Stopwatch),
        PlannedKind::Countdown { duration } => {
            let ends_at = now.plus_secs(duration);
            if duration == 0 || ends_at >= Timestamp::END {
                return Err(TimerError::InvalidDuration);
            }
            Ok(TimerKind::Countdown { ends_at })
        }
    }
}
