//! Folders at the storage provider, one per event.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Db, StoreError, Tx, micros,
    rows::{Columns, count, from_columns},
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

/// A folder that no event has any more and that is still to be deleted at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    pub path: String,
    /// Ids of its two links.
    pub shares: [String; 2],
}

/// Discarded folders of one look.
const DISCARDED_AT_ONCE: i64 = 100;

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

impl Discarded {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            path: row.col("path")?,
            shares: [row.col("write_share_id")?, row.col("read_share_id")?],
        })
    }
}
from_columns!(SharedFolder, Discarded);

impl From<&SharedFolder> for Discarded {
    fn from(folder: &SharedFolder) -> Self {
        Self {
            path: folder.path.clone(),
            shares: [folder.write.id.clone(), folder.read.id.clone()],
        }
    }
}

const BY_EVENT: &str =
    "SELECT path, write_share_id, write_url, write_password, read_share_id, read_url, read_password
    FROM shared_folders WHERE event_id = $1";

/// The folder of an event.
pub async fn get(db: &Db, event: Uuid) -> Result<Option<SharedFolder>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(BY_EVENT).bind(event).fetch_optional(c).await)?)
}

/// The folder of a room's event.
pub async fn of_room(db: &Db, room: Uuid) -> Result<Option<SharedFolder>, StoreError> {
    const SELECT: &str =
        "SELECT path, write_share_id, write_url, write_password, read_share_id, read_url, read_password
        FROM shared_folders d JOIN events e ON e.id = d.event_id WHERE e.room_id = $1";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?)
}

/// The room of an event, and the event's folder.
pub async fn with_room(db: &Db, event: Uuid) -> Result<Option<(Uuid, Option<SharedFolder>)>, StoreError> {
    const SELECT: &str = "SELECT room_id FROM events WHERE id = $1";
    let room: Option<Uuid> = read!(db, c => sqlx::query_scalar(SELECT).bind(event).fetch_optional(c).await)?;
    let Some(room) = room else { return Ok(None) };
    Ok(Some((room, get(db, event).await?)))
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

/// Takes its folder from an event, for the provider to delete it later. Whether it had one.
pub async fn discard(tx: &mut Tx, event: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    const KEEP: &str = "INSERT INTO discarded_folders (path, write_share_id, read_share_id, discarded_at)
        SELECT path, write_share_id, read_share_id, $2 FROM shared_folders WHERE event_id = $1
        ON CONFLICT (path) DO NOTHING";
    const DELETE: &str = "DELETE FROM shared_folders WHERE event_id = $1";
    within!(&mut *tx, c => sqlx::query(KEEP).bind(event).bind(micros(now)).execute(c).await.map(drop))?;
    let deleted = within!(tx, c => sqlx::query(DELETE)
        .bind(event)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(deleted == 1)
}

/// Some of the folders that are still to be deleted, by path after this one.
pub async fn discarded_after(db: &Db, path: &str) -> Result<Vec<Discarded>, StoreError> {
    const SELECT: &str = "SELECT path, write_share_id, read_share_id FROM discarded_folders
        WHERE path > $1 ORDER BY path LIMIT $2";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(path).bind(DISCARDED_AT_ONCE).fetch_all(c).await)?)
}

pub async fn count_discarded(db: &Db) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM discarded_folders";
    Ok(count(
        read!(db, c => sqlx::query_scalar(COUNT).fetch_one(c).await)?,
    ))
}

/// Forgets a discarded folder, which the provider has deleted.
pub async fn forget_discarded(db: &Db, path: String) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM discarded_folders WHERE path = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(DELETE).bind(&path).execute(c).await.map(drop))?;
            Ok(())
        })
    })
    .await
}
