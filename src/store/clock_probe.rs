//! Whether this machine and the database take the same time for now: leases of several nodes go by the database's.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Db, StoreError};

/// By how much this machine's clock is ahead of the database's.
pub async fn ahead(db: &Db) -> Result<TimeDelta, StoreError> {
    let Db::Postgres(pool) = db else {
        return Ok(TimeDelta::zero());
    };
    let mut connection = pool.acquire().await?;
    let asked = Utc::now();
    let theirs: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(&mut *connection)
        .await?;
    let answered = Utc::now();
    // What the question took is no difference.
    Ok(if theirs < asked {
        asked - theirs
    } else if theirs > answered {
        answered - theirs
    } else {
        TimeDelta::zero()
    })
}
