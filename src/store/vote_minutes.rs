//! What is written down of formal votes that are over.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, StoreError, leftovers, micros};

/// One vote.
#[derive(Debug, Clone)]
pub struct VoteMinutes {
    pub vote: Uuid,
    pub room: Uuid,
    /// The user who began it.
    pub initiator: Option<Uuid>,
    pub ended_at: DateTime<Utc>,
    /// JSON.
    pub text: String,
}

/// Rows of a room that go at once where there are too many.
const TRIMMED_MAX: i64 = 500;

/// Keeps what is not kept yet. Of a room that is gone nothing is; of one that has more than `kept_max`, the oldest go.
pub async fn keep(db: &Db, minutes: VoteMinutes, kept_max: u32) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO vote_minutes (vote_id, room_id, initiator, ended_at, minutes)
        SELECT $1, r.id, $3, $4, $5 FROM rooms r WHERE r.id = $2
        ON CONFLICT (vote_id) DO NOTHING";
    const TRIM: &str = "DELETE FROM vote_minutes WHERE vote_id IN
        (SELECT vote_id FROM vote_minutes WHERE room_id = $1 ORDER BY ended_at DESC, vote_id DESC LIMIT $3 OFFSET $2)";
    let ended_at = micros(minutes.ended_at);
    db.transaction(move |tx| {
        let minutes = minutes.clone();
        Box::pin(async move {
            within!(&mut *tx, c => sqlx::query(INSERT)
                .bind(minutes.vote)
                .bind(minutes.room)
                .bind(minutes.initiator)
                .bind(ended_at)
                .bind(minutes.text)
                .execute(c)
                .await
                .map(drop))?;
            within!(tx, c => sqlx::query(TRIM)
                .bind(minutes.room)
                .bind(i64::from(kept_max))
                .bind(TRIMMED_MAX)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}

/// Minutes of votes that ended before a time.
pub async fn count_old(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    const SELECT: &str = "SELECT count(*) FROM vote_minutes WHERE ended_at < $1";
    leftovers::count_before(db, SELECT, before).await
}

/// Deletes some of them, at most `limit`; how many.
pub async fn delete_old(db: &Db, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    const DELETE: &str = "DELETE FROM vote_minutes WHERE vote_id IN
        (SELECT vote_id FROM vote_minutes WHERE ended_at < $1 LIMIT $2)";
    leftovers::delete_before(db, DELETE, before, limit).await
}
