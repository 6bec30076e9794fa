//! Namespace `meeting_report`: who has been in a room of the meeting, and when.

mod stays;

use serde::{Deserialize, Serialize};

use self::stays::Stays;
use super::{
    Room,
    effects::Cx,
    module::{Around, Module},
    rations::Rationed,
    refusal::Refusal,
    reports::{NoReport, WaitingReports, filename},
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space},
    protocol::{
        Namespace,
        control::LeaveReason,
        meeting_report::{MeetingReportCommand, MeetingReportError, MeetingReportEvent},
    },
    report::{Attendance, Report, ReportContent, ReportZone},
    task::Outcome,
};

/// What attendance reports are made of, and those that wait.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttendanceReports {
    stays: Stays,
    #[serde(rename = "waiting")]
    reports: WaitingReports,
}

impl Module for AttendanceReports {
    type Command = MeetingReportCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: MeetingReportCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        let MeetingReportCommand::GenerateAttendanceReport {
            include_email_addresses,
        } = command;
        modules
            .meeting_report
            .ask(cx, &mut around, who, include_email_addresses)
    }

    fn joined(&mut self, _cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        if around.has(Namespace::MeetingReport) {
            self.stays.joined(around, who);
        }
    }

    fn left(
        &mut self,
        _cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        space: Space,
        _reason: LeaveReason,
    ) {
        self.stays.left(around, who, space);
    }

    fn space_closed(&mut self, _cx: &mut Cx, _around: &mut Around<'_>, space: Space) {
        self.stays.forget(space);
    }

    /// Reports that were asked for are made all the same.
    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        self.reports.begin_all(cx, around.tasks);
    }

    /// Who asked hears of it, in whatever room of the meeting; nobody if it has gone, or this is another meeting where it may not ask.
    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        let asked_by = task.asked_by.filter(|_| around.has(Namespace::MeetingReport));
        let line = asked_by.and_then(|who| around.people.line_inside(who));
        let event = match filename(outcome) {
            Ok(filename) => MeetingReportEvent::PdfAsset {
                filename,
                asset_id: task.id.into(),
            },
            Err(why) => MeetingReportEvent::Error(why.into()),
        };
        cx.send_one(line, &event);
        self.reports.go_on(cx, around.tasks);
    }
}

impl AttendanceReports {
    fn ask(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        with_addresses: bool,
    ) -> Result<(), Refusal> {
        if !around.people.is_moderator(who) {
            return Err(MeetingReportError::InsufficientPermissions.into());
        }
        if self.reports.is_full() || !around.rations.take(Rationed::AttendanceReport, cx.at) {
            return Err(Refusal::TooMuch);
        }
        let space = around.people.space(who);
        let content = Attendance {
            with_addresses,
            participants: self.stays.attendees(&mut cx.cost, around, space),
        };
        let report = Report {
            room: around.room,
            at: cx.at,
            zone: ReportZone::EventCreator,
            content: ReportContent::Attendance(content),
        };
        if self.reports.ask(cx, around.tasks, report, Some(who)) {
            Ok(())
        } else {
            Err(MeetingReportError::Generate.into())
        }
    }
}

impl From<NoReport> for MeetingReportError {
    fn from(why: NoReport) -> Self {
        match why {
            NoReport::StorageExceeded => Self::StorageExceeded,
            NoReport::NotMade => Self::Generate,
            NoReport::NotStored => Self::Storage,
        }
    }
}
