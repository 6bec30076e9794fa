//! Maintenance: what clears away what nobody needs any more, by hand or by a schedule, on one server at a time.

mod lease;
mod removal;
mod schedule;
mod work;

use chrono::TimeDelta;
use serde::Serialize;
use uuid::Uuid;

pub use self::{
    lease::{RunError, run},
    schedule::JobSchedule,
};
pub use crate::config::{Job, Parameters, ParametersError};
use crate::{assets::Assets, clock::Clock, deletion::Deleter, store::Db};

/// Ids that a report names.
const EXAMPLES_MAX: usize = 20;

/// What jobs work with.
#[derive(Debug, Clone)]
pub struct Tools {
    pub db: Db,
    pub clock: Clock,
    pub assets: Assets,
    pub deleter: Deleter,
    /// How long it is known that a login has ended.
    pub ended_logins_kept: TimeDelta,
}

/// What a job did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub job: Job,
    /// Whether nothing was changed.
    pub dry_run: bool,
    pub parameters: Parameters,
    /// How many were deleted, or would be.
    pub deleted: u64,
    /// How many could not be deleted: in use, or something outside of this server failed. The next run tries again.
    pub kept: u64,
    /// Some of those that were or would be deleted.
    pub examples: Vec<Uuid>,
}
