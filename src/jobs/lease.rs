//! One run of a job, under a lease that keeps other servers from running it at the same time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Job, Parameters, Report, Tools, work};
use crate::{
    assets::UploadError,
    store::{
        StoreError, TIME_MAX,
        job_leases::{self, Claim},
    },
};

/// Time after which a job whose server died can be run by others.
const LEASE: Duration = Duration::from_mins(5);

/// Time between two renewals of a lease.
const RENEWAL: Duration = Duration::from_mins(1);

/// Why a job did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the job is running already, here or on another server")]
    Running,
    #[error("another server has taken the job over")]
    TakenOver,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the asset store: {0}")]
    Assets(#[from] UploadError),
}

/// Runs a job now, or says what it would do: then nothing is changed, and no lease is needed.
pub async fn run(tools: &Tools, job: Job, parameters: Parameters, dry_run: bool) -> Result<Report, RunError> {
    if dry_run {
        return Box::pin(work::work(tools, job, parameters, dry_run)).await;
    }
    let done = run_unless_ran_since(tools, job, parameters, TIME_MAX).await?;
    done.ok_or(RunError::Running)
}

/// Runs a job unless it is running, or ended after `ran_before`: `None` then.
pub(super) async fn run_unless_ran_since(
    tools: &Tools,
    job: Job,
    parameters: Parameters,
    ran_before: DateTime<Utc>,
) -> Result<Option<Report>, RunError> {
    let claim = Claim {
        job: job.name(),
        holder: Uuid::new_v4(),
    };
    let (db, clock) = (&tools.db, &tools.clock);
    if !job_leases::take(db, claim, clock.now(), LEASE, ran_before).await? {
        return Ok(None);
    }
    let outcome = tokio::select! {
        done = Box::pin(work::work(tools, job, parameters, false)) => done,
        lost = kept(tools, claim) => Err(lost),
    };
    job_leases::give_back(db, claim, clock.now(), outcome.is_ok()).await?;
    let report = outcome?;
    tracing::info!(
        job = job.name(),
        deleted = report.deleted,
        kept = report.kept,
        "a job has ended"
    );
    Ok(Some(report))
}

/// Keeps a lease; ends when it is lost.
async fn kept(tools: &Tools, claim: Claim) -> RunError {
    loop {
        sleep(RENEWAL).await;
        match job_leases::renew(&tools.db, claim, tools.clock.now(), LEASE).await {
            Ok(true) => {}
            Ok(false) => return RunError::TakenOver,
            Err(error) => return error.into(),
        }
    }
}
