//! Quotas: what somebody may have is counted within the transaction that adds to it.
//!
//! Whoever counts takes the subject's row first ([`take_user`]): of two transactions at the last free place the second
//! waits for the first, and counts what that has added. What is limited per day or hour has a counter in the table
//! `usage_counters`, which [`raise`] raises; a transaction that is rolled back has raised nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, Tx, leftovers, micros, rows::count};
use crate::{
    config::Quotas,
    quotas::{Period, Quota},
};

/// Nothing more of this is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the quota {} of {max} does not allow more than the {used} there are", quota.name())]
pub struct QuotaExceeded {
    pub quota: Quota,
    pub max: u64,
    pub used: u64,
    /// Seconds until use is counted from nothing again; `None`: it does not end by itself.
    pub ends_in_secs: Option<u64>,
}

/// Why a change was not made that counts against a quota.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Exceeded(#[from] QuotaExceeded),
}

impl From<sqlx::Error> for QuotaError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What holds for somebody: the tariff's quotas over the server's.
#[derive(Debug, Clone)]
pub struct Limits {
    of_tariff: BTreeMap<String, u64>,
    settings: Quotas,
}

impl Limits {
    #[must_use]
    pub fn new(of_tariff: BTreeMap<String, u64>, settings: Quotas) -> Self {
        Self { of_tariff, settings }
    }

    /// The same tariff where these settings hold.
    #[must_use]
    pub fn under(self, settings: Quotas) -> Self {
        Self { settings, ..self }
    }

    /// The most there may be; `None`: any number.
    #[must_use]
    pub fn of(&self, quota: Quota) -> Option<u64> {
        quota.limit(&self.of_tariff, &self.settings)
    }

    /// Refuses one more where there are `used` already. What is above a limit that was lowered stays.
    pub fn one_more(&self, quota: Quota, used: u64) -> Result<(), QuotaExceeded> {
        match self.of(quota) {
            Some(max) if used >= max => Err(QuotaExceeded {
                quota,
                max,
                used,
                ends_in_secs: None,
            }),
            _ => Ok(()),
        }
    }
}

/// Takes a user's row until the end of the transaction, so that whoever counts what is the user's comes one after the
/// other. What holds for the user; for a user who is gone, what holds without a tariff.
pub async fn take_user(
    tx: &mut Tx,
    user: Uuid,
    settings: Quotas,
    now: DateTime<Utc>,
) -> Result<Limits, StoreError> {
    const TAKE: &str = "UPDATE users SET quota_touched_at = $2 WHERE id = $1 RETURNING tariff_id";
    const SELECT: &str = "SELECT quotas FROM tariffs WHERE id = $1";
    let tariff: Option<Uuid> = within!(&mut *tx, c => sqlx::query_scalar(TAKE)
        .bind(user)
        .bind(micros(now))
        .fetch_optional(c)
        .await)?;
    let quotas: Option<Json<BTreeMap<String, u64>>> =
        within!(tx, c => sqlx::query_scalar(SELECT).bind(tariff).fetch_optional(c).await)?;
    Ok(Limits::new(
        quotas.map(|quotas| quotas.0).unwrap_or_default(),
        settings,
    ))
}

/// Takes the row of a room's owner until the end of the transaction. The owner; `None`: no such room.
pub async fn take_owner_of_room(tx: &mut Tx, room: Uuid) -> Result<Option<Uuid>, StoreError> {
    const TAKE: &str = "UPDATE users SET used_storage = used_storage
        WHERE id = (SELECT created_by FROM rooms WHERE id = $1) RETURNING id";
    Ok(within!(tx, c => sqlx::query_scalar(TAKE).bind(room).fetch_optional(c).await)?)
}

/// The same of an event's room. `None`: no such event.
pub async fn take_owner_of_event(tx: &mut Tx, event: Uuid) -> Result<Option<Uuid>, StoreError> {
    const TAKE: &str = "UPDATE users SET used_storage = used_storage
        WHERE id = (SELECT r.created_by FROM events v JOIN rooms r ON r.id = v.room_id WHERE v.id = $1) RETURNING id";
    Ok(within!(tx, c => sqlx::query_scalar(TAKE).bind(event).fetch_optional(c).await)?)
}

/// Whose use of what is counted per day or hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    subject: Vec<u8>,
    quota: Quota,
}

impl Counter {
    /// Of something with an id: a user, an event.
    #[must_use]
    pub fn of_id(subject: Uuid, quota: Quota) -> Self {
        Self::of_bytes(subject.as_bytes(), quota)
    }

    /// Of something else, such as the hash of an address.
    #[must_use]
    pub fn of_bytes(subject: &[u8], quota: Quota) -> Self {
        Self {
            subject: subject.to_owned(),
            quota,
        }
    }

    /// The period that counts; a day where the quota has none of its own.
    fn period(&self) -> Period {
        self.quota.period().unwrap_or(Period::Day)
    }

    fn exceeded(&self, max: u64, used: u64, now: DateTime<Utc>) -> QuotaExceeded {
        QuotaExceeded {
            quota: self.quota,
            max,
            used,
            ends_in_secs: Some(self.period().secs_left(now)),
        }
    }
}

/// Counts `by` more, all of them or none; `max` is what [`Limits::of`] says. What the counter says then.
pub async fn raise(
    tx: &mut Tx,
    counter: &Counter,
    by: u64,
    max: Option<u64>,
    now: DateTime<Utc>,
) -> Result<u64, QuotaError> {
    // The row of the counter is taken by the first statement: nobody raises it between the two.
    let used = take(tx, counter, now).await?;
    match max {
        Some(max) if used.saturating_add(by) > max => Err(counter.exceeded(max, used, now).into()),
        _ => Ok(add(tx, counter, by, now).await?),
    }
}

/// Counts as many of `wanted` as there is room for; how many those are.
pub async fn raise_up_to(
    tx: &mut Tx,
    counter: &Counter,
    wanted: u64,
    max: Option<u64>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let used = take(tx, counter, now).await?;
    let granted = max.map_or(wanted, |max| wanted.min(max.saturating_sub(used)));
    if granted > 0 {
        add(tx, counter, granted, now).await?;
    }
    Ok(granted)
}

/// What a counter says at this time.
pub async fn used(db: &Db, counter: &Counter, now: DateTime<Utc>) -> Result<u64, StoreError> {
    const SELECT: &str =
        "SELECT value FROM usage_counters WHERE subject = $1 AND name = $2 AND period_start = $3";
    let value: Option<i64> = read!(db, c => sqlx::query_scalar(SELECT)
        .bind(counter.subject.as_slice())
        .bind(counter.quota.name())
        .bind(counter.period().start(now))
        .fetch_optional(c)
        .await)?;
    Ok(value.map(count).unwrap_or_default())
}

/// Counters of periods that began before a time.
pub async fn count_old(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    const SELECT: &str = "SELECT count(*) FROM usage_counters WHERE period_start < $1";
    leftovers::count_before(db, SELECT, before).await
}

/// Deletes some of them, at most `limit`; how many.
pub async fn delete_old(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    const DELETE: &str = "DELETE FROM usage_counters WHERE (subject, name, period_start) IN
        (SELECT subject, name, period_start FROM usage_counters WHERE period_start < $1 LIMIT $2)";
    leftovers::delete_before(db, DELETE, before, limit).await
}

/// Takes a counter's row until the end of the transaction. What it says.
async fn take(tx: &mut Tx, counter: &Counter, now: DateTime<Utc>) -> Result<u64, StoreError> {
    const TAKE: &str =
        "INSERT INTO usage_counters (subject, name, period_start, value) VALUES ($1, $2, $3, 0)
        ON CONFLICT (subject, name, period_start) DO UPDATE SET value = usage_counters.value RETURNING value";
    let value: i64 = within!(tx, c => sqlx::query_scalar(TAKE)
        .bind(counter.subject.as_slice())
        .bind(counter.quota.name())
        .bind(counter.period().start(now))
        .fetch_one(c)
        .await)?;
    Ok(count(value))
}

async fn add(tx: &mut Tx, counter: &Counter, by: u64, now: DateTime<Utc>) -> Result<u64, StoreError> {
    const ADD: &str = "UPDATE usage_counters SET value = value + $4
        WHERE subject = $1 AND name = $2 AND period_start = $3 RETURNING value";
    // Far beyond what anybody counts, and far from what overflows.
    let by = i64::from(u32::try_from(by).unwrap_or(u32::MAX));
    let value: i64 = within!(tx, c => sqlx::query_scalar(ADD)
        .bind(counter.subject.as_slice())
        .bind(counter.quota.name())
        .bind(counter.period().start(now))
        .bind(by)
        .fetch_one(c)
        .await)?;
    Ok(count(value))
}
