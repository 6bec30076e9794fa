//! What is written down of formal votes that are over.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, StoreError, micros};

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

/// Keeps what is not kept yet. Of a room that is gone nothing is.
pub async fn keep(db: &Db, minutes: VoteMinutes) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO vote_minutes (vote_id, room_id, initiator, ended_at, minutes)
        SELECT $1, r.id, $3, $4, $5 FROM rooms r WHERE r.id = $2
        ON CONFLICT (vote_id) DO NOTHING";
    let ended_at = micros(minutes.ended_at);
    db.transaction(move |tx| {
        let minutes = minutes.clone();
        Box::pin(async move {
            within!(tx, c => sqlx::query(INSERT)
                .bind(minutes.vote)
                .bind(minutes.room)
                .bind(minutes.initiator)
                .bind(ended_at)
                .bind(minutes.text)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}
