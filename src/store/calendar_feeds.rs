//! Private addresses of users' calendars. Only a hash of an address's token is kept.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Db, StoreError, Tx, micros,
    users::{User, profile_columns, user_columns},
};
use crate::secrets::Secret;

/// Gives a user a feed with this token. A token that the user had before opens nothing any more.
pub async fn put(tx: &mut Tx, user: Uuid, token: &Secret, now: DateTime<Utc>) -> Result<(), StoreError> {
    const UPSERT: &str = "INSERT INTO calendar_feeds (user_id, token_hash, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at";
    within!(tx, c => sqlx::query(UPSERT)
        .bind(user)
        .bind(hash(token))
        .bind(micros(now))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Takes a user's feed away, if there is one.
pub async fn delete(tx: &mut Tx, user: Uuid) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM calendar_feeds WHERE user_id = $1";
    within!(tx, c => sqlx::query(DELETE).bind(user).execute(c).await.map(drop))?;
    Ok(())
}

/// Whose feed a token opens that was made after `made_after`. The search is for the hash, so that its duration tells nothing
/// about tokens.
pub async fn owner(db: &Db, token: &Secret, made_after: DateTime<Utc>) -> Result<Option<User>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM calendar_feeds f JOIN users u ON u.id = f.user_id WHERE f.token_hash = $1 AND f.created_at > $2"
    );
    let made_after = micros(made_after);
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(hash(token)).bind(made_after).fetch_optional(c).await)?)
}

fn hash(token: &Secret) -> Vec<u8> {
    Sha256::digest(token.reveal().as_bytes()).to_vec()
}
