//! Reports that a room wants made: of each kind one at a time, and a few that wait.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{effects::Cx, tasks::Tasks};
use crate::{
    ids::ParticipantId,
    protocol::limits::REPORTS_WAITING_MAX,
    report::Report,
    task::{Outcome, Work},
};

/// Reports of one kind that wait until the one is made that is under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WaitingReports(VecDeque<Wanted>);

/// A report, and the participant who hears what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wanted {
    report: Box<Report>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_by: Option<ParticipantId>,
}

impl WaitingReports {
    /// Whether no further one would be taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= REPORTS_WAITING_MAX
    }

    /// Has a report made, at once or when its turn has come; false when that is too much.
    pub fn ask(
        &mut self,
        cx: &mut Cx,
        tasks: &mut Tasks,
        report: Report,
        asked_by: Option<ParticipantId>,
    ) -> bool {
        let of = report.content.namespace();
        let is_under_way = tasks
            .iter()
            .any(|work| matches!(work, Work::Report(_)) && work.namespace() == of);
        let wanted = Wanted {
            report: Box::new(report),
            asked_by,
        };
        if !is_under_way {
            return wanted.begin(cx, tasks);
        }
        let takes = !self.is_full();
        if takes {
            self.0.push_back(wanted);
        }
        takes
    }

    /// One is made: the next one's turn has come.
    pub fn go_on(&mut self, cx: &mut Cx, tasks: &mut Tasks) {
        if let Some(wanted) = self.0.pop_front() {
            // There is a place: the one that was made has left it.
            wanted.begin(cx, tasks);
        }
    }

    /// The meeting is over: nobody is left who would go on.
    pub fn begin_all(&mut self, cx: &mut Cx, tasks: &mut Tasks) {
        for wanted in self.0.drain(..) {
            wanted.begin(cx, tasks);
        }
    }
}

impl Wanted {
    fn begin(self, cx: &mut Cx, tasks: &mut Tasks) -> bool {
        tasks.ask(cx, Work::Report(self.report), self.asked_by)
    }
}

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReport {
    StorageExceeded,
    NotMade,
    NotStored,
}

/// The file's name of a report, if there is one.
pub fn filename(outcome: &Outcome) -> Result<&str, NoReport> {
    match outcome {
        Outcome::Stored { filename } => Ok(filename),
        Outcome::StorageExceeded => Err(NoReport::StorageExceeded),
        Outcome::NotStored => Err(NoReport::NotStored),
        _ => Err(NoReport::NotMade),
    }
}
