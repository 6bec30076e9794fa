//! Keys that all servers with one database share, made by whichever needs one first.

use chrono::Utc;

use super::{Db, StoreError, micros};

/// Octets of a key.
const KEY_BYTES: usize = 32;

/// The key of this name.
pub async fn get_or_make(db: &Db, name: &'static str) -> Result<Vec<u8>, StoreError> {
    const INSERT: &str =
        "INSERT INTO server_keys (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
    if let Some(key) = get(db, name).await? {
        return Ok(key);
    }
    let made: [u8; KEY_BYTES] = rand::random();
    let insert = db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(INSERT)
                .bind(name)
                .bind(&made[..])
                .bind(micros(Utc::now()))
                .execute(c)
                .await
                .map(drop))?;
            Ok::<_, StoreError>(())
        })
    });
    insert.await?;
    // Another server may have been faster.
    let key = get(db, name).await?;
    key.ok_or_else(|| StoreError::Unreadable(format!("server_keys: {name} was just made and is missing")))
}

async fn get(db: &Db, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    const SELECT: &str = "SELECT value FROM server_keys WHERE name = $1";
    Ok(read!(db, c => sqlx::query_scalar(SELECT).bind(name).fetch_optional(c).await)?)
}
