//! Namespace `training_participation_report`: trainees are asked at random times whether they are there. The room's owner is the trainer, all
//! others who are seen are trainees, in whatever room of the meeting.

mod logging;
mod whom;

use serde::{Deserialize, Serialize};

use self::logging::Logging;
use super::{
    Room, RoomSettings,
    agenda::{Agenda, Due},
    effects::Cx,
    invariants::check_deadlines,
    module::{Around, Module, State},
    rations::Rationed,
    refusal::Refusal,
    reports::{NoReport, WaitingReports, filename},
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space, Timestamp},
    protocol::{
        Namespace,
        control::LeaveReason,
        limits::{RESUMPTION_SECS, TRAINEES_AWAY_SECS},
        training_participation_report::{
            LoggingEnd, LoggingStart, LoggingState, RandomDelay, TrainingParameters,
            TrainingParticipationReportCommand, TrainingParticipationReportError,
            TrainingParticipationReportEvent, TrainingParticipationReportState,
        },
    },
    report::{Report, ReportContent, ReportZone},
    task::Outcome,
};

/// Deadlines of the meeting: the next checkpoint; the trainer can't come back any more; no trainee has come back.
const CHECKPOINT: u8 = 0;
const TRAINER: u8 = 1;
const TRAINEES: u8 = 2;

const fn deadline(tag: u8) -> (Namespace, Space, u8) {
    (Namespace::TrainingParticipationReport, Space::MAIN, tag)
}

/// What is written down of a training, and reports that wait.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingReports {
    logging: Option<Logging>,
    /// The trainer has ended it: it does not begin by itself any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_unwanted: bool,
    #[serde(rename = "waiting")]
    reports: WaitingReports,
}

impl Module for TrainingReports {
    type Command = TrainingParticipationReportCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: TrainingParticipationReportCommand,
    ) -> Result<(), Refusal> {
        match room.modules() {
            Some((modules, mut around)) => {
                let module = &mut modules.training_participation_report;
                // Each time that it is ended there may be a report.
                let begins = matches!(
                    command,
                    TrainingParticipationReportCommand::EnablePresenceLogging { .. }
                );
                if begins
                    && module.logging.is_none()
                    && whom::is_trainer(&around, who)
                    && !around.rations.take(Rationed::TrainingReport, cx.at)
                {
                    return Err(Refusal::TooMuch);
                }
                Ok(module.obey(cx, &mut around, who, &command)?)
            }
            None => Ok(()),
        }
    }

    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if !around.has(Namespace::TrainingParticipationReport) {
            return;
        }
        if whom::is_trainer(around, who) {
            around.forget(deadline(TRAINER));
            if let Some(parameters) = self.begins_with(around) {
                self.begin(cx, around, parameters, LoggingStart::Autostart);
            }
        } else if let (Some(logging), true) = (&mut self.logging, whom::is_trainee(around, who)) {
            around.forget(deadline(TRAINEES));
            whom::note(logging, around, who);
            if !logging.is_running() {
                start(cx, logging, around, LoggingStart::FirstParticipantJoined);
            }
        }
    }

    /// Who closes its connection may come back: a trainee who moves to another room within seconds, the trainer as long as its token is good.
    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        _space: Space,
        reason: LeaveReason,
    ) {
        let Some(logging) = &mut self.logging else { return };
        if whom::is_trainee(around, who) {
            whom::note(logging, around, who);
        }
        if !logging.is_running() {
            return;
        }
        if whom::is_trainee(around, who) && !whom::is_any_trainee_here(around) {
            if reason == LeaveReason::Quit && around.access.has_good_token(who) {
                around.remind(deadline(TRAINEES), cx.at.plus_secs(TRAINEES_AWAY_SECS));
            } else {
                self.pause(cx, around);
            }
        } else if whom::is_trainer(around, who) && !whom::is_trainer_here(around) {
            if whom::may_trainer_return(around) {
                around.remind(deadline(TRAINER), cx.at.plus_secs(RESUMPTION_SECS));
            } else {
                self.end(cx, around, LoggingEnd::CreatorLeft);
            }
        }
    }

    /// What was written down is not lost with the meeting.
    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        self.report(cx, around);
        self.reports.begin_all(cx, around.tasks);
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, _space: Space, tag: u8) {
        match tag {
            CHECKPOINT => self.ask_trainees(cx, around),
            TRAINER => self.end(cx, around, LoggingEnd::CreatorLeft),
            _ => self.pause(cx, around),
        }
    }

    /// All sessions of the owner hear of it, wherever they are, and whichever meeting it was of.
    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        if around.has(Namespace::TrainingParticipationReport) {
            let event = match filename(outcome) {
                Ok(filename) => TrainingParticipationReportEvent::PdfAsset {
                    filename,
                    asset_id: task.id.into(),
                },
                Err(why) => TrainingParticipationReportEvent::Error(why.into()),
            };
            cx.send(whom::trainers(around), &event);
        }
        self.reports.go_on(cx, around.tasks);
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        if !around.has(Namespace::TrainingParticipationReport) {
            return None;
        }
        let is_trainer = whom::is_trainer(around, who);
        let state = match &self.logging {
            // It will have begun before anything else happens.
            None if is_trainer && self.begins_with(around).is_some() => LoggingState::Enabled,
            None => LoggingState::Disabled,
            Some(logging) if whom::is_trainee(around, who) && logging.waits_for(who) => {
                LoggingState::WaitingForConfirmation
            }
            Some(_) => LoggingState::Enabled,
        };
        let parameter_set = around.facts.training.filter(|_| is_trainer);
        Some(State::of(&TrainingParticipationReportState {
            state,
            parameter_set,
        }))
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        if let Some(logging) = &self.logging {
            logging.check()?;
        }
        let next = self.logging.as_ref().and_then(|logging| logging.next);
        let planned = next.map(|next| (Space::MAIN, next)).into_iter();
        check_deadlines(
            agenda,
            (Namespace::TrainingParticipationReport, CHECKPOINT),
            planned,
        )?;
        let waits = |(namespace, space, tag)| agenda.get(Due::Module(namespace, space, tag)).is_some();
        if next.is_none() && [TRAINER, TRAINEES].map(deadline).into_iter().any(waits) {
            return Err("somebody is waited for, though nobody is asked".to_owned());
        }
        Ok(())
    }
}

impl TrainingReports {
    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: &TrainingParticipationReportCommand,
    ) -> Result<(), TrainingParticipationReportError> {
        match command {
            TrainingParticipationReportCommand::ConfirmPresence => return self.confirm(cx, around, who),
            _ if !whom::is_trainer(around, who) => {
                return Err(TrainingParticipationReportError::InsufficientPermissions);
            }
            TrainingParticipationReportCommand::EnablePresenceLogging {
                initial_checkpoint_delay,
                checkpoint_interval,
            } => {
                if self.logging.is_some() {
                    return Err(TrainingParticipationReportError::PresenceLoggingAlreadyEnabled);
                }
                let parameters = chosen(around, *initial_checkpoint_delay, *checkpoint_interval)?;
                let enabled = TrainingParticipationReportEvent::PresenceLoggingEnabled;
                cx.send(whom::trainers(around), &enabled);
                self.begin(cx, around, parameters, LoggingStart::StartedManually);
            }
            TrainingParticipationReportCommand::DisablePresenceLogging => {
                if self.logging.is_none() {
                    return Err(TrainingParticipationReportError::PresenceLoggingNotEnabled);
                }
                self.end(cx, around, LoggingEnd::StoppedManually);
                self.is_unwanted = true;
                let disabled = TrainingParticipationReportEvent::PresenceLoggingDisabled;
                cx.send(whom::trainers(around), &disabled);
            }
        }
        Ok(())
    }

    /// By which parameters it begins by itself when the trainer comes.
    fn begins_with(&self, around: &Around<'_>) -> Option<TrainingParameters> {
        let is_free = self.logging.is_none() && !self.is_unwanted;
        let parameters = around.facts.training.filter(|_| is_free)?;
        Some(parameters.clamped())
    }

    /// Trainees are asked from now on: those that are here, or those that will come.
    fn begin(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        parameters: TrainingParameters,
        why: LoggingStart,
    ) {
        let logging = self.logging.insert(Logging::new(cx.at, parameters));
        whom::note_all(cx, logging, around);
        if whom::is_any_trainee_here(around) {
            start(cx, logging, around, why);
        }
    }

    fn ask_trainees(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        let full = self.logging.as_ref().is_some_and(Logging::is_full);
        if full {
            // The report of what is written down is made, and another begins.
            self.report(cx, around);
        }
        let Some(logging) = &mut self.logging else { return };
        let Some(at) = logging.next else { return };
        logging.add_checkpoint(at);
        let interval = logging.parameters.checkpoint_interval;
        let interval_secs = interval.interval_secs(|within| cx.below(within));
        // Where the process was away for long, they are asked once for all the time.
        let on_time = Some(at.plus_secs(interval_secs)).filter(|next| *next > cx.at);
        plan(
            logging,
            around,
            on_time.unwrap_or_else(|| cx.at.plus_secs(interval_secs)),
        );
        let asked = TrainingParticipationReportEvent::PresenceConfirmationRequested;
        cx.send(whom::trainees(around), &asked);
    }

    fn confirm(
        &mut self,
        cx: &mut Cx,
        around: &Around<'_>,
        who: ParticipantId,
    ) -> Result<(), TrainingParticipationReportError> {
        let tracking = self.logging.as_mut().filter(|logging| logging.is_tracking());
        let Some(logging) = tracking else {
            return Err(TrainingParticipationReportError::PresenceLoggingNotEnabled);
        };
        if !whom::is_trainee(around, who) || !logging.confirm(who, cx.at) {
            return Err(TrainingParticipationReportError::PresenceLoggingNotAllowedForParticipant);
        }
        let logged = TrainingParticipationReportEvent::PresenceConfirmationLogged;
        cx.send_one(around.people.line(who), &logged);
        Ok(())
    }

    /// No trainee is here any more: it goes on when one comes.
    fn pause(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        self.report(cx, around);
        if let Some(logging) = &mut self.logging {
            stop(cx, logging, around, LoggingEnd::LastParticipantLeft);
        }
    }

    /// Nobody is asked any more.
    fn end(&mut self, cx: &mut Cx, around: &mut Around<'_>, why: LoggingEnd) {
        self.report(cx, around);
        if let Some(mut logging) = self.logging.take() {
            stop(cx, &mut logging, around, why);
        }
    }

    /// Has the report made of what is written down, if anything is.
    fn report(&mut self, cx: &mut Cx, around: &mut Around<'_>) {
        let tracking = self.logging.as_mut().filter(|logging| logging.is_tracking());
        let Some(logging) = tracking else { return };
        let people = &*around.people;
        let name_of = |id| people.get(id).map(|p| p.display_name.clone());
        let report = Report {
            room: around.room,
            at: cx.at,
            zone: ReportZone::EventCreator,
            content: ReportContent::Training(logging.take(cx.at, name_of)),
        };
        if !self.reports.ask(cx, around.tasks, report, None) {
            let failed = TrainingParticipationReportError::Generate;
            let event = TrainingParticipationReportEvent::Error(failed);
            cx.send(whom::trainers(around), &event);
        }
    }
}

/// Trainees are here: they will be asked.
fn start(cx: &mut Cx, logging: &mut Logging, around: &mut Around<'_>, why: LoggingStart) {
    let delay = logging.parameters.initial_checkpoint_delay;
    let first = cx.at.plus_secs(delay.secs(|within| cx.below(within)));
    plan(logging, around, first);
    let started = |first_checkpoint, reason| TrainingParticipationReportEvent::PresenceLoggingStarted {
        first_checkpoint,
        reason,
    };
    cx.send(whom::trainers(around), &started(Some(first), Some(why)));
    cx.send(whom::others(around), &started(None, None));
}

fn plan(logging: &mut Logging, around: &mut Around<'_>, next: Timestamp) {
    logging.next = Some(next);
    around.remind(deadline(CHECKPOINT), next);
}

/// Nobody is asked: all hear of it, if anybody was or would have been.
fn stop(cx: &mut Cx, logging: &mut Logging, around: &mut Around<'_>, why: LoggingEnd) {
    for tag in [CHECKPOINT, TRAINER, TRAINEES] {
        around.forget(deadline(tag));
    }
    if logging.next.take().is_some() {
        let ended = TrainingParticipationReportEvent::PresenceLoggingEnded { reason: why };
        cx.send(around.people.all(), &ended);
    }
}

/// What the trainer has said of when trainees are asked, the event, or nobody.
fn chosen(
    around: &Around<'_>,
    initial: Option<RandomDelay>,
    interval: Option<RandomDelay>,
) -> Result<TrainingParameters, TrainingParticipationReportError> {
    if [initial, interval]
        .into_iter()
        .flatten()
        .any(|delay| !delay.is_allowed())
    {
        return Err(TrainingParticipationReportError::InvalidParameters);
    }
    let otherwise = around.facts.training.map(TrainingParameters::clamped);
    let otherwise = otherwise.unwrap_or(TrainingParameters::DEFAULT);
    Ok(TrainingParameters {
        initial_checkpoint_delay: initial.unwrap_or(otherwise.initial_checkpoint_delay),
        checkpoint_interval: interval.unwrap_or(otherwise.checkpoint_interval),
    })
}

impl From<NoReport> for TrainingParticipationReportError {
    fn from(why: NoReport) -> Self {
        match why {
            NoReport::StorageExceeded => Self::StorageExceeded,
            NoReport::NotMade => Self::Generate,
            NoReport::NotStored => Self::Storage,
        }
    }
}
