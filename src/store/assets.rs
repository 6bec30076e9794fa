//! Assets: what was recorded or made in a room. The content lies in the asset store under the row's id.
//!
//! The storage that an owner uses is kept beside each change. Whoever changes assets locks the owner's row first, so
//! that uploads, deletions and the deletion of the room follow one another.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, types::Json};
use thiserror::Error;
use uuid::Uuid;

use super::{
    Db, Listed, NewestFirst, StoreError, Tx, micros,
    rows::{Columns, count, from_columns},
    usage::{self, Limits, QuotaExceeded},
};
use crate::quotas::{Quota, Quotas};

/// Assets that one transaction deletes, so that others' come in between.
const DELETED_AT_ONCE: i64 = 1_000;

/// Names that are looked up at once. Few assets are of the same second.
const NAMES_AT_ONCE: usize = 16;

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
#[derive(Debug, Clone)]
pub struct UploadFacts {
    /// Whose storage it takes.
    pub owner: Uuid,
    /// Bytes that the owner's assets take.
    pub used_storage: u64,
    /// What holds for the owner.
    limits: Limits,
    /// Title of the room's event.
    pub event_title: Option<String>,
}

/// Why nothing more may be stored in the rooms of an owner.
#[derive(Debug, Error)]
pub enum Refused {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the room is gone")]
    NoRoom,
    /// The quota of bytes is soft: the asset that exceeds it is still taken.
    #[error("the assets of the room's owner take more than the tariff grants")]
    StorageExceeded,
    #[error(transparent)]
    TooMany(#[from] QuotaExceeded),
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Of the room `$1`: its owner, what the owner has, and the title of its event.
const UPLOAD_FACTS: &str = "SELECT u.id AS owner, u.used_storage, t.quotas, e.title AS event_title
    FROM rooms r JOIN users u ON u.id = r.created_by JOIN tariffs t ON t.id = u.tariff_id
    LEFT JOIN events e ON e.room_id = r.id WHERE r.id = $1";

/// How many assets there are in all rooms of the owner `$1`.
const COUNT_OWNED: &str =
    "SELECT count(*) FROM assets a JOIN rooms r ON r.id = a.room_id WHERE r.created_by = $1";

/// Whether something may be stored where `used` bytes are: the quota is soft, so the asset that exceeds it may; but with a
/// quota of nothing, nothing may.
#[must_use]
pub fn is_within(used: u64, max: u64) -> bool {
    used <= max && max > 0
}

impl UploadFacts {
    /// Bytes that the owner's tariff grants; `None`: any number.
    #[must_use]
    pub fn max_storage(&self) -> Option<u64> {
        self.limits.of(Quota::MaxStorage)
    }

    fn has_storage(&self) -> Result<(), Refused> {
        let exceeded = self
            .max_storage()
            .is_some_and(|max| !is_within(self.used_storage, max));
        if exceeded {
            Err(Refused::StorageExceeded)
        } else {
            Ok(())
        }
    }

    fn counts_assets(&self) -> bool {
        self.limits.of(Quota::AssetsMax).is_some()
    }

    fn has_place(&self, assets: i64) -> Result<(), Refused> {
        Ok(self.limits.one_more(Quota::AssetsMax, count(assets))?)
    }

    fn under(mut self, settings: Quotas) -> Self {
        self.limits = self.limits.under(settings);
        self
    }

    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let quotas: Json<BTreeMap<String, u64>> = row.col("quotas")?;
        Ok(Self {
            owner: row.col("owner")?,
            used_storage: count(row.col("used_storage")?),
            limits: Limits::new(quotas.0, Quotas::NONE),
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

/// What an upload into the room depends on, unless its owner has as much already as there may be.
pub async fn upload_facts(db: &Db, room: Uuid, settings: Quotas) -> Result<UploadFacts, Refused> {
    let facts: Option<UploadFacts> =
        read!(db, c => sqlx::query_as(UPLOAD_FACTS).bind(room).fetch_optional(c).await)?;
    let facts = facts.ok_or(Refused::NoRoom)?.under(settings);
    facts.has_storage()?;
    if facts.counts_assets() {
        let assets = read!(db, c => sqlx::query_scalar(COUNT_OWNED).bind(facts.owner).fetch_one(c).await)?;
        facts.has_place(assets)?;
    }
    Ok(facts)
}

/// The same as [`upload_facts`] of an owner whose row is taken by this transaction: what the answer says holds until its end.
async fn require_place(tx: &mut Tx, room: Uuid, settings: Quotas) -> Result<(), Refused> {
    let facts: Option<UploadFacts> =
        within!(&mut *tx, c => sqlx::query_as(UPLOAD_FACTS).bind(room).fetch_optional(c).await)?;
    let facts = facts.ok_or(Refused::NoRoom)?.under(settings);
    facts.has_storage()?;
    if facts.counts_assets() {
        let assets = within!(tx, c => sqlx::query_scalar(COUNT_OWNED).bind(facts.owner).fetch_one(c).await)?;
        facts.has_place(assets)?;
    }
    Ok(())
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
pub async fn list(
    db: &Db,
    room: Uuid,
    NewestFirst { window, as_of }: NewestFirst,
) -> Result<Listed<Asset>, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM assets a WHERE a.room_id = $1 AND a.created_at <= $2";
    const SELECT: &str = concat!(
        "SELECT ",
        asset_columns!(),
        " FROM assets a WHERE a.room_id = $1 AND a.created_at <= $2 ORDER BY a.created_at DESC, a.id DESC LIMIT $3 OFFSET $4"
    );
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(room).bind(as_of).fetch_one(c).await)?;
    let rows = read!(db, c => sqlx::query_as(SELECT)
        .bind(room)
        .bind(as_of)
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
    NewestFirst { window, as_of }: NewestFirst,
) -> Result<Listed<OwnedAsset>, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM assets a JOIN rooms r ON r.id = a.room_id WHERE r.created_by = $1 AND a.created_at <= $2";
    let select = owned_in_order(by, order);
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(owner).bind(as_of).fetch_one(c).await)?;
    let rows = read!(db, c => sqlx::query_as(select)
        .bind(owner)
        .bind(as_of)
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
                 LEFT JOIN events e ON e.room_id = r.id WHERE r.created_by = $1 AND a.created_at <= $2
                 ORDER BY ",
                $column,
                " ",
                $order,
                ", a.created_at ",
                $order,
                ", a.id ",
                $order,
                " LIMIT $3 OFFSET $4"
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

/// Adds an asset whose content is stored already; `quotas` refuse it where its owner has as much as there may be, without
/// them it is always taken. Where the room has an asset of this name, `numbered` makes another: the second, the third …
/// The name that it got.
pub async fn insert(
    db: &Db,
    asset: Asset,
    numbered: fn(&str, usize) -> String,
    quotas: Option<Quotas>,
) -> Result<String, Refused> {
    const INSERT: &str = "INSERT INTO assets (id, room_id, created_at, namespace, kind, filename, size)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let inserted = db
        .transaction(move |tx| {
            Box::pin(async move {
                let size = i64::try_from(asset.size).unwrap_or(i64::MAX);
                let owner = usage::take_owner_of_room(tx, asset.room_id).await?;
                let owner = owner.ok_or(Refused::NoRoom)?;
                if let Some(quotas) = quotas {
                    require_place(tx, asset.room_id, quotas).await?;
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
                Ok(filename)
            })
        })
        .await;
    match inserted {
        // The room went between the two statements.
        Err(Refused::Store(StoreError::Referenced(_))) => Err(Refused::NoRoom),
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

/// Deletes the assets of a room that is about to be deleted, but for the last [`DELETED_AT_ONCE`]: where the quota is lifted
/// there may be more than one transaction has time for. Their ids, for the removal of the contents.
pub async fn delete_most_of_room(db: &Db, room: Uuid) -> Result<Vec<Uuid>, StoreError> {
    let mut all = Vec::new();
    loop {
        let some: Vec<Uuid> = db
            .transaction(move |tx| Box::pin(delete_some_of_room(tx, room, DELETED_AT_ONCE, DELETED_AT_ONCE)))
            .await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

/// Deletes all assets of a room that is about to be deleted. Their ids, for the removal of the contents.
pub(super) async fn delete_of_room(tx: &mut Tx, room: Uuid) -> Result<Vec<Uuid>, StoreError> {
    delete_some_of_room(tx, room, i64::MAX, 0).await
}

/// Deletes the next `limit` assets of a room after its oldest `kept`.
async fn delete_some_of_room(
    tx: &mut Tx,
    room: Uuid,
    limit: i64,
    kept: i64,
) -> Result<Vec<Uuid>, StoreError> {
    const DELETE: &str = "DELETE FROM assets WHERE id IN
        (SELECT id FROM assets WHERE room_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3) RETURNING id, size";
    let Some(owner) = usage::take_owner_of_room(tx, room).await? else {
        return Ok(Vec::new());
    };
    let deleted: Vec<(Uuid, i64)> = within!(&mut *tx, c => sqlx::query_as(DELETE)
        .bind(room)
        .bind(limit)
        .bind(kept)
        .fetch_all(c)
        .await)?;
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
        let mut select = QueryBuilder::new("SELECT id FROM assets WHERE id IN (");
        push_ids!(select, ids);
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
        .bind(after.unwrap_or_default())
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
    let name = &asset.filename;
    let more = (2..).map(|number| numbered(name, number));
    let mut names = std::iter::once(name.clone()).chain(more);
    loop {
        let some: Vec<String> = names.by_ref().take(NAMES_AT_ONCE).collect();
        let taken: Vec<String> = within!(&mut *tx, c => {
            let mut select = QueryBuilder::new("SELECT filename FROM assets WHERE room_id = ");
            select.push_bind(asset.room_id).push(" AND filename IN (");
            let mut list = select.separated(", ");
            for name in &some {
                list.push_bind(name.clone());
            }
            select.push(")").build_query_scalar().fetch_all(c).await
        })?;
        if let Some(free) = some.into_iter().find(|name| !taken.contains(name)) {
            return Ok(free);
        }
    }
}

async fn change_used_storage(tx: &mut Tx, owner: Uuid, bytes: i64) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE users SET used_storage = CASE WHEN used_storage + $2 < 0 THEN 0
        ELSE used_storage + $2 END WHERE id = $1";
    within!(tx, c => sqlx::query(UPDATE).bind(owner).bind(bytes).execute(c).await.map(drop))?;
    Ok(())
}
