//! The outbox: mails that wait, were sent, or were given up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, StoreError, Tx, micros,
    rows::{Columns, count, from_columns},
};
use crate::mail::Mail;

/// Rows per statement, well below the databases' limits of parameters.
const INSERT_ROWS_MAX: usize = 100;

/// Characters that are kept of an error.
const ERROR_CHARS_MAX: usize = 500;

/// A mail that somebody has taken to send it.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    /// A [`Mail`], if this version of the server can read it.
    pub mail: Value,
    /// Attempts with this one.
    pub attempts: u32,
    /// Until then nobody else takes it; it tells this attempt from later ones.
    pub leased_until: DateTime<Utc>,
}

impl Taken {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            created_at: row.col("created_at")?,
            mail: row.col::<Json<Value>>("mail")?.0,
            attempts: u32::try_from(row.col::<i32>("attempts")?).unwrap_or_default(),
            leased_until: row.col("due_at")?,
        })
    }
}
from_columns!(Taken);

/// Queues mails that are due at once.
pub async fn insert(tx: &mut Tx, mails: &[Mail], now: DateTime<Utc>) -> Result<(), StoreError> {
    let now = micros(now);
    for chunk in mails.chunks(INSERT_ROWS_MAX) {
        within!(&mut *tx, c => {
            let mut insert = sqlx::QueryBuilder::new("INSERT INTO outbox (id, created_at, mail, due_at) ");
            insert.push_values(chunk, |mut row, mail| {
                row.push_bind(Uuid::new_v4()).push_bind(now).push_bind(Json(mail)).push_bind(now);
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Takes at most `limit` mails that are due, the longest waiting first, and keeps them from others for `lease`.
pub async fn take(
    db: &Db,
    limit: u32,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<Vec<Taken>, StoreError> {
    // The condition stands twice: of two servers that choose the same row, the second finds it moved on.
    const TAKE: &str = "UPDATE outbox SET due_at = $2, attempts = attempts + 1
        WHERE due_at <= $1 AND id IN (SELECT id FROM outbox
            WHERE sent_at IS NULL AND failed_at IS NULL AND due_at <= $1 ORDER BY due_at LIMIT $3)
        RETURNING id, created_at, mail, attempts, due_at";
    let (now, until) = (micros(now), micros(now + lease));
    db.transaction(move |tx| {
        Box::pin(async move {
            Ok(within!(tx, c => sqlx::query_as(TAKE)
                .bind(now)
                .bind(until)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await)?)
        })
    })
    .await
}

/// When the next mail is due that is not taken; `None` when nothing waits.
pub async fn next_due(db: &Db) -> Result<Option<DateTime<Utc>>, StoreError> {
    const SELECT: &str = "SELECT min(due_at) FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL";
    Ok(read!(db, c => sqlx::query_scalar(SELECT).fetch_one(c).await)?)
}

/// Notes that a mail server has taken over a mail.
pub async fn sent(db: &Db, mail: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    const UPDATE: &str =
        "UPDATE outbox SET sent_at = $2, last_error = NULL WHERE id = $1 AND sent_at IS NULL";
    let now = micros(now);
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(UPDATE).bind(mail).bind(now).execute(c).await.map(drop))?;
            Ok(())
        })
    })
    .await
}

/// What becomes of a mail that could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is tried again, not before this time.
    Again(DateTime<Utc>),
    /// Nobody tries again.
    GivenUp(DateTime<Utc>),
}

/// Notes why a mail could not be sent, unless somebody else has taken it meanwhile.
pub async fn failed(db: &Db, taken: &Taken, fate: Fate, error: &str) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE outbox SET due_at = $3, failed_at = $4, last_error = $5
        WHERE id = $1 AND due_at = $2 AND sent_at IS NULL AND failed_at IS NULL";
    let (id, leased_until) = (taken.id, taken.leased_until);
    let (due_at, failed_at) = match fate {
        Fate::Again(at) => (micros(at), None),
        Fate::GivenUp(at) => (leased_until, Some(micros(at))),
    };
    let error: String = error
        .chars()
        .filter(|&letter| letter != '\0')
        .take(ERROR_CHARS_MAX)
        .collect();
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(UPDATE)
                .bind(id)
                .bind(leased_until)
                .bind(due_at)
                .bind(failed_at)
                .bind(error)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}

/// Mails that were sent or given up before a time.
pub async fn count_done(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM outbox WHERE sent_at < $1 OR failed_at < $1";
    let before = micros(before);
    Ok(count(
        read!(db, c => sqlx::query_scalar(COUNT).bind(before).fetch_one(c).await)?,
    ))
}

/// Deletes at most `limit` mails that were sent or given up before a time. How many those were.
pub async fn delete_done(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    const DELETE: &str = "DELETE FROM outbox WHERE id IN
        (SELECT id FROM outbox WHERE sent_at < $1 OR failed_at < $1 LIMIT $2)";
    let before = micros(before);
    db.transaction(move |tx| {
        Box::pin(async move {
            Ok(within!(tx, c => sqlx::query(DELETE)
                .bind(before)
                .bind(i64::from(limit))
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?)
        })
    })
    .await
}
