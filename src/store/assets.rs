//! Assets: what was recorded or made in a room. The content lies in the asset store under the row's id.
//!
//! The storage that an owner uses is kept beside each change. Whoever changes assets locks the owner's row first, so
//! that uploads, deletions and the deletion of the room follow one another.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, Listed, StoreError, Tx, Window, micros,
    rows::{Columns, count, from_columns},
    usage,
};
use crate::{config::Quotas, tariffs::Quota};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    pub id: Uuid,
    pub room_id: Uuid,
    pub created_at: DateTime<Utc>,
    /// Which module made it.
    pub namespace: String,
    pub kind: String,
    pub filename: String,
    /// Stored bytes.
    pub size: u64,
}

/// An asset in a room of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedAsset {
    pub asset: Asset,
    /// The event of the room.
    pub event_id: Option<Uuid>,
}

/// What an upload into a room depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFacts {
    /// Whose storage it takes.
    pub owner: Uuid,
    /// Bytes that the owner's assets take.
    pub used_storage: u64,
    /// Bytes that the owner's tariff grants; `None`: any number.
    pub max_storage: Option<u64>,
    /// Title of the room's event.
    pub event_title: Option<String>,
}

impl UploadFacts {
    /// Whether nothing new may be stored: the quota is soft, the asset that exceeds it is still taken.
    #[must_use]
    pub fn exceeded(&self) -> bool {
        self.max_storage.is_some_and(|max| self.used_storage > max)
    }

    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let quotas: Json<BTreeMap<String, u64>> = row.col("quotas")?;
        Ok(Self {
            owner: row.col("owner")?,
            used_storage: count(row.col("used_storage")?),
            max_storage: max_storage(&quotas),
            event_title: row.col("event_title")?,
        })
    }
}

/// By what a user's assets are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    Filename,
    Size,
    Namespace,
    Kind,
    CreatedAt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Columns of an asset for a query that calls the table `a`.
macro_rules! asset_columns {
    () => {
        "a.id AS asset_id, a.room_id, a.created_at, a.namespace, a.kind, a.filename, a.size"
    };
}

impl Asset {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("asset_id")?,
            room_id: row.col("room_id")?,
            created_at: row.col("created_at")?,
            namespace: row.col("namespace")?,
            kind: row.col("kind")?,
            filename: row.col("filename")?,
            size: count(row.col("size")?),
        })
    }
}

impl OwnedAsset {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            asset: Asset::read(row)?,
            event_id: row.col("event_id")?,
        })
    }
}
from_columns!(Asset, OwnedAsset, UploadFacts);

/// What an upload into the room depends on. `None`: no such room.
pub async fn upload_facts(db: &Db, room: Uuid) -> Result<Option<UploadFacts>, StoreError> {
    const SELECT: &str = "SELECT u.id AS owner, u.used_storage, t.quotas, e.title AS event_title
        FROM rooms r JOIN users u ON u.id = r.created_by JOIN tariffs t ON t.id = u.tariff_id
        LEFT JOIN events e ON e.room_id = r.id WHERE r.id = $1";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?)
}

/// The asset of this room.
pub async fn find(db: &Db, room: Uuid, asset: Uuid) -> Result<Option<Asset>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        asset_columns!(),
        " FROM assets a WHERE a.id = $1 AND a.room_id = $2"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(asset).bind(room).fetch_optional(c).await)?)
}

/// The assets of a room, newest first.
pub async fn list(db: &Db, room: Uuid, window: Window) -> Result<Listed<Asset>, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM assets a WHERE a.room_id = $1";
    const SELECT: &str = concat!(
        "SELECT ",
        asset_columns!(),
        " FROM assets a WHERE a.room_id = $1 ORDER BY a.created_at DESC, a.id DESC LIMIT $2 OFFSET $3"
    );
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(room).fetch_one(c).await)?;
    let rows = read!(db, c => sqlx::query_as(SELECT)
        .bind(room)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows,
        total: count(total),
    })
}

/// The assets in all rooms of `owner`.
pub async fn list_owned(
    db: &Db,
    owner: Uuid,
    (by, order): (SortBy, Order),
    window: Window,
) -> Result<Listed<OwnedAsset>, StoreError> {
    const COUNT: &str =
        "SELECT count(*) FROM assets a JOIN rooms r ON r.id = a.room_id WHERE r.created_by = $1";
    let select = owned_in_order(by, order);
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(owner).fetch_one(c).await)?;
    let rows = read!(db, c => sqlx::query_as(select)
        .bind(owner)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows,
        total: count(total),
    })
}

const fn owned_in_order(by: SortBy, order: Order) -> &'static str {
    macro_rules! select {
        ($column:literal) => {
            match order {
                Order::Ascending => select!($column, "ASC"),
                Order::Descending => select!($column, "DESC"),
            }
        };
        ($column:literal, $order:literal) => {
            concat!(
                "SELECT ",
                asset_columns!(),
                ", e.id AS event_id FROM assets a JOIN rooms r ON r.id = a.room_id
                 LEFT JOIN events e ON e.room_id = r.id WHERE r.created_by = $1 ORDER BY ",
                $column,
                " ",
                $order,
                ", a.created_at ",
                $order,
                ", a.id ",
                $order,
                " LIMIT $2 OFFSET $3"
            )
        };
    }
    match by {
        SortBy::Filename => select!("a.filename"),
        SortBy::Size => select!("a.size"),
        SortBy::Namespace => select!("a.namespace"),
        SortBy::Kind => select!("a.kind"),
        SortBy::CreatedAt => select!("a.created_at"),
    }
}

/// What became of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// Under this name.
    Done(String),
    NoRoom,
    StorageExceeded,
}

/// Adds an asset whose content is stored already; one that `is_limited` not where the owner's storage is exhausted.
/// Where the room has an asset of this name, `numbered` makes another: the second, the third …
pub async fn insert(
    db: &Db,
    asset: Asset,
    numbered: fn(&str, usize) -> String,
    is_limited: bool,
) -> Result<Inserted, StoreError> {
    const INSERT: &str = "INSERT INTO assets (id, room_id, created_at, namespace, kind, filename, size)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let inserted = db
        .transaction(move |tx| {
            Box::pin(async move {
                let size = i64::try_from(asset.size).unwrap_or(i64::MAX);
                let Some(owner) = usage::take_owner_of_room(tx, asset.room_id).await? else {
                    return Ok(Inserted::NoRoom);
                };
                if is_limited && is_exhausted(tx, owner).await? {
                    return Ok(Inserted::StorageExceeded);
                }
                let filename = free_name(tx, &asset, numbered).await?;
                within!(&mut *tx, c => sqlx::query(INSERT)
                    .bind(asset.id)
                    .bind(asset.room_id)
                    .bind(micros(asset.created_at))
                    .bind(asset.namespace)
                    .bind(asset.kind)
                    .bind(&filename)
                    .bind(size)
                    .execute(c)
                    .await
                    .map(drop))?;
                change_used_storage(tx, owner, size).await?;
                Ok(Inserted::Done(filename))
            })
        })
        .await;
    match inserted {
        // The room went between the two statements.
        Err(StoreError::Referenced(_)) => Ok(Inserted::NoRoom),
        other => other,
    }
}

/// Deletes an asset of a room. Whether there was one; its content is for the caller to remove.
pub async fn delete(db: &Db, room: Uuid, asset: Uuid) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM assets WHERE id = $1 AND room_id = $2 RETURNING size";
    db.transaction(move |tx| {
        Box::pin(async move {
            let Some(owner) = usage::take_owner_of_room(tx, room).await? else {
                return Ok(false);
            };
            let size: Option<i64> = within!(&mut *tx, c => sqlx::query_scalar(DELETE)
                .bind(asset)
                .bind(room)
                .fetch_optional(c)
                .await)?;
            if let Some(size) = size {
                change_used_storage(tx, owner, -size).await?;
            }
            Ok(size.is_some())
        })
    })
    .await
}

/// Deletes all assets of a room that is about to be deleted. Their ids, for the removal of the contents.
pub(super) async fn delete_of_room(tx: &mut Tx, room: Uuid) -> Result<Vec<Uuid>, StoreError> {
    const DELETE: &str = "DELETE FROM assets WHERE room_id = $1 RETURNING id, size";
    let Some(owner) = usage::take_owner_of_room(tx, room).await? else {
        return Ok(Vec::new());
    };
    let deleted: Vec<(Uuid, i64)> =
        within!(&mut *tx, c => sqlx::query_as(DELETE).bind(room).fetch_all(c).await)?;
    let size: i64 = deleted.iter().map(|(_, size)| size).sum();
    if size != 0 {
        change_used_storage(tx, owner, -size).await?;
    }
    Ok(deleted.into_iter().map(|(id, _)| id).collect())
}

/// Which of these assets exist. At most a few hundred at a time.
pub async fn existing(db: &Db, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(read!(db, c => {
        let mut select = sqlx::QueryBuilder::new("SELECT id FROM assets WHERE id IN (");
        let mut list = select.separated(", ");
        for id in ids {
            list.push_bind(*id);
        }
        select.push(")").build_query_scalar().fetch_all(c).await
    })?)
}

/// The next ids after `after`, up to `last`, in their order.
pub async fn ids_after(
    db: &Db,
    after: Option<Uuid>,
    last: Uuid,
    limit: u32,
) -> Result<Vec<Uuid>, StoreError> {
    const SELECT: &str = "SELECT id FROM assets WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3";
    Ok(read!(db, c => sqlx::query_scalar(SELECT)
        .bind(after.unwrap_or(Uuid::nil()))
        .bind(last)
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?)
}

/// The first of these names that no asset of the room has: the name itself, then numbered ones.
async fn free_name(
    tx: &mut Tx,
    asset: &Asset,
    numbered: fn(&str, usize) -> String,
) -> Result<String, StoreError> {
    const SELECT: &str = "SELECT filename FROM assets WHERE room_id = $1 AND substr(filename, 1, $2) = $3";
    let name = &asset.filename;
    // What all of them begin with.
    let second = numbered(name, 2);
    let begin = name.chars().zip(second.chars());
    let begin: String = begin
        .map_while(|(one, other)| (one == other).then_some(one))
        .collect();
    let taken: Vec<String> = within!(tx, c => sqlx::query_scalar(SELECT)
        .bind(asset.room_id)
        .bind(i32::try_from(begin.chars().count()).unwrap_or(i32::MAX))
        .bind(begin)
        .fetch_all(c)
        .await)?;
    let more = (2..).map(|number| numbered(name, number));
    let mut names = std::iter::once(name.clone()).chain(more);
    Ok(names.find(|name| !taken.contains(name)).unwrap_or_default())
}

/// Whether the user's assets take more than the tariff grants already. The user's row must be locked by this transaction.
async fn is_exhausted(tx: &mut Tx, user: Uuid) -> Result<bool, StoreError> {
    const SELECT: &str =
        "SELECT u.used_storage, t.quotas FROM users u JOIN tariffs t ON t.id = u.tariff_id WHERE u.id = $1";
    let (bytes, quotas): (i64, Json<BTreeMap<String, u64>>) =
        within!(tx, c => sqlx::query_as(SELECT).bind(user).fetch_one(c).await)?;
    Ok(max_storage(&quotas).is_some_and(|max| count(bytes) > max))
}

/// The settings know no such quota.
fn max_storage(of_tariff: &BTreeMap<String, u64>) -> Option<u64> {
    Quota::MaxStorage.limit(of_tariff, &Quotas::NONE)
}

async fn change_used_storage(tx: &mut Tx, owner: Uuid, bytes: i64) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE users SET used_storage = CASE WHEN used_storage + $2 < 0 THEN 0
        ELSE used_storage + $2 END WHERE id = $1";
    within!(tx, c => sqlx::query(UPDATE).bind(owner).bind(bytes).execute(c).await.map(drop))?;
    Ok(())
}
