//! Namespace `timer`: one stopwatch or countdown per room of a meeting.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Meeting,
    agenda::{Agenda, Due},
    effects::Cx,
};
use crate::{
    ids::{ParticipantId, Space, TimerId, Timestamp},
    protocol::timer::{
        PlannedKind, StopKind, TimerCommand, TimerConfig, TimerError, TimerEvent, TimerKind, TimerState,
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
    #[must_use]
    pub fn ready(&self, id: ParticipantId) -> Option<bool> {
        self.config.ready_check_enabled.then(|| self.ready.contains(&id))
    }

    /// What a joining participant gets.
    #[must_use]
    pub fn state_for(&self, id: ParticipantId) -> TimerState<'_> {
        TimerState {
            config: &self.config,
            ready_status: self.ready(id),
        }
    }

    pub(super) fn id(&self) -> TimerId {
        self.config.timer_id
    }

    pub(super) fn forget(&mut self, id: ParticipantId) {
        self.ready.remove(&id);
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        match self.config.kind {
            TimerKind::Stopwatch => None,
            TimerKind::Countdown { ends_at } => Some(ends_at),
        }
    }
}

impl Meeting {
    pub(super) fn timer(
        &mut self,
        cx: &mut Cx,
        agenda: &mut Agenda,
        who: ParticipantId,
        command: TimerCommand,
    ) -> Result<(), TimerError> {
        let space = self.people.space(who);
        match command {
            TimerCommand::UpdateReadyStatus { timer_id, status } => {
                self.set_ready(cx, who, timer_id, status);
                return Ok(());
            }
            _ if !self.people.is_moderator(who) => return Err(TimerError::InsufficientPermissions),
            TimerCommand::Start {
                kind,
                style,
                title,
                enable_ready_check,
            } => {
                if self.space(space).timer.is_some() {
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
                    agenda.set(Due::Timer(space), ends_at);
                }
                cx.send(self.people.around(who), &TimerEvent::Started { config: &config });
                let ready = BTreeSet::new();
                self.space(space).timer = Some(Timer { config, ready });
                self.people.forget_entries(space);
            }
            TimerCommand::Stop { timer_id, reason } => {
                if self
                    .space(space)
                    .timer
                    .as_ref()
                    .is_some_and(|t| t.config.timer_id == timer_id)
                {
                    agenda.clear(Due::Timer(space));
                    self.end_timer(cx, space, StopKind::ByModerator(who), reason.as_ref());
                }
            }
        }
        Ok(())
    }

    pub(super) fn end_timer(
        &mut self,
        cx: &mut Cx,
        space: Space,
        kind: StopKind,
        reason: Option<&crate::protocol::timer::TimerTitle>,
    ) {
        let Some(timer) = self.space(space).timer.take() else {
            return;
        };
        let event = TimerEvent::Stopped {
            timer_id: timer.config.timer_id,
            kind,
            reason,
        };
        cx.send(self.people.circle(super::roster::Circle::In(space)), &event);
        self.space(space).last_timer = Some((timer.config.timer_id, cx.at));
        self.people.forget_entries(space);
    }

    fn set_ready(&mut self, cx: &mut Cx, who: ParticipantId, timer_id: TimerId, status: bool) {
        let space = self.people.space(who);
        let Some(timer) = &mut self.space(space).timer else {
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
        self.people.forget_entry(who);
        let event = TimerEvent::UpdatedReadyStatus {
            timer_id,
            participant_id: who,
            status,
        };
        cx.send(self.people.around(who), &event);
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
