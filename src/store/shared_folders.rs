//! Folders at the storage provider, one per event.

use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    rows::{Columns, from_columns},
};
use crate::secrets::Secret;

/// A folder, and the two links to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFolder {
    /// Where it lies in the account of this server.
    pub path: String,
    pub write: Share,
    pub read: Share,
}

/// A public link to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// As the provider calls it.
    pub id: String,
    pub url: String,
    pub password: Secret,
}

/// What became of a new folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    New,
    /// The event has this one already.
    Other(SharedFolder),
    NoEvent,
}

impl SharedFolder {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let share = |kind: &str| {
            Ok::<_, sqlx::Error>(Share {
                id: row.col(&format!("{kind}_share_id"))?,
                url: row.col(&format!("{kind}_url"))?,
                password: Secret::new(row.col::<String>(&format!("{kind}_password"))?),
            })
        };
        Ok(Self {
            path: row.col("path")?,
            write: share("write")?,
            read: share("read")?,
        })
    }
}
from_columns!(SharedFolder);

const BY_EVENT: &str =
    "SELECT path, write_share_id, write_url, write_password, read_share_id, read_url, read_password
    FROM shared_folders WHERE event_id = $1";

/// The folder of an event.
pub async fn get(db: &Db, event: Uuid) -> Result<Option<SharedFolder>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(BY_EVENT).bind(event).fetch_optional(c).await)?)
}

/// Gives an event a folder unless it has one.
pub async fn keep(db: &Db, event: Uuid, folder: SharedFolder) -> Result<Kept, StoreError> {
    let kept = db
        .transaction(move |tx| {
            Box::pin(async move {
                if insert(tx, event, &folder).await? {
                    return Ok(Kept::New);
                }
                let other = within!(tx, c => sqlx::query_as(BY_EVENT).bind(event).fetch_one(c).await)?;
                Ok(Kept::Other(other))
            })
        })
        .await;
    match kept {
        Err(StoreError::Referenced(_)) => Ok(Kept::NoEvent),
        kept => kept,
    }
}

/// Gives an event a folder, in the transaction that makes the event. Whether it had none.
pub async fn insert(tx: &mut Tx, event: Uuid, folder: &SharedFolder) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO shared_folders
        (event_id, path, write_share_id, write_url, write_password, read_share_id, read_url, read_password)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (event_id) DO NOTHING";
    let inserted = within!(tx, c => sqlx::query(INSERT)
        .bind(event)
        .bind(&folder.path)
        .bind(&folder.write.id)
        .bind(&folder.write.url)
        .bind(folder.write.password.reveal())
        .bind(&folder.read.id)
        .bind(&folder.read.url)
        .bind(folder.read.password.reveal())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(inserted == 1)
}

/// Forgets this folder of an event, not one that took its place. Whether there was one.
pub async fn forget(db: &Db, event: Uuid, path: String) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM shared_folders WHERE event_id = $1 AND path = $2";
    db.transaction(move |tx| {
        Box::pin(async move {
            let deleted = within!(tx, c => sqlx::query(DELETE)
                .bind(event)
                .bind(&path)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(deleted == 1)
        })
    })
    .await
}
