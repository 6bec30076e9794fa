//! Events that users have marked for themselves.

use uuid::Uuid;

use super::{Db, StoreError, event_invites::lock_event};

/// Marks an event that the user may see; `None` when it may not. Whether it was unmarked before.
pub async fn mark(db: &Db, user: Uuid, event: Uuid) -> Result<Option<bool>, StoreError> {
    const SEES: &str = "SELECT e.id FROM events e WHERE e.id = $2 AND (e.created_by = $1
        OR EXISTS (SELECT 1 FROM event_invites i WHERE i.event_id = e.id AND i.user_id = $1))";
    const INSERT: &str = "INSERT INTO event_favorites (user_id, event_id) VALUES ($1, $2)
        ON CONFLICT (user_id, event_id) DO NOTHING";
    db.transaction(move |tx| {
        Box::pin(async move {
            // A favourite must not outlive the invitation that is being withdrawn at this moment.
            if lock_event(tx, event).await?.is_none() {
                return Ok(None);
            }
            let seen: Option<Uuid> = within!(&mut *tx, c => sqlx::query_scalar(SEES)
                .bind(user)
                .bind(event)
                .fetch_optional(c)
                .await)?;
            if seen.is_none() {
                return Ok(None);
            }
            let inserted = within!(tx, c => sqlx::query(INSERT)
                .bind(user)
                .bind(event)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(Some(inserted == 1))
        })
    })
    .await
}

/// Removes the user's mark, if there is one.
pub async fn unmark(db: &Db, user: Uuid, event: Uuid) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM event_favorites WHERE user_id = $1 AND event_id = $2";
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(DELETE).bind(user).bind(event).execute(c).await.map(drop))?;
            Ok(())
        })
    })
    .await
}
