//! Rooms that were deleted a while ago: what other services still keep of them is known to be ours. The database itself remembers
//! them, whoever deletes a room.

use uuid::Uuid;

use super::{Db, IDS_PER_QUERY, StoreError};

/// They are remembered for a day.
const KEPT_SECS: i64 = 86_400;

/// Which of these are rooms of ours, or were until a while ago.
pub async fn known(db: &Db, rooms: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    let mut known = super::rooms::existing(db, rooms).await?;
    for chunk in rooms.chunks(IDS_PER_QUERY) {
        let some: Vec<Uuid> = read!(db, c => {
            let mut select = sqlx::QueryBuilder::new("SELECT id FROM deleted_rooms WHERE id IN (");
            push_ids!(select, chunk);
            select.push(")").build_query_scalar().fetch_all(c).await
        })?;
        known.extend(some);
    }
    Ok(known)
}

/// Forgets those that are remembered no longer.
pub async fn forget_old(db: &Db) -> Result<(), StoreError> {
    let before = chrono::Utc::now().timestamp() - KEPT_SECS;
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query("DELETE FROM deleted_rooms WHERE deleted_at < $1")
                .bind(before)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}
