//! The targets of a meeting, and how far each has come.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, StreamingTargetId, Timestamp},
    protocol::{
        limits::LIVESTREAMS_MAX,
        meeting::Livestream,
        recording::{StreamKind, StreamStatus, StreamTarget, StreamUpdated},
    },
};

/// The name of the one target that is a recording.
const RECORDING_NAME: &str = "Recording";

/// Something to record or stream to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    name: String,
    /// Where it can be watched; none of a recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
    status: StreamStatus,
    /// What a moderator wants: that it runs, whoever records. Not while it is to pause or to stop.
    #[serde(default)]
    pub(super) is_wanted: bool,
    /// Who started it, and hears when nothing comes of that.
    #[serde(default)]
    started_by: Option<ParticipantId>,
    /// Since when it is starting, until when it must run, and whether all were told before that it has failed.
    #[serde(default)]
    starting: Option<Starting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Starting {
    since: Timestamp,
    until: Timestamp,
    /// Everybody was told of an error, and does not know that it is over.
    had_failed: bool,
}

/// A target that did not begin.
#[derive(Debug)]
pub(super) struct GivenUp {
    /// Who wants it to run all the same.
    pub started_by: Option<ParticipantId>,
    /// Who came since then takes it for starting; none: everybody must hear.
    pub since: Option<Timestamp>,
}

impl Target {
    fn recording() -> Self {
        Self {
            name: RECORDING_NAME.to_owned(),
            public_url: None,
            status: StreamStatus::Inactive,
            is_wanted: false,
            started_by: None,
            starting: None,
        }
    }

    fn livestream(known: &Livestream) -> Self {
        Self {
            name: known.name.clone(),
            public_url: Some(known.public_url.clone()),
            ..Self::recording()
        }
    }

    pub(super) fn status(&self) -> &StreamStatus {
        &self.status
    }

    pub(super) fn is_livestream(&self) -> bool {
        self.public_url.is_some()
    }

    /// Starting, running or pausing.
    pub(super) fn is_in_use(&self) -> bool {
        matches!(
            self.status,
            StreamStatus::Starting | StreamStatus::Active | StreamStatus::Paused
        )
    }

    /// As clients see it.
    pub(super) fn shown(&self) -> StreamTarget<'_> {
        let kind = self.public_url.as_deref();
        StreamTarget {
            name: &self.name,
            kind: kind.map_or(StreamKind::Recording, |public_url| StreamKind::Livestream {
                public_url,
            }),
            status: &self.status,
        }
    }

    /// It is to run, by then.
    pub(super) fn begin(&mut self, by: Option<ParticipantId>, since: Timestamp, until: Timestamp) {
        let had_failed = matches!(self.status, StreamStatus::Error { .. });
        self.status = StreamStatus::Starting;
        (self.is_wanted, self.started_by) = (true, by.or(self.started_by));
        self.starting = Some(Starting {
            since,
            until,
            had_failed,
        });
    }

    /// It does not run any more.
    pub(super) fn end(&mut self) {
        self.status = StreamStatus::Inactive;
        (self.is_wanted, self.starting) = (false, None);
    }

    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.starting.is_some_and(|starting| starting.until <= now)
    }
}

/// All targets of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Targets {
    all: BTreeMap<StreamingTargetId, Target>,
    /// As the room's owner has them now: they count for those that are not in use.
    livestreams: Vec<Livestream>,
}

impl Targets {
    pub(super) fn insert_recording(&mut self, id: StreamingTargetId) {
        self.all.insert(id, Target::recording());
    }

    pub(super) fn set_livestreams(&mut self, mut livestreams: Vec<Livestream>) {
        livestreams.truncate(LIVESTREAMS_MAX);
        self.livestreams = livestreams;
        self.reconcile();
    }

    /// What the owner has changed counts where nothing is in use.
    pub(super) fn reconcile(&mut self) {
        let known: BTreeSet<_> = self.livestreams.iter().map(|known| known.id).collect();
        self.all
            .retain(|id, target| !target.is_livestream() || target.is_in_use() || known.contains(id));
        for known in &self.livestreams {
            let target = self
                .all
                .entry(known.id)
                .or_insert_with(|| Target::livestream(known));
            if !target.is_in_use() {
                target.name.clone_from(&known.name);
                target.public_url = Some(known.public_url.clone());
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamingTargetId, &Target)> {
        self.all.iter().map(|(id, target)| (*id, target))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (StreamingTargetId, &mut Target)> {
        self.all.iter_mut().map(|(id, target)| (*id, target))
    }

    /// What is starting must run by then.
    pub(super) fn begin_until(&mut self, until: Timestamp) {
        for starting in self
            .all
            .values_mut()
            .filter_map(|target| target.starting.as_mut())
        {
            starting.until = until;
        }
    }

    pub(super) fn has(&self, id: StreamingTargetId) -> bool {
        self.all.contains_key(&id)
    }

    pub(super) fn get_mut(&mut self, id: StreamingTargetId) -> Option<&mut Target> {
        self.all.get_mut(&id)
    }

    /// Those of which this is so.
    pub(super) fn those(&self, is_meant: impl Fn(&Target) -> bool) -> Vec<StreamingTargetId> {
        let meant = self.iter().filter(|(_, target)| is_meant(target));
        meant.map(|(id, _)| id).collect()
    }

    pub(super) fn any_in_use(&self) -> bool {
        self.all.values().any(Target::is_in_use)
    }

    pub(super) fn any_starting(&self) -> bool {
        self.all.values().any(|target| target.starting.is_some())
    }

    /// When the first that is starting must run.
    pub(super) fn next_late(&self) -> Option<Timestamp> {
        let starting = self.all.values().filter_map(|target| target.starting);
        starting.map(|starting| starting.until).min()
    }

    /// Nothing came of its start: it is inactive again.
    pub(super) fn give_up(&mut self, id: StreamingTargetId) -> Option<GivenUp> {
        let target = self.all.get_mut(&id)?;
        let starting = target.starting?;
        let started_by = target.started_by.filter(|_| target.is_wanted);
        target.end();
        Some(GivenUp {
            started_by,
            since: (!starting.had_failed).then_some(starting.since),
        })
    }

    /// Keeps what the recorder says of a target; whether that is something new. Of what another recorder is to begin (`is_awaited`), this
    /// one can only say that it runs.
    pub(super) fn report(&mut self, report: &StreamUpdated, is_awaited: bool) -> bool {
        let Some(target) = self.all.get_mut(&report.target_id) else {
            return false;
        };
        if report.status == target.status
            || report.status == StreamStatus::Starting
            || is_awaited && target.starting.is_some() && report.status != StreamStatus::Active
        {
            return false;
        }
        target.status = report.status.clone();
        target.starting = None;
        if !target.is_in_use() {
            target.is_wanted = false;
        }
        true
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for (id, target) in self.iter() {
            let is_starting = target.status == StreamStatus::Starting;
            if is_starting != target.starting.is_some() || target.is_wanted && !target.is_in_use() {
                return Err(format!("target {id} is {target:?}"));
            }
        }
        Ok(())
    }
}
