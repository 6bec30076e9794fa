//! A realm that has another URL now: whoever was known under the old one stays who they are. Done at start, by one server.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    clock::Clock,
    store::{
        Db, StoreError, TIME_MAX, Unique,
        former_issuers::{self, Renaming},
        job_leases::{self, Claim},
        users,
    },
};

/// Time after which another server may go on where one has died.
const LEASE: Duration = Duration::from_mins(1);

/// Time between two renewals of the lease.
const RENEWAL: Duration = Duration::from_secs(15);

/// How often a step is tried that meets somebody who logs in for the first time just then.
const TRIES_MAX: u32 = 5;

/// What was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakenOver {
    /// Users who came along.
    pub moved: u64,
    /// Users who had a row under each name, and have one now.
    pub merged: u64,
    /// Services that are locked out.
    pub services: u64,
    /// Logins that have ended.
    pub logins: u64,
}

/// Why nothing, or not all, was taken over. The next start goes on.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    #[error("another server has taken the work over")]
    TakenOver,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes what is stored under `former` names the `present` issuer's. `None`: another server is at it.
pub async fn take_over(
    db: &Db,
    clock: &Clock,
    former: &[String],
    present: &str,
) -> Result<Option<TakenOver>, TakeOverError> {
    let claim = Claim {
        job: "former_issuers",
        holder: Uuid::new_v4(),
    };
    if !job_leases::take(db, claim, clock.now(), LEASE, TIME_MAX).await? {
        return Ok(None);
    }
    let mut work = Work {
        db,
        clock,
        claim,
        renewed_at: Instant::now(),
        done: TakenOver::default(),
    };
    let mut outcome = Ok(());
    for renaming in renamings(former, present) {
        outcome = work.rename(&renaming).await;
        if outcome.is_err() {
            break;
        }
    }
    let done = work.done;
    job_leases::give_back(db, claim, clock.now(), outcome.is_ok()).await?;
    outcome?;
    tracing::info!(
        moved = done.moved,
        merged = done.merged,
        services = done.services,
        logins = done.logins,
        "what belonged to former issuers is the present one's"
    );
    Ok(Some(done))
}

/// Names are compared as they stand in tokens: with or without a slash at the end.
fn renamings(former: &[String], present: &str) -> Vec<Renaming> {
    let bases = former.iter().map(|name| name.trim_end_matches('/'));
    let names = bases.flat_map(|base| [base.to_owned(), format!("{base}/")]);
    names
        .filter(|name| name != present)
        .map(|former| Renaming {
            former,
            present: present.to_owned(),
        })
        .collect()
}

struct Work<'a> {
    db: &'a Db,
    clock: &'a Clock,
    claim: Claim,
    renewed_at: Instant,
    done: TakenOver,
}

impl Work<'_> {
    async fn rename(&mut self, renaming: &Renaming) -> Result<(), TakeOverError> {
        self.users(renaming).await?;
        loop {
            self.keep_lease().await?;
            let moved = former_issuers::move_disabled_subjects(self.db, renaming).await?;
            self.done.services += moved;
            if moved == 0 {
                break;
            }
        }
        loop {
            self.keep_lease().await?;
            let moved = former_issuers::move_void_sessions(self.db, renaming).await?;
            self.done.logins += moved;
            if moved == 0 {
                return Ok(());
            }
        }
    }

    /// Those who log in for the first time meanwhile have two rows then, and are found among these.
    async fn users(&mut self, renaming: &Renaming) -> Result<(), TakeOverError> {
        let mut collisions = 0;
        loop {
            self.keep_lease().await?;
            match former_issuers::move_users(self.db, renaming).await {
                Ok(0) => {}
                Ok(moved) => {
                    self.done.moved += moved;
                    continue;
                }
                Err(StoreError::Duplicate(Unique::UserIdentity)) if collisions < TRIES_MAX => {
                    collisions += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            let twice = former_issuers::people_twice(self.db, renaming).await?;
            if twice.is_empty() {
                return Ok(());
            }
            for merge in twice {
                self.keep_lease().await?;
                if users::merge(self.db, merge, self.clock.now()).await?.is_some() {
                    self.done.merged += 1;
                }
            }
        }
    }

    async fn keep_lease(&mut self) -> Result<(), TakeOverError> {
        if self.renewed_at.elapsed() < RENEWAL {
            return Ok(());
        }
        self.renewed_at = Instant::now();
        let is_kept = job_leases::renew(self.db, self.claim, self.clock.now(), LEASE).await?;
        if is_kept {
            Ok(())
        } else {
            Err(TakeOverError::TakenOver)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_with_and_without_a_slash() {
        let named = |former: &[&str], present: &str| {
            let former: Vec<_> = former.iter().copied().map(str::to_owned).collect();
            let all = renamings(&former, present).into_iter();
            all.map(|renaming| renaming.former).collect::<Vec<_>>()
        };
        assert_eq!(
            named(&["https://old/r/"], "https://new/r"),
            ["https://old/r", "https://old/r/"]
        );
        assert_eq!(named(&["https://new/r"], "https://new/r"), ["https://new/r/"]);
        assert!(named(&[], "https://new/r").is_empty());
    }
}
