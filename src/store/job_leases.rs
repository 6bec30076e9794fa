//! Who runs which maintenance job, so that several servers do not run one at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, StoreError, micros};

/// A right to run a job for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub job: &'static str,
    /// Names this run.
    pub holder: Uuid,
}

/// Takes the lease of a job for `lease`, unless somebody holds it or the job ended after `ran_before`; times
/// further ahead than anybody writes do not count. Whether it was taken.
pub async fn take(
    db: &Db,
    claim: Claim,
    now: DateTime<Utc>,
    lease: Duration,
    ran_before: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const TAKE: &str = "INSERT INTO job_leases (job, holder, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT (job) DO UPDATE SET holder = $2, expires_at = $3
        WHERE (job_leases.expires_at <= $4 OR job_leases.expires_at > $6)
            AND (job_leases.ran_at IS NULL OR job_leases.ran_at <= $5 OR job_leases.ran_at > $6)";
    let (now, until, ran_before) = (micros(now), micros(now + lease), micros(ran_before));
    // No clock of today has written a later time: one that was ahead did.
    let beyond = until + lease;
    db.transaction(move |tx| {
        Box::pin(async move {
            let taken = within!(tx, c => sqlx::query(TAKE)
                .bind(claim.job)
                .bind(claim.holder)
                .bind(until)
                .bind(now)
                .bind(ran_before)
                .bind(beyond)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(taken == 1)
        })
    })
    .await
}

/// Keeps a lease for `lease` from now on. False when somebody else has taken it.
pub async fn renew(db: &Db, claim: Claim, now: DateTime<Utc>, lease: Duration) -> Result<bool, StoreError> {
    const RENEW: &str = "UPDATE job_leases SET expires_at = $3 WHERE job = $1 AND holder = $2";
    let until = micros(now + lease);
    db.transaction(move |tx| {
        Box::pin(async move {
            let renewed = within!(tx, c => sqlx::query(RENEW)
                .bind(claim.job)
                .bind(claim.holder)
                .bind(until)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(renewed == 1)
        })
    })
    .await
}

/// Gives a lease back. `ran_at` stays as it was when the job did not come to its end.
pub async fn give_back(db: &Db, claim: Claim, now: DateTime<Utc>, has_ended: bool) -> Result<(), StoreError> {
    const RELEASE: &str =
        "UPDATE job_leases SET expires_at = $3, ran_at = CASE WHEN $4 THEN $3 ELSE ran_at END
        WHERE job = $1 AND holder = $2";
    let now = micros(now);
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(RELEASE)
                .bind(claim.job)
                .bind(claim.holder)
                .bind(now)
                .bind(has_ended)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}
