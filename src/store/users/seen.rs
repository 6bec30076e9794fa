//! When users were here last.

use chrono::{DateTime, TimeDelta, Utc};

use super::User;
use crate::store::{Db, StoreError, micros};

/// How exactly it is known.
const EXACTNESS: TimeDelta = TimeDelta::hours(1);

impl User {
    /// Whether the note of the last visit is so old that it must be made anew.
    #[must_use]
    pub fn is_seen_anew(&self, now: DateTime<Utc>) -> bool {
        now - self.seen_at >= EXACTNESS
    }
}

/// Notes that a user is here, unless that was noted within the hour.
pub async fn note_seen(db: &Db, user: &User, now: DateTime<Utc>) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE users SET seen_at = $2 WHERE id = $1 AND seen_at <= $3";
    let (id, now) = (user.profile.id, micros(now));
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(UPDATE)
                .bind(id)
                .bind(now)
                .bind(now - EXACTNESS)
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}
