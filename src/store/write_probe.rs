//! Whether the database takes what is written: one that answers questions may be full, or read-only as a standby is.

use chrono::{DateTime, Utc};

use super::{Db, StoreError, micros};

/// Writes the one row that is there for this.
pub async fn write(db: &Db, now: DateTime<Utc>) -> Result<(), StoreError> {
    const WRITE: &str = "INSERT INTO write_probes (id, written_at) VALUES (1, $1)
        ON CONFLICT (id) DO UPDATE SET written_at = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(WRITE).bind(micros(now)).execute(c).await.map(drop))?;
            Ok(())
        })
    })
    .await
}
