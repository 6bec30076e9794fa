//! What a room has made or written down for good no oftener than so: of each kind so many at once, then one in a time. This is the room's and
//! not the meeting's, so a meeting that ends and begins anew changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::Timestamp,
    protocol::limits::{
        LEGAL_VOTE_START_INTERVAL_SECS, LEGAL_VOTE_STARTS_BURST, REPORT_INTERVAL_SECS, REPORTS_BURST,
    },
};

/// What takes storage of the room's owner, or a place in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rationed {
    AttendanceReport,
    /// A formal vote: its minutes are kept, and its report where that is wanted.
    Vote,
    /// The report of a vote, once more.
    VoteReport,
    NotesPdf,
    WhiteboardPdf,
    /// Trainees are asked, of which a report may come.
    TrainingReport,
}

impl Rationed {
    /// How many at once, and for how many seconds there is one in the long run.
    const fn limits(self) -> (u32, u64) {
        match self {
            Self::Vote => (LEGAL_VOTE_STARTS_BURST, LEGAL_VOTE_START_INTERVAL_SECS),
            Self::AttendanceReport
            | Self::VoteReport
            | Self::NotesPdf
            | Self::WhiteboardPdf
            | Self::TrainingReport => (REPORTS_BURST, REPORT_INTERVAL_SECS),
        }
    }
}

/// By when the intervals are over of all that was asked for, of each kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rations(BTreeMap<Rationed, Timestamp>);

impl Rations {
    /// Takes one more, if there is one now.
    pub fn take(&mut self, what: Rationed, now: Timestamp) -> bool {
        let (burst, interval_secs) = what.limits();
        let paid = self.0.get(&what).map_or(now, |paid| now.max(*paid));
        let ahead_secs = u64::from(burst - 1) * interval_secs;
        let is_there = paid <= now.plus_secs(ahead_secs);
        if is_there {
            self.0.insert(what, paid.plus_secs(interval_secs));
        }
        is_there
    }

    /// Whether nothing was ever taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Rationed; 6] = [
        Rationed::TrainingReport,
        Rationed::AttendanceReport,
        Rationed::Vote,
        Rationed::VoteReport,
        Rationed::NotesPdf,
        Rationed::WhiteboardPdf,
    ];

    #[test]
    fn of_each_kind_there_are_so_many_at_once_and_then_one_in_a_time() {
        let mut rations = Rations::default();
        let begin = Timestamp::from_micros(0);
        for what in ALL {
            let (burst, interval_secs) = what.limits();
            for _ in 0..burst {
                assert!(rations.take(what, begin), "{what:?}");
            }
            assert!(!rations.take(what, begin), "{what:?}");
            let later = begin.plus_secs(interval_secs);
            assert!(rations.take(what, later), "{what:?}");
            assert!(!rations.take(what, later), "{what:?}");
            // A long pause brings no more than there are at once.
            let late = begin.plus_secs(1_000_000);
            let taken = (0..2 * burst).filter(|_| rations.take(what, late)).count();
            assert_eq!(taken, burst as usize, "{what:?}");
        }
    }

    #[test]
    fn rations_are_read_as_they_were_written() {
        let mut rations = Rations::default();
        for what in ALL {
            rations.take(what, Timestamp::from_micros(7));
        }
        let written = serde_json::to_string(&rations).unwrap();
        assert_eq!(serde_json::from_str::<Rations>(&written).unwrap(), rations);
    }
}
