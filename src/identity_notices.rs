//! What the database tells running servers about people who are known already: logins that have ended, wherever the issuer said
//! so, and rows that went into others'. This server looks every few seconds.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    identity::Revocations,
    known_users::KnownUsers,
    store::{Db, StoreError, merged_users, void_sessions},
};

/// Between two looks: with the look itself, and one that fails, about the ten seconds within which all servers must know.
const INTERVAL: Duration = Duration::from_secs(5);

/// What was stored up to so long before what was read last is read again: clocks differ, and transactions end in another order
/// than they began.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);

/// Looks from one time that what is over is forgotten to the next: ten minutes.
const LOOKS_BETWEEN_FORGETTING: u32 = 120;

/// Reads notices and passes them on.
#[derive(Debug)]
pub struct IdentityNotices {
    db: Db,
    clock: Clock,
    revocations: Revocations,
    known_users: KnownUsers,
    /// For how long tokens of an ended login may still be shown.
    retention: TimeDelta,
    /// The newest that was read of each kind.
    logins_until: DateTime<Utc>,
    merges_until: DateTime<Utc>,
    looks: u32,
}

impl IdentityNotices {
    /// Reads what counts already when the server starts: nobody is let in before this is known.
    pub async fn load(
        db: Db,
        clock: Clock,
        revocations: Revocations,
        known_users: KnownUsers,
        retention: TimeDelta,
    ) -> Result<Self, StoreError> {
        let now = clock.now();
        let mut this = Self {
            db,
            clock,
            revocations,
            known_users,
            retention,
            logins_until: now - retention,
            // This server knows nobody yet.
            merges_until: now,
            looks: 0,
        };
        this.look().await?;
        Ok(this)
    }

    /// Reads what is new. An error leaves all as it was.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let from = |until: DateTime<Utc>| until.min(now) - OVERLAP;
        let logins = void_sessions::since(&self.db, from(self.logins_until)).await?;
        let merges = merged_users::since(&self.db, from(self.merges_until)).await?;
        self.revocations.add(&logins);
        let gone: HashSet<_> = merges.iter().map(|(id, _)| *id).collect();
        self.known_users.forget(&gone);
        if let Some(last) = logins.last() {
            self.logins_until = self.logins_until.max(last.at);
        }
        if let Some((_, at)) = merges.last() {
            self.merges_until = self.merges_until.max(*at);
        }
        self.looks += 1;
        if self.looks >= LOOKS_BETWEEN_FORGETTING {
            self.looks = 0;
            self.revocations.forget(now - self.retention);
        }
        Ok(())
    }

    /// Looks until the stop. While the database is away, what was known last holds.
    pub async fn watch(mut self, stop: CancellationToken) {
        let mut looks = interval(INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_blind = false;
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let Some(looked) = stop.run_until_cancelled(self.look()).await else {
                return;
            };
            let was_blind = std::mem::replace(&mut is_blind, looked.is_err());
            if let Err(error) = looked
                && !was_blind
            {
                tracing::warn!(%error, "the database can't say which logins have ended; what it said last holds");
            }
        }
    }
}
