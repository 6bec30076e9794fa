//! Ids that are nobody's any more, since their rows went into others'. Running servers read them every few seconds.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, StoreError, Tx, leftovers, micros};

/// Ids of one query.
const PAGE_ROWS: usize = 1_000;

/// Notes that a user is no more and who goes on, in the transaction that ends it. Who went into that user before goes on there, too.
pub(super) async fn note(tx: &mut Tx, user: Uuid, into: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    const FOLLOW: &str = "UPDATE merged_users SET into_id = $2 WHERE into_id = $1";
    const INSERT: &str = "INSERT INTO merged_users (id, into_id, at) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET into_id = excluded.into_id, at = excluded.at";
    within!(&mut *tx, c => sqlx::query(FOLLOW).bind(user).bind(into).execute(c).await.map(drop))?;
    within!(tx, c => sqlx::query(INSERT)
        .bind(user)
        .bind(into)
        .bind(micros(now))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The ids that were noted since a time, with their times, in that order; read in pages.
pub async fn since(db: &Db, from: DateTime<Utc>) -> Result<Vec<(Uuid, DateTime<Utc>)>, StoreError> {
    const SELECT: &str = "SELECT id, at FROM merged_users WHERE (at, id) > ($1, $2) ORDER BY at, id LIMIT $3";
    let limit = i64::try_from(PAGE_ROWS).unwrap_or(i64::MAX);
    let (mut all, mut after) = (Vec::new(), (micros(from), Uuid::nil()));
    loop {
        let page: Vec<(Uuid, DateTime<Utc>)> = read!(db, c => sqlx::query_as(SELECT)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .fetch_all(c)
            .await)?;
        if let Some((id, at)) = page.last() {
            after = (*at, *id);
        }
        let is_last = page.len() < PAGE_ROWS;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// Notes from before a time.
pub async fn count_old(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    const SELECT: &str = "SELECT count(*) FROM merged_users WHERE at < $1";
    leftovers::count_before(db, SELECT, before).await
}

/// Deletes some of them, at most `limit`; how many.
pub async fn delete_old(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    const DELETE: &str =
        "DELETE FROM merged_users WHERE id IN (SELECT id FROM merged_users WHERE at < $1 LIMIT $2)";
    leftovers::delete_before(db, DELETE, before, limit).await
}
